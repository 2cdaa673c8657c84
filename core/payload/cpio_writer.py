"""cpio archives in the newc format, written
(Documentation/driver-api/early-userspace/buffer-format.rst)."""

from __future__ import annotations

from collections.abc import Mapping

from warmboot.core.values import dataclass

_DIRECTORY, _FILE, _LINK, _CHARACTER = 0o040755, 0o100755, 0o120777, 0o020600
_BLOCK = 512  # archives are padded to whole blocks


@dataclass(frozen=True)
class Node:
    """Anything but a plain executable file: `mode` is st_mode, `device` the numbers of a device."""

    content: bytes = b""
    mode: int = _FILE
    device: tuple[int, int] = (0, 0)


def link(target: str) -> Node:
    """Return a symbolic link to `target`."""
    return Node(target.encode(), _LINK)


def character_device(major: int, minor: int) -> Node:
    """Return a character device such as /dev/console (5, 1)."""
    return Node(mode=_CHARACTER, device=(major, minor))


def directory(mode: int = 0o755) -> Node:
    """Return an empty directory with these permissions."""
    return Node(mode=0o040000 | mode)


def build_cpio(files: Mapping[str, bytes | Node]) -> bytes:
    """Return a newc archive of `files` and the directories above them, the same every time.

    Names have no slash in front. Bytes stand for an executable file with this content. All
    belongs to root, with the time 0.
    """
    folders = {
        "/".join(parts[:count])
        for parts in (name.split("/") for name in files)
        for count in range(1, len(parts))
    }
    out = []
    for inode, name in enumerate(sorted(folders | set(files)), 1):
        node = files.get(name, Node(mode=_DIRECTORY))
        out.append(_member(inode, name, Node(node) if isinstance(node, bytes) else node))
    out.append(_member(0, "TRAILER!!!", Node(mode=0)))
    return _pad(b"".join(out), _BLOCK)


def _member(inode: int, name: str, node: Node) -> bytes:
    encoded = name.encode() + b"\0"
    links = 2 if node.mode & 0o170000 == 0o040000 else 1
    fields = (
        inode, node.mode, 0, 0, links, 0, len(node.content), 0, 0, *node.device, len(encoded), 0,
    )  # fmt: skip
    head = b"070701" + b"".join(f"{value:08X}".encode() for value in fields) + encoded
    return _pad(head, 4) + _pad(node.content, 4)


def _pad(data: bytes, boundary: int) -> bytes:
    return data + bytes(-len(data) % boundary)
