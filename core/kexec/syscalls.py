"""The system calls themselves: kexec_file_load(2) and reboot(2), through libc's syscall(2)."""

from __future__ import annotations

import ctypes
import errno
import os
from typing import Final

#: Numbers of kexec_file_load(2) by ``uname -m``. Source: the kernel's syscall tables.
KEXEC_FILE_LOAD: Final = {
    "x86_64": 320,
    "aarch64": 294,
    "riscv64": 294,
    "loongarch64": 294,
    "s390x": 381,
    "ppc64le": 382,
}
LINUX_REBOOT_CMD_KEXEC: Final = 0x45584543  # include/uapi/linux/reboot.h

_libc: Final = ctypes.CDLL(None, use_errno=True)
_syscall = _libc.syscall
_syscall.restype = ctypes.c_long
_reboot = _libc.reboot
_reboot.restype = ctypes.c_int
_reboot.argtypes = [ctypes.c_int]


def kexec_file_load(
    kernel_fd: int, initrd_fd: int, cmdline: bytes | None, flags: int, machine: str
) -> None:
    """Call kexec_file_load(2). `cmdline` ends in NUL and its length counts it; None passes none.

    Raises OSError with the kernel's errno; ENOSYS also where `machine` has no such call.
    """
    number = KEXEC_FILE_LOAD.get(machine)
    if number is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    result = _syscall(
        ctypes.c_long(number),
        ctypes.c_int(kernel_fd),
        ctypes.c_int(initrd_fd),
        ctypes.c_ulong(0 if cmdline is None else len(cmdline)),
        ctypes.c_char_p(cmdline),
        ctypes.c_ulong(flags),
    )
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def reboot_kexec() -> None:
    """Call reboot(2) with LINUX_REBOOT_CMD_KEXEC; returns only by raising OSError."""
    if _reboot(LINUX_REBOOT_CMD_KEXEC) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
