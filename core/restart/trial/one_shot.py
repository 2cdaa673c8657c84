"""A choice for the next start only: variables of UEFI, and GRUB's environment block."""

from __future__ import annotations

import array
import contextlib
import fcntl
import os
from pathlib import Path

from warmboot.core.boot.root import BootRoot
from warmboot.core.errors import WarmbootError, space_hint
from warmboot.core.host.firmware import GLOBAL, VARIABLES
from warmboot.core.plan.trial.trial import Choice, OneShot
from warmboot.core.rooted import RootedPath, regular, rooted
from warmboot.core.statefile import remove_state, replace_state

_LOADER = "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"
_ATTRIBUTES = (7).to_bytes(4, "little")  # kept, and seen by boot services and the system
_GET_FLAGS, _SET_FLAGS, _IMMUTABLE = 0x80086601, 0x40086602, 0x10  # include/uapi/linux/fs.h
_GRUBENV = ("/boot/grub2/grubenv", "/boot/grub/grubenv")
_SIGNATURE = b"# GRUB Environment Block\n"
_BLOCK = 1 << 16  # bytes; it has 1024


def grubenv_path(root: BootRoot) -> str | None:
    """Return where GRUB's environment block is, where its menu honours next_entry; else None."""
    for path in _GRUBENV:
        menu = root.read_text(path.replace("grubenv", "grub.cfg"), 1 << 20)
        if menu is not None and "next_entry" in menu and root.exists(path):
            return path
    return None


def choose(root: BootRoot, prefix: Path, choice: Choice) -> None:
    """Set a choice for the next start; raises WarmbootError, and then it is not set."""
    try:
        if choice.kind is OneShot.GRUB:
            _write_block(root, choice.value)
        else:
            _write_variable(_variable(prefix, choice.kind), _ATTRIBUTES + _value(choice))
    except OSError as error:
        raise WarmbootError(
            f"{choice.kind} could not be set: {error.strerror}",
            hint=space_hint(error, "The trial was not begun. Set the default by hand, or as root."),
        ) from error


def take_back(root: BootRoot, prefix: Path, kind: OneShot) -> bool:
    """Take a choice for the next start back; False where none was set. Raises WarmbootError."""
    try:
        if kind is OneShot.GRUB:
            return _write_block(root, None)
        path = _variable(prefix, kind)
        if not path.exists():
            return False
        _mutable(path)
        if isinstance(path, RootedPath):
            remove_state(path)
        else:
            path.unlink()
        return True
    except FileNotFoundError:
        return False
    except OSError as error:
        raise WarmbootError(
            f"{kind} could not be taken back: {error.strerror}",
            hint="The next start through firmware goes where it says. Remove it as root.",
        ) from error


def _value(choice: Choice) -> bytes:
    if choice.kind is OneShot.BOOT_NEXT:
        return int(choice.value, 16).to_bytes(2, "little")
    return (choice.value + "\0").encode("utf-16-le")


def _variable(prefix: Path, kind: OneShot) -> Path:
    vendor = GLOBAL if kind is OneShot.BOOT_NEXT else _LOADER
    return rooted(prefix) / VARIABLES / f"{kind}-{vendor}"


def _write_variable(path: Path, raw: bytes) -> None:
    """Write a variable with one write, as efivarfs wants it; raises OSError."""
    if isinstance(path, RootedPath):
        replace_state(path, raw)
        return
    _mutable(path)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        os.write(fd, raw)
    finally:
        os.close(fd)


def _mutable(path: Path) -> None:
    """Let a variable be changed: efivarfs protects those that are there (fs/efivarfs/file.c)."""
    if isinstance(path, RootedPath):
        return
    with contextlib.suppress(OSError):
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            flags = array.array("l", [0])
            fcntl.ioctl(fd, _GET_FLAGS, flags)
            flags[0] &= ~_IMMUTABLE
            fcntl.ioctl(fd, _SET_FLAGS, flags)
        finally:
            os.close(fd)


def _write_block(root: BootRoot, value: str | None) -> bool:
    """Set next_entry, or take it out, in place: GRUB knows the block by where it is on the disk.

    Returns whether it was changed. Raises OSError.
    """
    path = grubenv_path(root)
    if path is None:
        raise FileNotFoundError(2, "There is no environment block", "grubenv")
    found = root.find(path)
    try:
        fd = regular(found, path, os.O_RDWR)
    finally:
        os.close(found)
    try:
        size = os.fstat(fd).st_size
        raw = os.pread(fd, min(size, _BLOCK), 0)
        if not raw.startswith(_SIGNATURE) or len(raw) != size:
            raise OSError(22, "it is no environment block of GRUB", path)
        lines = raw.rstrip(b"#").splitlines(keepends=True)
        kept = [line for line in lines if not line.startswith(b"next_entry=")]
        if value is None and not any(
            line.strip() != b"next_entry=" for line in lines if line not in kept
        ):
            return False
        if value is not None:
            kept.append(b"next_entry=" + value.replace("\\", "\\\\").encode() + b"\n")
        new = b"".join(kept)
        if len(new) > size:
            raise OSError(28, "GRUB's environment block is full", path)
        os.pwrite(fd, new.ljust(size, b"#"), 0)
        os.fsync(fd)
        return True
    finally:
        os.close(fd)
