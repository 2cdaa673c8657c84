"""The running kernel as a loader, through kexec_file_load(2)."""

from __future__ import annotations

import os
import subprocess

from warmboot.core.errors import NothingStaged, WarmbootError
from warmboot.core.host import Host, read_staged
from warmboot.core.kexec import errnos, syscalls
from warmboot.core.kexec.loader import LoadFlags, LoadRequest

_SYSTEMCTL_TIMEOUT = 60


class NativeLoader:
    """kexec_file_load(2) and reboot(2) of the machine warmboot runs on."""

    name = "kexec_file_load(2)"
    simulated = False

    def __init__(self, host: Host) -> None:
        self._host = host

    def load(self, request: LoadRequest) -> None:
        """Stage a kernel; raises Refused with the meaning of the kernel's answer."""
        initrd = -1 if request.initrd_fd is None else request.initrd_fd
        try:
            syscalls.kexec_file_load(
                request.kernel_fd,
                initrd,
                request.cmdline_bytes,
                int(request.call_flags),
                self._host.machine,
            )
        except OSError as error:
            raise errnos.refusal(error.errno or 0, errnos.LOAD, "Staging") from error

    def loaded(self) -> bool:
        """Read /sys/kernel/kexec_loaded."""
        return bool(read_staged(self._host.prefix))

    def unload(self) -> None:
        """Take the staged kernel out; raises Refused."""
        try:
            syscalls.kexec_file_load(-1, -1, None, int(LoadFlags.UNLOAD), self._host.machine)
        except OSError as error:
            raise errnos.refusal(error.errno or 0, errnos.LOAD, "Unloading") from error

    def execute(self) -> None:
        """Restart into the staged kernel: through systemd where it runs, else at once."""
        if not self.loaded():
            raise NothingStaged("No kernel is staged", hint="Stage one first: warmboot stage.")
        if self._host.systemd:
            self._systemctl()
        else:
            self.execute_now()

    def execute_now(self) -> None:
        """Sync the disks and jump, without stopping services."""
        os.sync()
        try:
            syscalls.reboot_kexec()
        except OSError as error:
            raise errnos.refusal(error.errno or 0, errnos.EXECUTE, "The restart") from error

    def _systemctl(self) -> None:
        try:
            done = subprocess.run(
                ["systemctl", "kexec"],
                capture_output=True,
                text=True,
                timeout=_SYSTEMCTL_TIMEOUT,
                check=False,
                stdin=subprocess.DEVNULL,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise WarmbootError(
                f"systemctl kexec could not be run: {error}",
                hint="warmboot exec --now restarts without systemd (services are not stopped).",
            ) from error
        if done.returncode != 0:
            raise WarmbootError(
                f"systemctl kexec failed: {done.stderr.strip() or f'exit {done.returncode}'}",
                hint="warmboot exec --now restarts without systemd (services are not stopped).",
            )
