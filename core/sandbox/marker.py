"""The file that makes a directory a sandbox: a simulated machine, not a real system.

Whoever can make such a file decides where warmboot writes, and that nothing is staged in truth.
So a sandbox counts only where it belongs to the user or to root, as do all folders above it, and
nobody else can write there. Where that cannot be told, warmboot stops.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from warmboot.core.errors import Blocked
from warmboot.core.rooted import regular
from warmboot.core.text import printable

MARKER = ".warmboot-sandbox"
#: Where a simulated machine keeps the trial that it is on.
TRIAL = ".warmboot-kernel/trial.json"
_VERSION = 1
_WRITTEN = '{"warmboot-sandbox": 1, "note": "simulated machine; safe to delete"}\n'
_LIMIT = 4096  # bytes
_HINT = f"Make one of your own: warmboot sandbox DIR. Without {MARKER} it is a system like others."


def is_sandbox(path: Path) -> bool:
    """Whether `path` holds a simulated machine. The root of the file system never does.

    Raises Blocked where that cannot be told, or somebody else could have made it one.
    """
    try:
        if os.path.samestat(os.stat(path), os.stat("/")):
            return False
        found = os.open(path / MARKER, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (OSError, ValueError) as error:
        raise _doubt(path, str(getattr(error, "strerror", error))) from error
    try:
        check_place(path)
        _check_owner(path / MARKER, os.fstat(found))
        text = _read(found)
    except (OSError, MemoryError) as error:
        raise _doubt(path, str(getattr(error, "strerror", "no memory"))) from error
    finally:
        os.close(found)
    if text != _WRITTEN.encode() and not _says_so(text):
        raise _doubt(path, f"{MARKER} there is damaged, or of another version of warmboot")
    return True


def write_marker(path: Path) -> None:
    """Make `path` a sandbox."""
    (path / MARKER).write_text(_WRITTEN)


def check_place(path: Path) -> None:
    """Raise Blocked where somebody else can write to a folder, or put another in its place.

    A folder above it that all may write to is fine where nobody can move what is not theirs
    (sticky, as /tmp is). Raises OSError.
    """
    real = Path(os.path.realpath(path))
    _check_owner(real, os.stat(real))
    check_above(real)


def check_above(path: Path) -> None:
    """Raise Blocked where somebody else can put another file in the place of `path`; OSError.

    `path` need not be there yet, nor the folders right above it.
    """
    for folder in filter(Path.is_dir, Path(os.path.realpath(path)).parents):
        status = os.stat(folder)
        if not status.st_mode & stat.S_ISVTX:
            _check_owner(folder, status)
        elif status.st_uid not in (0, os.geteuid()):
            raise _not_yours(folder, "belongs to somebody else")


def _check_owner(path: Path, status: os.stat_result) -> None:
    if status.st_uid not in (0, os.geteuid()):
        raise _not_yours(path, "belongs to somebody else")
    if status.st_mode & stat.S_IWOTH:
        raise _not_yours(path, "can be written by everybody")
    if status.st_mode & stat.S_IWGRP and not _private(status):
        raise _not_yours(path, "can be written by a group")


def _private(status: os.stat_result) -> bool:
    """Whether the group of a file has its owner as only member, as useradd(8) makes them."""
    import grp
    import pwd

    try:
        owner, group = pwd.getpwuid(status.st_uid), grp.getgrgid(status.st_gid)
    except KeyError:
        return False
    alone = set(group.gr_mem) <= {owner.pw_name}
    return alone and owner.pw_gid == group.gr_gid and owner.pw_name == group.gr_name


def _says_so(text: bytes) -> bool:
    """Whether a marker that was written otherwise is one."""
    from warmboot.core.typed import json_object

    content = json_object(text)
    return content is not None and content.get("warmboot-sandbox") == _VERSION


def _read(found: int) -> bytes:
    """Return what the marker says, nothing where it is no file of ours. Raises OSError."""
    status = os.fstat(found)
    if not stat.S_ISREG(status.st_mode) or status.st_size > _LIMIT:
        return b""
    fd = regular(found, MARKER)
    try:
        return os.pread(fd, _LIMIT, 0)
    finally:
        os.close(fd)


def _doubt(path: Path, why: str) -> Blocked:
    return Blocked(
        f"Whether {printable(str(path))} is a simulated machine cannot be told: {why}", hint=_HINT
    )


def _not_yours(path: Path, why: str) -> Blocked:
    return Blocked(
        f"The simulated machine is not to be trusted: {printable(str(path))} {why}", hint=_HINT
    )
