"""Package managers at work, and updates that are not finished."""

from __future__ import annotations

import os
from itertools import islice
from pathlib import Path

from warmboot.core.host.files import names, number, read_int, read_text
from warmboot.core.host.mounts import Mount
from warmboot.core.rooted import is_there
from warmboot.core.values import dataclass

_LOCKS = {
    "dpkg": ("var/lib/dpkg/lock-frontend", "var/lib/dpkg/lock"),
    "apt": ("var/lib/apt/lists/lock", "var/cache/apt/archives/lock"),
    "rpm": ("usr/lib/sysimage/rpm/.rpm.lock", "var/lib/rpm/.rpm.lock"),
    "apk": ("usr/lib/apk/db/lock", "lib/apk/db/lock"),
}
_PACMAN = "var/lib/pacman/db.lck"  # there only while pacman works
_ZYPPER = "run/zypp.pid"  # stays; holds the number of the process, or of one that has ended
_TABLE = 1 << 20
_LINES = 20_000


@dataclass(frozen=True)
class Updates:
    """What package managers left to do.

    `busy` names those at work now. `restart_wanted`: a package asked for a restart
    (/run/reboot-required). `unfinished` says what dpkg(1) still has to do. `modules` are the
    kernel releases below /usr/lib/modules.
    """

    busy: tuple[str, ...]
    restart_wanted: bool
    unfinished: tuple[str, ...]
    modules: tuple[str, ...]


def read_updates(prefix: Path, mounts: tuple[Mount, ...]) -> Updates:
    """Read the marks and locks of the package managers; no lock is touched."""
    return Updates(
        busy=_busy(prefix, mounts),
        restart_wanted=any(
            is_there(prefix / place) for place in ("run/reboot-required", "var/run/reboot-required")
        ),
        unfinished=_unfinished(prefix),
        modules=tuple(names(prefix / "usr/lib/modules") or names(prefix / "lib/modules")),
    )


def _busy(prefix: Path, mounts: tuple[Mount, ...]) -> tuple[str, ...]:
    held = _held(prefix)
    found = [
        manager
        for manager, places in _LOCKS.items()
        if held and any(_identities(prefix, place, mounts) & held for place in places)
    ]
    if is_there(prefix / _PACMAN):
        found.append("pacman")
    process = read_int(prefix / _ZYPPER)
    if process is not None and (prefix / "proc" / str(process)).exists():
        found.append("zypper")
    return tuple(found)


def _held(prefix: Path) -> set[tuple[str, int]]:
    """Return device and inode of every file locked for writing; see /proc/locks in proc(5)."""
    held = set()
    lines = (read_text(prefix / "proc/locks", _TABLE) or "").splitlines()
    for line in islice(lines, _LINES):
        # A line with "->" behind its number is a process that waits for the lock.
        words = line.split()
        if len(words) < 6 or words[1] == "->" or words[3] != "WRITE":
            continue
        device, _, inode = words[5].rpartition(":")
        if inode.isascii() and inode.isdigit() and len(inode) < 21:
            held.add((device, int(inode)))
    return held


def _identities(prefix: Path, place: str, mounts: tuple[Mount, ...]) -> set[tuple[str, int]]:
    """Return a file's device and inode as /proc/locks may name them.

    On btrfs stat(2) gives a device of the subvolume's own; the kernel's lists give the mount's.
    """
    try:
        status = (prefix / place).stat()
    except (OSError, ValueError):
        return set()
    devices = {f"{os.major(status.st_dev)}:{os.minor(status.st_dev)}"}
    above = [mount for mount in mounts if f"/{place}".startswith(mount.point.rstrip("/") + "/")]
    if above:
        devices.add(max(above, key=lambda mount: len(mount.point)).device)
    return {(shown, status.st_ino) for shown in map(_hexadecimal, devices) if shown}


def _hexadecimal(device: str) -> str | None:
    major, _, minor = device.partition(":")
    numbers = number(major), number(minor)
    if numbers[0] is None or numbers[1] is None:
        return None
    return f"{numbers[0]:02x}:{numbers[1]:02x}"


def _unfinished(prefix: Path) -> tuple[str, ...]:
    found = []
    if names(prefix / "var/lib/dpkg/updates"):
        found.append("dpkg was interrupted")
    triggers = read_text(prefix / "var/lib/dpkg/triggers/Unincorp", 1 << 16)
    waiting = [line.split()[0] for line in (triggers or "").splitlines() if line.strip()]
    if waiting:
        found.append(f"dpkg triggers wait: {', '.join(waiting[:5])}")
    return tuple(found)
