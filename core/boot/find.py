"""Everything bootable under a boot root: found piece by piece, listed each kernel once."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator

from warmboot.core.boot import boot_partitions
from warmboot.core.boot.default_entry import mark
from warmboot.core.boot.entry import (
    Entry,
    Found,
    Kind,
    Listing,
    LoaderDefault,
    SearchedPlace,
)
from warmboot.core.boot.loadervars import Running
from warmboot.core.boot.merge import merge
from warmboot.core.boot.order import ordered
from warmboot.core.boot.root import BootRoot
from warmboot.core.boot.search import Search
from warmboot.core.boot.sources.registry import SOURCES
from warmboot.core.errors import WarmbootError
from warmboot.core.images.identify import outline


def find_entries(root: BootRoot, running: Running | None = None) -> Listing:
    """Return what is installed under `root` and where was looked; never raises for a bad file.

    `running` is what runs now, None where the root is not that of the running system.
    """
    with root.held() as held:
        return arrange(held, discover(held, running), running)


def discover(root: BootRoot, running: Running | None = None) -> Iterator[Found]:
    """Yield entries, places looked at and preferences as they are found, best source first.

    Nothing is merged or sorted yet; `arrange` makes a listing of what was found so far.
    """
    with root.held() as held:
        search = Search(held, running)
        for found in (one for source in SOURCES for one in source.find(search)):
            if not isinstance(found, Entry):
                yield found
                continue
            search.found.append(_with_release(held, found))
            yield search.found[-1]
        yield from boot_partitions.unmounted(held, running)


def arrange(root: BootRoot, found: Iterable[Found], running: Running | None = None) -> Listing:
    """Return the listing of what `discover` yielded: merged, sorted, marked, each id once."""
    entries: list[Entry] = []
    looked: list[SearchedPlace] = []
    preferences: list[LoaderDefault] = []
    for one in found:
        if isinstance(one, Entry):
            entries.append(one)
        elif isinstance(one, SearchedPlace):
            looked.append(one)
        else:
            preferences.append(one)
    with root.held() as held:
        merged = merge(held, entries)
    marked = mark(list(_unique(ordered(merged))), preferences, running)
    return Listing(tuple(marked), tuple(looked))


def _with_release(root: BootRoot, entry: Entry) -> Entry:
    """Ask the kernel's header for the release where nothing else states it (vmlinuz-linux)."""
    if entry.version is not None or entry.problem or entry.kind is Kind.UKI:
        return entry
    try:
        with root.open(entry.kernel) as file:
            return dataclasses.replace(entry, version=outline(file.view).release)
    except WarmbootError:
        return entry  # what is wrong with the file shows when it is examined


def _unique(entries: list[Entry]) -> Iterator[Entry]:
    """Give each entry an id of its own."""
    taken: set[str] = set()
    counts: dict[str, int] = {}
    for entry in entries:
        name, count = entry.id, counts.get(entry.id, 1)
        while name in taken:  # goes on where the last one of this name ended
            count += 1
            name = f"{entry.id}#{count}"
        counts[entry.id] = count
        taken.add(name)
        yield entry if name == entry.id else dataclasses.replace(entry, id=name)
