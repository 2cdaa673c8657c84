"""An entry by the name an operator types, or by what it is: the default, the newest, …"""

from __future__ import annotations

import posixpath
from collections.abc import Sequence

from warmboot.core.boot import version_order
from warmboot.core.boot.entry import Entry, Listing
from warmboot.core.enumeration import StrEnum
from warmboot.core.errors import NotFound
from warmboot.core.text import printable

_SHOWN = 6  # names in a hint


class Selector(StrEnum):
    """An entry by what it is, where a name may stand; no entry's own name starts with ``@``."""

    DEFAULT = "@default"
    NEXT = "@next"
    NEWEST = "@newest"
    RUNNING = "@running"
    PREVIOUS = "@previous"


_MISSING = {
    Selector.DEFAULT: "No entry here starts by itself",
    Selector.NEXT: "No entry is chosen for the next start",
    Selector.NEWEST: "No entry that can be used states its kernel's release",
    Selector.RUNNING: "None of the entries is known to be the one that runs",
    Selector.PREVIOUS: "No restart by warmboot tells which kernel ran before",
}


def only_entry(listing: Listing) -> Entry:
    """Return the one entry there is; raises NotFound where there is none, or several."""
    if len(listing.entries) == 1:
        return listing.entries[0]
    if not listing.entries:
        places = ", ".join(one.place for one in listing.searched)
        hint = f"Looked in {places}. Or give --kernel FILE."
        raise NotFound("No boot images found", hint=hint)
    names = ", ".join(entry.id for entry in listing.entries[:6])
    raise NotFound(f"{len(listing.entries)} entries; name one", hint=f"For example: {names}")


def resolve_entry(listing: Listing, name: str, *, previous: str | None = None) -> Entry:
    """Return the entry with this id, title, release or path, or unambiguous start of an id.

    The ``.conf`` of a boot loader entry may be left out. A release or a kernel file may belong to
    several entries, as a recovery mode does: the default among them is meant, else the first, as
    long as all are for one kernel. A Selector stands for the entry that is so; `previous` is the
    release that ran before the last restart. Raises NotFound with the nearest names where nothing,
    or more than one entry, fits.
    """
    entries = listing.entries
    if name == Selector.PREVIOUS and previous is not None:
        name = previous
    if name in tuple(Selector):
        return _selected(entries, Selector(name))
    for fits in (
        [entry for entry in entries if name == entry.id],
        [entry for entry in entries if name == entry.id.removesuffix(".conf")],
        [entry for entry in entries if name == entry.title],
        [entry for entry in entries if name in entry.also],
        _for_one_kernel([entry for entry in entries if name == entry.release]),
        _for_one_kernel([entry for entry in entries if name in _paths(entry)]),
        _for_one_kernel([entry for entry in entries if name in _file_names(entry)]),
        [entry for entry in entries if name == entry.version],
        [entry for entry in entries if name and entry.id.startswith(name)],
    ):
        if len(fits) == 1:
            return fits[0]
        if fits:
            more = f" and {len(fits) - _SHOWN} more" if len(fits) > _SHOWN else ""
            raise NotFound(
                f"{printable(name)} matches {len(fits)} entries",
                hint=f"Name one of: {', '.join(e.id for e in fits[:_SHOWN])}{more}.",
            )
    names = {entry.id: entry.id for entry in entries}
    names |= {entry.title: entry.id for entry in entries}
    import difflib

    close = difflib.get_close_matches(name[:128], list(names), 3, 0.4)
    near = ", ".join(dict.fromkeys(names[one] for one in close))
    hint = f"Similar names: {near}." if near else "warmboot list shows what is installed."
    raise NotFound(f"No entry is called {printable(name)}", hint=hint)


def _selected(entries: Sequence[Entry], selector: Selector) -> Entry:
    if selector is Selector.NEWEST:
        entry = _newest(entries)
    else:
        flag = selector.value[1:]  # an entry has none for the previous one
        entry = next((entry for entry in entries if getattr(entry, flag, False)), None)
    if entry is None:
        hint = "warmboot list shows what is installed; name an entry."
        raise NotFound(_MISSING[selector], hint=hint)
    return entry


def _newest(entries: Sequence[Entry]) -> Entry | None:
    """Return the newest kernel of the flavour that runs, else that is the default, else of any.

    Of one kernel's entries the default counts, else the first: not its recovery mode.
    """
    known = [entry for entry in entries if entry.release and not entry.problem]
    known.sort(key=lambda entry: not entry.default)
    for mark in ("running", "default"):
        own = [version_order.flavour(e.release or "") for e in entries if getattr(e, mark)]
        alike = [e for e in known if version_order.flavour(e.release or "") in own]
        if alike:
            known = alike
            break
    return max(known, key=lambda e: version_order.release_key(e.release or ""), default=None)


def _paths(entry: Entry) -> set[str]:
    """Return the paths that led to an entry's kernel."""
    return {entry.kernel, *entry.sources}


def _file_names(entry: Entry) -> set[str]:
    return set(map(posixpath.basename, _paths(entry)))


def _for_one_kernel(fits: list[Entry]) -> list[Entry]:
    """Narrow entries for one kernel down to the default or the first of them."""
    if len({entry.kernel for entry in fits}) > 1:
        return fits
    return [entry for entry in fits if entry.default] or fits[:1]
