"""How much memory may still be used: the machine's, and that of the control groups around us."""

from __future__ import annotations

from pathlib import Path

from warmboot.core.host.files import number, read_int, read_text

_GROUPS = "sys/fs/cgroup"
_DEEPEST = 32


def read_memory_available(prefix: Path) -> int | None:
    """Return the bytes that are free or can be made free; None where the kernel does not say.

    The least of MemAvailable and of what memory.max and memory.high of every control group above
    this process leave (Documentation/admin-guide/cgroup-v2.rst). Page cache counts as free.
    """
    free = _meminfo(read_text(prefix / "proc/meminfo", 1 << 16))
    rooms = [free] if free is not None else []
    for line in (read_text(prefix / "proc/self/cgroup", 1 << 16) or "").splitlines():
        hierarchy, _, path = line.partition("::")
        if hierarchy == "0":
            rooms += _group_rooms(prefix / _GROUPS, path)
    return min(rooms, default=None)


def _meminfo(text: str | None) -> int | None:
    for line in (text or "").splitlines():
        name, _, value = line.partition(":")
        if name == "MemAvailable":
            kibibytes = number(value.removesuffix("kB"))
            return None if kibibytes is None else kibibytes * 1024
    return None


def _group_rooms(root: Path, path: str) -> list[int]:
    parts = [part for part in path.split("/") if part not in ("", ".", "..")][:_DEEPEST]
    rooms = []
    for depth in range(len(parts), 0, -1):
        folder = root.joinpath(*parts[:depth])
        limits = [read_int(folder / name) for name in ("memory.max", "memory.high")]
        used = read_int(folder / "memory.current")
        known = [limit for limit in limits if limit is not None]
        if known and used is not None:
            rooms.append(max(0, min(known) - used + _cache(folder)))
    return rooms


def _cache(folder: Path) -> int:
    for line in (read_text(folder / "memory.stat", 1 << 16) or "").splitlines():
        name, _, value = line.partition(" ")
        if name == "inactive_file":
            return number(value) or 0
    return 0
