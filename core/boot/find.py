"""Everything bootable under a boot root: found piece by piece, listed each kernel once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from warmboot.core.architecture import Architecture
from warmboot.core.boot import boot_partitions
from warmboot.core.boot.default_entry import in_charge, mark
from warmboot.core.boot.entry import (
    Entry,
    Found,
    Kind,
    Listing,
    LoaderDefault,
    SearchedPlace,
)
from warmboot.core.boot.kernel_filenames import may_be_release, release_in_path
from warmboot.core.boot.listed_entry import Headers, read_header
from warmboot.core.boot.loadervars import Running
from warmboot.core.boot.merge import merge
from warmboot.core.boot.order import ordered
from warmboot.core.boot.root import BootRoot
from warmboot.core.boot.search import Search
from warmboot.core.boot.sources.registry import SOURCES
from warmboot.core.values import replace


def find_entries(
    root: BootRoot,
    running: Running | None = None,
    machine: Architecture | None = None,
    headers: Headers | None = None,
) -> Listing:
    """Return what is installed under `root` and the places searched; never raises for a bad file.

    `running` is what runs now, None where the root is not that of the running system; `machine`
    what the kernels have to be for; `headers` keeps those that are read on the way.
    """
    with root.held() as held:
        return arrange(held, discover(held, running, machine, headers), running)


def discover(
    root: BootRoot,
    running: Running | None = None,
    machine: Architecture | None = None,
    headers: Headers | None = None,
) -> Iterator[Found]:
    """Yield entries, places looked at and preferences as they are found, best source first.

    Nothing is merged or sorted yet; `arrange` makes a listing of what was found so far.
    """
    with root.held() as held:
        search = Search(held, running, machine, headers)
        for found in (one for source in SOURCES for one in source.find(search)):
            if not isinstance(found, Entry):
                yield found
                continue
            search.found.append(_with_release(search, found))
            yield search.found[-1]
        yield from boot_partitions.unmounted(held, running)


def arrange(root: BootRoot, everything: Iterable[Found], running: Running | None = None) -> Listing:
    """Return the listing of what `discover` yielded: merged, sorted, marked, each id once."""
    entries: list[Entry] = []
    looked: list[SearchedPlace] = []
    preferences: list[LoaderDefault] = []
    for one in everything:
        if isinstance(one, Entry):
            entries.append(one)
        elif isinstance(one, SearchedPlace):
            looked.append(one)
        else:
            preferences.append(one)
    with root.held() as held:

        def banner(entry: Entry) -> str | None:
            image = read_header(held, entry).image
            return image.banner if image is not None else None

        # A kernel known by its file alone joins the first entry that starts it: not its fallback.
        found = sorted(ordered(entries), key=lambda entry: entry.kind.files_only)
        merged = merge(held, found)
        if len(merged) < len(found) or (found and found[-1].kind.files_only):  # joined, or moved
            merged = ordered(merged)
        shown = _as_shown(merged, in_charge(preferences, running))
        marked = mark(list(_unique(shown)), preferences, running, banner)
    return Listing(tuple(marked), tuple(looked))


def _as_shown(entries: list[Entry], preference: LoaderDefault | None) -> list[Entry]:
    """Return the entries with those that a boot loader orders in its own way in that order."""
    if preference is None or not preference.order:
        return entries
    ranks = {source: rank for rank, source in enumerate(preference.order)}

    def rank(entry: Entry) -> int | None:
        return ranks.get(entry.sources[0]) if entry.sources else None

    ranked = [entry for entry in entries if rank(entry) is not None]
    waiting = iter(sorted(ranked, key=lambda entry: rank(entry) or 0))
    return [entry if rank(entry) is None else next(waiting) for entry in entries]


def _with_release(search: Search, entry: Entry) -> Entry:
    """Find out the kernel's release: what its header says, not what a name or a menu calls it.

    Names do not always hold it: vmlinuz-6.6-x86_64 is 6.6.65-1-MANJARO, and Slackware's
    vmlinuz-6.12.58-generic is 6.12.58.
    """
    if entry.release is not None or entry.kind is Kind.UKI or entry.left_out:
        return entry
    release = None if entry.problem else search.release(entry.kernel)
    release = release or release_in_path(entry.kernel)
    stated = entry.version
    if release is None and stated is not None and may_be_release(stated):
        release = stated  # a header that does not say it (zboot), under a name that neither does
    return replace(entry, release=release)


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
        yield entry if name == entry.id else replace(entry, id=name)
