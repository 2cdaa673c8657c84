"""Writes initramfs archives: the "newc" form of cpio.

Source: the kernel's Documentation/driver-api/early-userspace/buffer-format.rst. The same content
always gives the same bytes: names are sorted, owners and times are 0.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

END = "TRAILER!!!"


@dataclass(frozen=True)
class _Member:
    mode: int
    content: bytes | Path = b""
    device: tuple[int, int] = (0, 0)

    def read(self) -> bytes:
        return self.content.read_bytes() if isinstance(self.content, Path) else self.content


class Archive:
    """A file system in the making; paths are absolute, missing parent folders are added."""

    def __init__(self) -> None:
        self._members: dict[str, _Member] = {}

    def folder(self, path: str, permissions: int = 0o755) -> None:
        """Add an empty folder."""
        self._add(path, _Member(stat.S_IFDIR | permissions))

    def file(self, path: str, content: bytes | Path, permissions: int = 0o644) -> None:
        """Add a regular file; a `Path` is read when the archive is written."""
        self._add(path, _Member(stat.S_IFREG | permissions, content))

    def link(self, path: str, target: str) -> None:
        """Add a symbolic link."""
        self._add(path, _Member(stat.S_IFLNK | 0o777, target.encode()))

    def character_device(self, path: str, major: int, minor: int) -> None:
        """Add a character device node (no privilege is needed to write one into an archive)."""
        self._add(path, _Member(stat.S_IFCHR | 0o600, device=(major, minor)))

    def tree(self, source: Path, path: str = "/") -> None:
        """Add everything below the folder `source`, symbolic links as links."""
        for item in sorted(source.rglob("*")):
            name = str(PurePosixPath(path) / item.relative_to(source).as_posix())
            permissions = stat.S_IMODE(item.lstat().st_mode)
            if item.is_symlink():
                self.link(name, str(item.readlink()))
            elif item.is_dir():
                self.folder(name, permissions)
            else:
                self.file(name, item, permissions)

    def write(self, target: Path) -> None:
        """Write the archive; archives may be joined end to end, the later one wins."""
        with target.open("wb") as out:
            for chunk in self._chunks():
                out.write(chunk)

    def to_bytes(self) -> bytes:
        """The archive as one value, for small ones."""
        return b"".join(self._chunks())

    def _add(self, path: str, member: _Member) -> None:
        name = PurePosixPath(path)
        if not name.is_absolute() or ".." in name.parts:
            raise ValueError(f"{path!r} is not an absolute path")
        for parent in list(name.parents)[:-1]:
            self._members.setdefault(str(parent)[1:], _Member(stat.S_IFDIR | 0o755))
        self._members[str(name)[1:]] = member

    def _chunks(self) -> Iterator[bytes]:
        for number, name in enumerate(sorted(self._members), start=1):
            yield _encode(name, self._members[name], number)
        yield _encode(END, _Member(0), 0)


def _encode(name: str, member: _Member, number: int) -> bytes:
    content = member.read()
    raw_name = name.encode() + b"\0"
    links = 2 if stat.S_ISDIR(member.mode) else 1
    fields = (
        *(number, member.mode, 0, 0, links, 0, len(content)),  # inode, mode, uid, gid, links, time
        *(0, 0, *member.device, len(raw_name), 0),  # its device, node's device, name, checksum
    )
    header = b"070701" + b"".join(b"%08X" % field for field in fields)
    return _padded(header + raw_name) + _padded(content)


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)
