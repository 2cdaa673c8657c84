"""openat2(2): the kernel itself keeps a path inside a directory. Python has no binding for it."""

from __future__ import annotations

import ctypes
import errno
import functools
import os
from collections.abc import Callable

_NUMBER = 437  # on every architecture
_RESOLVE_NO_MAGICLINKS = 0x02
_RESOLVE_IN_ROOT = 0x10
#: Answers of kernels before 5.6, of system call filters, and of a lost race with a rename.
_FALL_BACK = (errno.ENOSYS, errno.EPERM, errno.EINVAL, errno.EAGAIN, errno.E2BIG)


class _OpenHow(ctypes.Structure):
    """struct open_how (linux/openat2.h)."""

    _fields_ = (
        ("flags", ctypes.c_uint64),
        ("mode", ctypes.c_uint64),
        ("resolve", ctypes.c_uint64),
    )


@functools.cache
def _syscall() -> Callable[..., int]:
    function = ctypes.CDLL(None, use_errno=True).syscall
    function.restype = ctypes.c_long
    how = ctypes.POINTER(_OpenHow)
    function.argtypes = (ctypes.c_long, ctypes.c_int, ctypes.c_char_p, how, ctypes.c_size_t)
    return function


@functools.cache
def _how(flags: int) -> _OpenHow:
    """Return the argument for these flags; the kernel only reads it, so one serves all calls."""
    return _OpenHow(flags, 0, _RESOLVE_IN_ROOT | _RESOLVE_NO_MAGICLINKS)


def open_in_root(root: int, name: str, flags: int) -> int | None:
    """Open `name` with the directory `root` as its /; None where the kernel cannot do that.

    Symbolic links are followed inside it only. Raises OSError as open(2) does, ValueError for a
    name with a NUL.
    """
    path = os.fsencode(name)
    if b"\0" in path:
        raise ValueError("embedded null byte")
    fd = _syscall()(_NUMBER, root, path, _how(flags), ctypes.sizeof(_OpenHow))
    if fd >= 0:
        return fd
    number = ctypes.get_errno()
    if number in _FALL_BACK:
        return None
    raise OSError(number, os.strerror(number), name)
