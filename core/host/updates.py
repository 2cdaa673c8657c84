"""Package managers at work, and updates that are not finished."""

from __future__ import annotations

import os
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from warmboot.core.host.files import names, read_text

_LOCKS = {
    "dpkg": ("var/lib/dpkg/lock-frontend", "var/lib/dpkg/lock"),
    "apt": ("var/lib/apt/lists/lock", "var/cache/apt/archives/lock"),
    "rpm": ("usr/lib/sysimage/rpm/.rpm.lock", "var/lib/rpm/.rpm.lock"),
    "apk": ("usr/lib/apk/db/lock", "lib/apk/db/lock"),
    "xbps": ("var/db/xbps/lock",),
}
#: Files that are there only while the package manager works.
_MARKS = {"pacman": "var/lib/pacman/db.lck", "zypper": "run/zypp.pid"}
_TABLE = 1 << 20
_LINES = 20_000


@dataclass(frozen=True, slots=True)
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


def read_updates(prefix: Path) -> Updates:
    """Read the marks and locks of the package managers; no lock is touched."""
    return Updates(
        busy=_busy(prefix),
        restart_wanted=any(
            os.path.lexists(prefix / place)
            for place in ("run/reboot-required", "var/run/reboot-required")
        ),
        unfinished=_unfinished(prefix),
        modules=tuple(names(prefix / "usr/lib/modules") or names(prefix / "lib/modules")),
    )


def _busy(prefix: Path) -> tuple[str, ...]:
    held = _held(prefix)
    found = [
        manager
        for manager, places in _LOCKS.items()
        if any(_identity(prefix / place) in held for place in places)
    ]
    found += [manager for manager, mark in _MARKS.items() if os.path.lexists(prefix / mark)]
    return tuple(found)


def _held(prefix: Path) -> set[tuple[str, int]]:
    """Return device and inode of every locked file; source: /proc/locks in proc(5)."""
    held = set()
    lines = (read_text(prefix / "proc/locks", _TABLE) or "").splitlines()
    for line in islice(lines, _LINES):
        # A line with "->" is a process that waits for the lock, not one that has it.
        words = line.split()
        if len(words) < 6 or "->" in words:
            continue
        device, _, inode = words[5].rpartition(":")
        if inode.isascii() and inode.isdigit() and len(inode) < 21:
            held.add((device, int(inode)))
    return held


def _identity(path: Path) -> tuple[str, int] | None:
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    return f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}", status.st_ino


def _unfinished(prefix: Path) -> tuple[str, ...]:
    found = []
    if names(prefix / "var/lib/dpkg/updates"):
        found.append("dpkg was interrupted")
    triggers = read_text(prefix / "var/lib/dpkg/triggers/Unincorp", 1 << 16)
    waiting = [line.split()[0] for line in (triggers or "").splitlines() if line.strip()]
    if waiting:
        found.append(f"dpkg triggers wait: {', '.join(waiting[:5])}")
    return tuple(found)
