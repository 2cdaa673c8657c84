"""The system calls themselves: kexec_file_load(2), kexec_load(2), reboot(2), by syscall(2)."""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Sequence

from warmboot.core.architecture import ArchitectureFacts, of_machine
from warmboot.core.debug import debug, failure
from warmboot.core.hints import Final

KEXEC_ON_CRASH: Final = 0x1  # include/uapi/linux/kexec.h
LINUX_REBOOT_CMD_KEXEC: Final = 0x45584543  # include/uapi/linux/reboot.h
LINUX_REBOOT_CMD_RESTART: Final = 0x01234567

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
    number = _facts(machine).kexec_file_load
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
    _judge(f"kexec_file_load({kernel_fd}, {initrd_fd}, …, {flags:#x})", result)


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
    facts = _facts(machine)
    if facts.kexec_load is None or facts.kexec_arch is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    array = (KexecSegment * len(segments))(*segments)
    result = _syscall(
        ctypes.c_long(facts.kexec_load),
        ctypes.c_ulong(entry),
        ctypes.c_ulong(len(segments)),
        ctypes.byref(array) if segments else None,
        ctypes.c_ulong(flags | facts.kexec_arch),
    )
    _judge(f"kexec_load({entry:#x}, {len(segments)} segments, {flags:#x})", result)


def _facts(machine: str) -> ArchitectureFacts:
    architecture = of_machine(machine)
    if architecture is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    return architecture.facts


def reboot_through_firmware() -> None:
    """Call reboot(2) with LINUX_REBOOT_CMD_RESTART; returns only by raising OSError."""
    debug("reboot(LINUX_REBOOT_CMD_RESTART)")
    _judge("reboot(LINUX_REBOOT_CMD_RESTART)", _reboot(LINUX_REBOOT_CMD_RESTART))


def reboot_kexec() -> None:
    """Call reboot(2) with LINUX_REBOOT_CMD_KEXEC; returns only by raising OSError."""
    debug("reboot(LINUX_REBOOT_CMD_KEXEC)")
    _judge("reboot(LINUX_REBOOT_CMD_KEXEC)", _reboot(LINUX_REBOOT_CMD_KEXEC))


def _judge(call: str, result: int) -> None:
    """Log a call, and raise OSError where it failed."""
    if result != 0:
        code = ctypes.get_errno()
        error = OSError(code, os.strerror(code))
        failure(call, error)
        raise error
    debug("%s = 0", call)
