"""The system calls themselves: kexec_file_load(2), kexec_load(2), reboot(2), by syscall(2)."""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Sequence
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
#: Numbers of kexec_load(2), likewise.
KEXEC_LOAD: Final = {
    "x86_64": 246,
    "aarch64": 104,
    "riscv64": 104,
    "loongarch64": 104,
    "s390x": 277,
    "ppc64le": 268,
}
#: KEXEC_ARCH_* by ``uname -m``; include/uapi/linux/kexec.h.
KEXEC_ARCH: Final = {
    "x86_64": 62 << 16,
    "aarch64": 183 << 16,
    "riscv64": 243 << 16,
    "loongarch64": 258 << 16,
    "s390x": 22 << 16,
    "ppc64le": 21 << 16,
}
KEXEC_ON_CRASH: Final = 0x1  # include/uapi/linux/kexec.h
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


class KexecSegment(ctypes.Structure):
    """struct kexec_segment: `bufsz` bytes at `buf` go to `memsz` bytes of memory at `mem`."""

    _fields_ = (
        ("buf", ctypes.c_void_p),
        ("bufsz", ctypes.c_size_t),
        ("mem", ctypes.c_void_p),
        ("memsz", ctypes.c_size_t),
    )


def kexec_load(entry: int, segments: Sequence[KexecSegment], flags: int, machine: str) -> None:
    """Call kexec_load(2); no segments at all unload. `flags` is without the architecture.

    Raises OSError with the kernel's errno; ENOSYS also where `machine` has no such call.
    """
    number = KEXEC_LOAD.get(machine)
    if number is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    array = (KexecSegment * len(segments))(*segments)
    result = _syscall(
        ctypes.c_long(number),
        ctypes.c_ulong(entry),
        ctypes.c_ulong(len(segments)),
        ctypes.byref(array) if segments else None,
        ctypes.c_ulong(flags | KEXEC_ARCH[machine]),
    )
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def reboot_kexec() -> None:
    """Call reboot(2) with LINUX_REBOOT_CMD_KEXEC; returns only by raising OSError."""
    if _reboot(LINUX_REBOOT_CMD_KEXEC) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
