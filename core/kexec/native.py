"""The running kernel as a loader, through kexec_file_load(2)."""

from __future__ import annotations

from warmboot.core.host import Host, read_staged
from warmboot.core.kexec import errnos, execute, syscalls
from warmboot.core.kexec.loader import LoadFlags, LoadRequest


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
        """Sync the disks and jump; how the running system ends first is for `execute` to say."""
        execute.jump()
