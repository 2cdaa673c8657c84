"""Initial RAM file systems: cpio archives in the newc format (Documentation/driver-api/
early-userspace/buffer-format.rst)."""

from __future__ import annotations

from collections.abc import Mapping

_DIRECTORY, _FILE = 0o040755, 0o100755


def build_cpio(files: Mapping[str, bytes]) -> bytes:
    """Return a newc archive of `files` and the directories above them, the same every time."""
    folders = {
        "/".join(parts[:count])
        for parts in (name.split("/") for name in files)
        for count in range(1, len(parts))
    }
    out = b""
    names = sorted(folders | set(files))
    for inode, name in enumerate(names, 1):
        folder = name in folders
        out += _member(inode, name, _DIRECTORY if folder else _FILE, files.get(name, b""))
    return out + _member(0, "TRAILER!!!", 0, b"")


def _member(inode: int, name: str, mode: int, content: bytes) -> bytes:
    encoded = name.encode() + b"\0"
    fields = (inode, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(encoded), 0)
    head = b"070701" + b"".join(f"{value:08X}".encode() for value in fields) + encoded
    return _pad(head) + _pad(content)


def _pad(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
