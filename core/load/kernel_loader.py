"""The running kernel as a loader: kexec_file_load(2), kexec_load(2) or kexec-tools."""

from __future__ import annotations

import errno
from functools import partial

from warmboot.core.errors import Blocked
from warmboot.core.host import Host, read_staged
from warmboot.core.load import errnos, syscalls
from warmboot.core.load.loader import LoadFlags, LoadRequest
from warmboot.core.plan.request import Call


class KernelLoader:
    """The kernel of the machine warmboot runs on; the request says by which call."""

    name = "kexec_file_load(2)"
    simulated = False

    def __init__(self, host: Host) -> None:
        self._host = host

    def load(self, request: LoadRequest) -> None:
        """Stage a kernel; raises Refused with the meaning of the kernel's answer.

        Raises WarmbootError where kexec-tools fails, and what placing in memory raises.
        """
        if request.call is Call.TOOLS:
            from warmboot.core.load import kexec_tools

            kexec_tools.load(self._host, request)
            return
        call = partial(self._file_load, request)
        if request.call is Call.LOAD:
            from warmboot.core.load.kexec_load.layout import lay_out
            from warmboot.core.load.kexec_load.segments import load

            call = partial(load, lay_out(self._host, request), 0, self._host.machine)
        try:
            call()
        except OSError as error:
            table = errnos.LOAD_BY_PARSER if request.by_parser else errnos.LOAD
            raise errnos.refusal(error.errno or 0, table, "Staging") from error

    def _file_load(self, request: LoadRequest) -> None:
        if request.devicetree_fd is not None:
            raise Blocked("kexec_file_load(2) takes no device tree")
        syscalls.kexec_file_load(
            request.kernel_fd,
            -1 if request.initrd_fd is None else request.initrd_fd,
            request.cmdline_bytes,
            int(request.call_flags),
            self._host.machine,
        )

    def loaded(self) -> bool:
        """Read /sys/kernel/kexec_loaded."""
        return bool(read_staged(self._host.prefix))

    def unload(self, *, panic: bool = False) -> None:
        """Take the staged kernel out, or the crash kernel; raises Refused.

        Whichever call staged it: where the kernel lacks the one, the other does it.
        """
        machine = self._host.machine
        flags = LoadFlags.UNLOAD | (LoadFlags.ON_CRASH if panic else LoadFlags.NONE)
        try:
            try:
                syscalls.kexec_file_load(-1, -1, None, int(flags), machine)
            except OSError as error:
                if error.errno != errno.ENOSYS:
                    raise
                syscalls.kexec_load(0, (), syscalls.KEXEC_ON_CRASH if panic else 0, machine)
        except OSError as error:
            raise errnos.refusal(error.errno or 0, errnos.LOAD, "Unloading") from error

    def execute(self) -> None:
        """Sync the disks and call reboot(2); how the running system ends first is the caller's."""
        from warmboot.core.bounded import sync_disks

        sync_disks()
        try:
            syscalls.reboot_kexec()
        except OSError as error:
            raise errnos.refusal(error.errno or 0, errnos.EXECUTE, "The restart") from error
