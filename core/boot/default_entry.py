"""Which entry starts by itself, and which starts the next time only."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from warmboot.core.boot.entry import BootLoader, Entry, LoaderDefault
from warmboot.core.boot.loadervars import Running
from warmboot.core.boot.running_entry import running_entry
from warmboot.core.values import replace


def mark(
    entries: Sequence[Entry],
    preferences: Sequence[LoaderDefault],
    running: Running | None,
    banner: Callable[[Entry], str | None],
) -> list[Entry]:
    """Return the entries, at most one of each marked as running, default and next.

    `banner` is asked for what an entry's kernel says of itself.
    """
    preference = in_charge(preferences, running)
    default = _first(entries, preference.default) if preference else None
    once = _first(entries, (preference.once,)) if preference and preference.once else None
    now = running_entry(entries, running, banner) if running else None
    marked = list(entries)
    for index in {index for index in (now, default, once) if index is not None}:
        marked[index] = replace(
            entries[index], running=index == now, default=index == default, next=index == once
        )
    return marked


def in_charge(
    preferences: Sequence[LoaderDefault], running: Running | None
) -> LoaderDefault | None:
    """Return the preference of the boot loader that started the machine, else the likeliest.

    loader.conf is written for systemd-boot alone, so it is asked first.
    """
    info = (running.variables.info if running else None) or ""
    for preference in preferences:
        if info.startswith(preference.loader.value):
            return preference
    ranks = list(BootLoader)
    return min(preferences, key=lambda p: ranks.index(p.loader), default=None)


def _first(entries: Sequence[Entry], sources: Sequence[str]) -> int | None:
    """Return the entry of the first source that one has."""
    for source in sources:
        for index, entry in enumerate(entries):
            if source in entry.sources:
                return index
    return None
