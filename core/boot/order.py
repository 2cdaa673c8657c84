"""The order entries are listed in: the specification's, then that of the other sources."""

from __future__ import annotations

from collections.abc import Iterable

from warmboot.core.boot import version_order
from warmboot.core.boot.entry import Entry


def ordered(entries: Iterable[Entry]) -> list[Entry]:
    """Return the entries as they are listed; those that nothing tells apart keep their places.

    Boot loader entries come first, in the order of the Boot Loader Specification ("Sorting");
    entries of GRUB and extlinux keep the order of their menus; kernels known by their files alone
    come last, newest first. An entry without tries left (boot counting) goes behind all others.
    """
    newest_first = sorted(entries, key=_age, reverse=True)
    return sorted(newest_first, key=_group)


def _group(entry: Entry) -> tuple[bool, int, bool, str, str]:
    """Return what comes before age, ascending: whether it is usable, where it is from, sort key."""
    rank = entry.kind.rank
    if rank != 0 or entry.sort_key is None:
        return (entry.bad, rank, True, "", "")
    return (entry.bad, rank, False, entry.sort_key, entry.machine_id or "")


def _age(entry: Entry) -> tuple[object, ...]:
    """Return what is compared within a group, the greatest first; () keeps the places.

    A version counts only beside a sort key, and in a file's name. Of entries that are else the
    same the one with more tries left comes first, then that with fewer done.
    """
    rank = entry.kind.rank
    if rank not in (0, 3):
        return ()
    stated = rank == 3 or entry.sort_key is not None
    release = version_order.key(entry.version or "") if stated else ()
    tries = (entry.tries_left or 0, -(entry.tries_done or 0))
    return (release, version_order.key(entry.id), tries)
