"""The end of a running system where no service manager does it: processes, then file systems.

The order is that of shutdown programs everywhere: SIGTERM, a while to comply, SIGKILL, sync,
unmount, and what cannot be unmounted read-only.
"""

from __future__ import annotations

import ctypes
import os
import signal
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from warmboot.core.host.files import read_text
from warmboot.core.mountinfo import LIMIT, parse_mountinfo

TERM_SECONDS = 10.0
KILL_SECONDS = 3.0
_POLL = 0.1
_PF_KTHREAD = 0x00200000  # include/linux/sched.h
_MS_RDONLY, _MS_REMOUNT = 0x1, 0x20  # include/uapi/linux/mount.h
_KERNEL_TYPES = frozenset(
    (
        *("autofs", "binfmt_misc", "bpf", "cgroup", "cgroup2", "configfs", "debugfs", "devpts"),
        *("devtmpfs", "efivarfs", "fusectl", "hugetlbfs", "mqueue", "nsfs", "proc", "pstore"),
        *("ramfs", "rootfs", "securityfs", "selinuxfs", "sysfs", "tmpfs", "tracefs"),
    )
)
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class Process:
    """One process of /proc; see proc(5). `storage` marks a daemon that root's disk depends on."""

    pid: int
    parent: int
    group: int
    kernel: bool
    storage: bool


@dataclass(frozen=True, slots=True)
class Ended:
    """What came of it: processes that stayed, file systems unmounted, read-only, and neither."""

    left: tuple[int, ...]
    unmounted: tuple[str, ...]
    read_only: tuple[str, ...]
    writable: tuple[str, ...]


def read_processes(proc: Path) -> list[Process]:
    """Return the processes that there are now."""
    found = (_process(path) for path in proc.iterdir() if path.name.isdigit())
    return [process for process in found if process is not None]


def doomed(processes: Iterable[Process], own: int) -> list[int]:
    """Return the processes to end.

    Spared are process 1, kernel threads, storage daemons (their first argument begins with ``@``;
    systemd, "Storage Daemons for the Root File System"), the process `own`, its group and all its
    parents: the shell and the SSH line that show how it goes.
    """
    everyone = {process.pid: process for process in processes}
    group = everyone[own].group if own in everyone else -1
    line = {1}
    pid = own
    while pid in everyone and pid not in line:
        line.add(pid)
        pid = everyone[pid].parent
    return sorted(
        process.pid
        for process in everyone.values()
        if process.pid not in line
        and not (process.kernel or process.storage)
        and process.group != group
    )


def end_processes(
    find: Callable[[], list[int]],
    *,
    term_seconds: float = TERM_SECONDS,
    kill_seconds: float = KILL_SECONDS,
) -> tuple[int, ...]:
    """SIGTERM, wait, SIGKILL, wait; `find` says who is still to end. Returns who stayed."""
    for number, seconds in ((signal.SIGTERM, term_seconds), (signal.SIGKILL, kill_seconds)):
        left = find()
        for pid in left:
            _signal(pid, number)
            if number == signal.SIGTERM:
                _signal(pid, signal.SIGCONT)
        deadline = time.monotonic() + seconds
        while left and time.monotonic() < deadline:
            time.sleep(_POLL)
            left = find()
        if not left:
            return ()
    return tuple(left)


def end_everything(proc: Path = Path("/proc")) -> Ended:
    """End all processes but ours, sync, and unmount or make read-only what can be."""
    left = end_processes(lambda: doomed(read_processes(proc), os.getpid()))
    os.sync()
    unmounted, read_only, writable = [], [], []
    for target in reversed(mount_points(read_text(proc / "self/mountinfo", LIMIT) or "")):
        raw = os.fsencode(target)
        if target != "/" and _libc.umount2(raw, 0) == 0:
            unmounted.append(target)
        elif _libc.mount(None, raw, None, _MS_REMOUNT | _MS_RDONLY, None) == 0:
            read_only.append(target)
        else:
            writable.append(target)
    os.sync()
    return Ended(left, tuple(unmounted), tuple(read_only), tuple(writable))


def mount_points(mountinfo: str) -> list[str]:
    """Return where writable file systems with data are mounted, in the order of mounting."""
    return [
        line.point
        for line in parse_mountinfo(mountinfo)
        if line.type not in _KERNEL_TYPES and "rw" in line.options
    ]


def _process(folder: Path) -> Process | None:
    stat, command = read_text(folder / "stat", 4096), read_text(folder / "cmdline", 1)
    fields = (stat or "").rpartition(")")[2].split()
    try:
        if fields[0] in ("Z", "X"):  # ended, and only waited for
            return None
        parent, group, flags = int(fields[1]), int(fields[2]), int(fields[6])
    except (IndexError, ValueError):
        return None
    return Process(int(folder.name), parent, group, bool(flags & _PF_KTHREAD), command == "@")


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except OSError:
        return
