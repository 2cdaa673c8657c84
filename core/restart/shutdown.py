"""The end of a running system where no service manager does it: processes, then file systems.

The order is that of shutdown programs everywhere: SIGTERM, a while to comply, SIGKILL, sync,
unmount, and what cannot be unmounted read-only. A server that does not answer (NFS) holds sync(2)
and umount(2) for ever: a child process does each, and is left behind when its time is up.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from warmboot.core.bounded import bounded, sync_disks
from warmboot.core.host.files import read_text
from warmboot.core.mountinfo import LIMIT, parse_mountinfo
from warmboot.core.text import printable
from warmboot.core.values import dataclass

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
_MOUNT_SECONDS = 10.0
_LOG = Path("/dev/kmsg")
_libc = ctypes.CDLL(None, use_errno=True)
_libc.umount2.argtypes = (ctypes.c_char_p, ctypes.c_int)
_libc.umount2.restype = ctypes.c_int
_libc.mount.argtypes = (
    *(ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p),
    *(ctypes.c_ulong, ctypes.c_void_p),
)
_libc.mount.restype = ctypes.c_int


@dataclass(frozen=True)
class Process:
    """One process of /proc; see proc(5). `storage` marks a daemon that root's disk depends on."""

    pid: int
    parent: int
    group: int
    kernel: bool
    storage: bool


@dataclass(frozen=True)
class Ended:
    """What came of it: processes that stayed, file systems unmounted, read-only, and neither.

    `hung` are those that gave no answer in time, and were left as they are; `unsynced`: so did
    sync(2), at the beginning or at the end.
    """

    left: tuple[int, ...]
    unmounted: tuple[str, ...]
    read_only: tuple[str, ...]
    writable: tuple[str, ...]
    hung: tuple[str, ...] = ()
    unsynced: bool = False


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
    """End all processes but ours, sync, and unmount or make read-only what can be.

    Takes a bounded time, whatever the file systems do.
    """
    left = end_processes(lambda: doomed(read_processes(proc), os.getpid()))
    synced = sync_disks()
    found: dict[str, list[str]] = {"unmounted": [], "read only": [], "writable": [], "hung": []}
    for target in reversed(mount_points(read_text(proc / "self/mountinfo", LIMIT) or "")):
        found[_end_mount(target)].append(target)
    if synced:  # what hung once hangs again
        synced = sync_disks()
    return Ended(
        left=left,
        unmounted=tuple(found["unmounted"]),
        read_only=tuple(found["read only"]),
        writable=tuple(found["writable"]),
        hung=tuple(found["hung"]),
        unsynced=not synced,
    )


def tell(ended: Ended, log: Path = _LOG) -> None:
    """Say in the kernel's log what was given up."""
    for target in ended.hung:
        say(f"{target} did not answer and stays mounted", log)
    if ended.unsynced:
        say("not all file systems could be synced in time", log)


def say(text: str, log: Path = _LOG) -> None:
    """Say something in the kernel's log, and so on the console; see kmsg in proc(5)."""
    with contextlib.suppress(OSError):
        # Each write is a line. Python's own files ask where they are, which this one never says.
        fd = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        try:
            os.write(fd, f"<4>warmboot: {printable(text)}\n".encode())
        finally:
            os.close(fd)


def _end_mount(target: str) -> str:
    """Unmount a file system, or make it read-only; return what came of it."""
    raw = os.fsencode(target)
    if target != "/":
        done = bounded(lambda: _libc.umount2(raw, 0) == 0, _MOUNT_SECONDS)
        if done is not False:
            return "hung" if done is None else "unmounted"
    flags = _MS_REMOUNT | _MS_RDONLY
    done = bounded(lambda: _libc.mount(None, raw, None, flags, None) == 0, _MOUNT_SECONDS)
    if done is None:
        return "hung"
    return "read only" if done else "writable"


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
