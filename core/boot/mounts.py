"""What is mounted below a boot root, and by which names: mountinfo, fstab(5), udev and blkid(8)."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator
from pathlib import Path

from warmboot.core.boot.filesystems import By, Slot, Spec
from warmboot.core.boot.root import BootRoot
from warmboot.core.expression import expression
from warmboot.core.mountinfo import LIMIT, MountLine, parse_mountinfo, unescape
from warmboot.core.rooted import list_folder, rooted

_MANY = 256  # mounts, and devices that are asked about
_TEXT = 1 << 20
_TAGS = {"UUID": By.UUID, "LABEL": By.LABEL, "PARTUUID": By.PARTUUID, "PARTLABEL": By.PARTLABEL}
_LINKS = {"by-uuid": By.UUID, "by-label": By.LABEL, "by-partuuid": By.PARTUUID,
          "by-partlabel": By.PARTLABEL}  # fmt: skip
_UDEV = {"ID_FS_UUID": By.UUID, "ID_FS_LABEL_ENC": By.LABEL, "ID_PART_ENTRY_UUID": By.PARTUUID,
         "ID_PART_ENTRY_NAME": By.PARTLABEL}  # fmt: skip
_NO_FILES = (
    "swap", "none", "proc", "sysfs", "devtmpfs", "devpts", "tmpfs", "efivarfs", "cgroup", "cgroup2",
    "debugfs", "tracefs", "securityfs", "autofs", "ramfs", "mqueue", "hugetlbfs", "bpf", "pstore",
    "configfs", "fusectl", "binfmt_misc", "nfs", "nfs4", "cifs", "overlay",
)  # fmt: skip
_SUBVOLUMES = ("btrfs", "bcachefs")
_BLKID = expression(r"<device ([^<>]{0,2000})>([^<>]{1,200})</device>")
_ATTRIBUTE = expression(r'([A-Z_]{1,40})="([^"]{0,300})"')
_HEX = expression(r"\\x([0-9a-fA-F]{2})")


def read_slots(root: BootRoot, prefix: Path) -> list[Slot]:
    """Return the file systems of a root; `prefix` is where this machine's own files are.

    mountinfo counts where the root is a mount point, for all below it; else fstab does.
    """
    prefix = rooted(prefix)
    wanted = list(_wanted(root))
    lines = list(_mounted(root))
    if not any(place == "/" for place, _ in lines):
        there = dict(lines)
        return [_merge(slot, there.pop(slot.place, None), prefix) for slot in wanted] + [
            _slot(place, line, prefix) for place, line in there.items()
        ]
    by_place = {slot.place: slot for slot in wanted}
    slots = []
    for place, line in {place: (place, line) for place, line in lines}.values():
        slot = _slot(place, line, prefix)
        known = by_place.get(place)
        if known is not None and not slot.names:
            slot.names = known.names
        slots.append(slot)
    return slots


def _mounted(root: BootRoot) -> Iterator[tuple[str, MountLine]]:
    """Yield what is mounted at the root and below it, by places of the root."""
    prefix = str(root.path.resolve()).rstrip("/")
    for number, line in enumerate(parse_mountinfo(_read(Path("/proc/self/mountinfo"), LIMIT))):
        if number < _MANY and line.type not in _NO_FILES:
            if line.point == prefix or (line.point == "/" and not prefix):
                yield "/", line
            elif line.point.startswith(prefix + "/"):
                yield line.point[len(prefix) :], line


def _slot(place: str, line: MountLine, prefix: Path) -> Slot:
    slot = Slot(place, line.type, line.root)
    if line.type == "zfs":
        slot.inside = "/" + line.source.partition("/")[2] + "@"
    if line.source.startswith("/"):
        slot.call(Spec(By.NODE, line.source))
    for spec in _names_of(line, prefix):
        slot.call(spec)
    return slot


def _merge(slot: Slot, line: MountLine | None, prefix: Path) -> Slot:
    """Return a file system of fstab with what is known of it where it is mounted."""
    return slot if line is None else _slot(slot.place, line, prefix)


def _wanted(root: BootRoot) -> Iterator[Slot]:
    """Yield what the root's own /etc/fstab would mount."""
    for line in (root.read_text("/etc/fstab", _TEXT) or "").splitlines()[: _MANY * 8]:
        fields = line.split()
        if len(fields) < 3 or fields[0].startswith("#") or not fields[1].startswith("/"):
            continue
        source, place, kind = unescape(fields[0]), unescape(fields[1]), fields[2]
        options = fields[3].split(",") if len(fields) > 3 else []
        if kind in _NO_FILES or "bind" in options or "rbind" in options:
            continue
        slot = Slot(posixpath.normpath(place), kind, _inside(source, kind, options))
        spec = spec_of(source)
        if spec is not None:
            slot.call(spec)
        yield slot


def _inside(source: str, kind: str, options: list[str]) -> str | None:
    """Return which folder of its file system fstab mounts, None where it does not say."""
    for option in options:
        if option.startswith("subvol="):
            return "/" + option[7:].strip("/")
    if kind == "zfs":
        return "/" + source.partition("/")[2] + "@"
    return None if kind in _SUBVOLUMES else "/"


def spec_of(source: str) -> Spec | None:
    """Return what ``UUID=…``, ``LABEL=…`` or a device's path names, None for anything else."""
    tag, equals, value = source.partition("=")
    if equals and tag in _TAGS:
        return Spec(_TAGS[tag], value.strip('"'))
    if source.startswith("/dev/disk/"):
        folder, _, name = source[len("/dev/disk/") :].partition("/")
        return Spec(_LINKS[folder], _decode(name)) if folder in _LINKS else None
    return Spec(By.NODE, source) if source.startswith("/dev/") else None


def _decode(name: str) -> str:
    """Return a name with the escapes of udev undone."""
    return _HEX.sub(lambda found: chr(int(found[1], 16)), name)


def _names_of(line: MountLine, prefix: Path) -> Iterator[Spec]:
    """Yield the names of a mounted file system: links in /dev/disk, udev's data, blkid's."""
    device = _device(line, prefix)
    if device is None:
        return
    for folder, by in _LINKS.items():
        for name, number in _links(prefix / "dev/disk" / folder):
            if number == device:
                yield Spec(by, _decode(name))
    for entry in _read(prefix / "run/udev/data" / f"b{device}", 65536).splitlines():
        key, _, value = entry.removeprefix("E:").partition("=")
        if entry.startswith("E:") and key in _UDEV:
            yield Spec(_UDEV[key], _decode(value))
    for attributes, node in _BLKID.findall(_read(prefix / "run/blkid/blkid.tab", _TEXT)):
        values = dict(_ATTRIBUTE.findall(attributes))
        if node == line.source:
            yield from (Spec(by, values[tag]) for tag, by in _TAGS.items() if tag in values)


def _device(line: MountLine, prefix: Path) -> str | None:
    """Return ``MAJOR:MINOR`` of the block device: Btrfs has a number of its own, so by its node."""
    if not line.device.startswith("0:"):
        return line.device
    if not line.source.startswith("/dev/"):
        return None
    try:
        number = (prefix / line.source.lstrip("/")).stat().st_rdev
    except (OSError, ValueError):
        return None
    return f"{os.major(number)}:{os.minor(number)}"


def _links(folder: Path) -> Iterator[tuple[str, str]]:
    try:
        names = sorted(name for name, _ in list_folder(folder))[:_MANY]
    except (OSError, ValueError):
        return
    for name in names:
        try:
            number = (folder / name).stat().st_rdev
        except (OSError, ValueError):
            continue
        yield name, f"{os.major(number)}:{os.minor(number)}"


def _read(path: Path, limit: int) -> str:
    try:
        with path.open("rb") as file:
            return file.read(limit).decode("utf-8", "surrogateescape")
    except (OSError, ValueError):
        return ""
