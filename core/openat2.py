"""openat2(2): the kernel itself keeps a path inside a directory. Python has no binding for it."""

from __future__ import annotations

import errno
import functools
import os
import sys
from collections.abc import Callable

_NUMBER = 437  # on every architecture
_RESOLVE_NO_MAGICLINKS = 0x02
_RESOLVE_IN_ROOT = 0x10
#: Answers of kernels before 5.6, of system call filters, and of a lost race with a rename.
_FALL_BACK = (errno.ENOSYS, errno.EPERM, errno.EINVAL, errno.EAGAIN, errno.E2BIG)


@functools.cache
def _syscall() -> Callable[..., int]:
    import ctypes  # which only a root that is not / needs

    function = ctypes.CDLL(None, use_errno=True).syscall
    function.restype = ctypes.c_long
    text = ctypes.c_char_p
    function.argtypes = (ctypes.c_long, ctypes.c_int, text, text, ctypes.c_size_t)
    return function


@functools.cache
def _how(flags: int) -> bytes:
    """Return a struct open_how (linux/openat2.h): flags, mode, resolve; the kernel reads it."""
    fields = (flags, 0, _RESOLVE_IN_ROOT | _RESOLVE_NO_MAGICLINKS)
    return b"".join(field.to_bytes(8, sys.byteorder) for field in fields)


def open_in_root(root: int, name: str, flags: int) -> int | None:
    """Open `name` with the directory `root` as its /; None where the kernel cannot do that.

    Symbolic links are followed inside it only. Raises OSError as open(2) does, ValueError for a
    name with a NUL.
    """
    path = os.fsencode(name)
    if b"\0" in path:
        raise ValueError("embedded null byte")
    how = _how(flags)
    fd = _syscall()(_NUMBER, root, path, how, len(how))
    if fd >= 0:
        return fd
    import ctypes

    number = ctypes.get_errno()
    if number in _FALL_BACK:
        return None
    raise OSError(number, os.strerror(number), name)
