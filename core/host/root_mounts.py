"""Which file systems hold the files of the root: itself, of an overlay its layers, and /usr.

Sources: Documentation/filesystems/overlayfs.rst; ostree-prepare-root(1) for composefs;
overlayroot(8), whose layers are on /media/root-ro and /media/root-rw.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from warmboot.core.expression import expression
from warmboot.core.host.file_systems import content_of
from warmboot.core.host.mounts import Mount
from warmboot.core.mountinfo import unescape
from warmboot.core.values import NamedTuple

_LAYERS = 64
#: File systems in memory, which hold nothing when a kernel starts.
IN_MEMORY = frozenset(("tmpfs", "ramfs", "rootfs"))
_COLON = expression(r"(?<!\\):")
_LOWER = ("lowerdir", "lowerdir+", "datadir+")


class RootMounts(NamedTuple):
    """`mounts` hold the files of the root and of /usr; `over` are types of what is above them.

    `problem` says why not all of them are known, None where they are.
    """

    mounts: tuple[Mount, ...]
    over: tuple[str, ...] = ()
    problem: str | None = None


def root_mounts(mounts: Sequence[Mount]) -> RootMounts:
    """Return what holds the files of the root, / itself first."""
    points = {one.point: one for one in mounts}
    root = points.get("/")
    if root is None:
        return RootMounts((), (), "what is mounted on / is not known")
    # Extensions of systemd are an overlay above /usr, which may be a file system of its own.
    usr = [one for one in mounts if one.point == "/usr" and one.type not in ("overlay", "autofs")]
    if root.type != "overlay":
        return RootMounts(tuple(dict.fromkeys((root, *usr[:1]))))
    if root.source == "composefs" and "/sysroot" in points:
        return RootMounts((points["/sysroot"], *usr[:1]), ("overlay", "erofs"))
    found: dict[Mount, None] = {}
    for path, lower in _layers(root):
        holder = holding(points, path)
        if holder is None or (lower and holder.type in IN_MEMORY):
            problem = f"the root file system is an overlay, and its {path} is not to be seen"
            return RootMounts(tuple(found), ("overlay",), problem)
        if holder.type not in IN_MEMORY:
            found[holder] = None
    if not found:
        problem = "the root file system is an overlay, and the kernel does not say of what"
        return RootMounts((), ("overlay",), problem)
    return RootMounts((*found, *usr[:1]), ("overlay",))


def mount_to_be(prefix: Path, block: str) -> Mount:
    """Return what is mounted on / where the root is a block device, by what udev found on it."""
    content = content_of(prefix, block)
    number, kind = (content.number, content.type) if content else ("", "")
    return Mount(number, "/", kind, f"/dev/{block}")


def holding(points: Mapping[str, Mount], path: str) -> Mount | None:
    """Return the mount that a path is on, None where that is the root itself, or no path."""
    while path.startswith("/") and path.strip("/"):
        if path in points:
            return points[path]
        path = posixpath.dirname(path)
    return None


def _layers(mount: Mount) -> Iterator[tuple[str, bool]]:
    """Yield the folders that an overlay is made of, and whether each is a lower one."""
    for name in (*_LOWER, "upperdir"):
        for option in mount.options:
            key, equals, value = option.partition("=")
            if key != name or not equals:
                continue
            text = unescape(value)
            parts = _COLON.split(text) if name == "lowerdir" else [text]
            for part in [one for one in parts if one][:_LAYERS]:
                yield posixpath.normpath(part.replace("\\:", ":")), name != "upperdir"
