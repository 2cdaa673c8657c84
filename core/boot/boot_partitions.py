"""Where the EFI system partition and XBOOTLDR are mounted in a boot root, and whether they are."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from warmboot.core.boot.entry import SearchedPlace
from warmboot.core.boot.loadervars import Running
from warmboot.core.boot.root import BootRoot
from warmboot.core.mountinfo import LIMIT, parse_mountinfo, unescape
from warmboot.core.text import printable
from warmboot.core.values import dataclass

#: By custom and specification; XBOOTLDR is /boot.
CUSTOMARY = ("/boot", "/boot/efi", "/efi")
_FAT = ("vfat", "msdos", "fat")
_MANY = 16
_FSTAB = 1 << 20  # bytes


@dataclass(frozen=True)
class Mount:
    """A mounted or (in fstab) wanted file system: its place in the root, type and device number."""

    place: str
    type: str
    device: str


def boot_places(root: BootRoot) -> tuple[str, ...]:
    """Return the folders that may hold boot loader entries: the customary, then other mounts."""
    places = list(CUSTOMARY)
    for mount in (*mounted(root), *wanted(root)):
        if mount.type in _FAT and mount.place not in places and len(places) < _MANY:
            places.append(mount.place)
    return tuple(places)


def unmounted(root: BootRoot, running: Running | None) -> Iterator[SearchedPlace]:
    """Yield each boot partition that ought to be mounted and is not."""
    mounts = list(mounted(root))
    there = {mount.place for mount in mounts}
    for mount in wanted(root):
        boot = mount.type in _FAT or mount.place in CUSTOMARY
        if boot and mount.place not in there and _empty(root, mount.place):
            what = f"named in /etc/fstab but not mounted: mount {mount.place}"
            yield SearchedPlace(printable(mount.place), printable(what), notice=True)
    if running is not None and running.variables.partition:
        yield from _unmounted_esp(running, mounts)


def _unmounted_esp(running: Running, mounts: list[Mount]) -> Iterator[SearchedPlace]:
    uuid = (running.variables.partition or "").lower()
    path = running.prefix / "dev/disk/by-partuuid" / os.path.basename(uuid)
    try:
        number = path.stat().st_rdev
    except (OSError, ValueError):
        return
    device = f"{os.major(number)}:{os.minor(number)}"
    if device not in {mount.device for mount in mounts}:
        place = f"EFI system partition {printable(uuid)}"
        what = f"used by the boot loader, but not mounted: mount {path} /efi"
        yield SearchedPlace(place, printable(what), notice=True)


def mounted(root: BootRoot) -> Iterator[Mount]:
    """Yield what is mounted inside the root, by proc_pid_mountinfo(5)."""
    text = _read(Path("/proc/self/mountinfo"))
    prefix = str(root.path.resolve()).rstrip("/")
    for line in parse_mountinfo(text):
        if line.point.startswith(prefix + "/"):
            yield Mount(line.point[len(prefix) :], line.type, line.device)


def wanted(root: BootRoot) -> Iterator[Mount]:
    """Yield what the root's own /etc/fstab would mount."""
    for line in (root.read_text("/etc/fstab", _FSTAB) or "").splitlines():
        fields = line.split()
        if len(fields) >= 3 and not fields[0].startswith("#") and fields[1].startswith("/"):
            place = unescape(fields[1]).rstrip("/")
            if place:
                yield Mount(place, fields[2], "")


def _empty(root: BootRoot, place: str) -> bool:
    try:
        return not root.names(place)
    except (OSError, ValueError):
        return True


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(LIMIT).decode("utf-8", "surrogateescape")
    except OSError:
        return ""
