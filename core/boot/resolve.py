"""An entry by the name an operator types."""

from __future__ import annotations

import difflib
import posixpath

from warmboot.core.boot.entry import Entry, Listing
from warmboot.core.errors import NotFound
from warmboot.core.text import printable


def resolve_entry(listing: Listing, name: str) -> Entry:
    """Return the entry with this id, release, kernel file, or unambiguous start of an id.

    A release or a kernel file may belong to several entries, as a recovery mode does: the default
    among them is meant, else the first, as long as all are for one kernel. Raises NotFound with
    the nearest names where nothing, or more than one kernel, fits.
    """
    entries = listing.entries
    for fits in (
        [entry for entry in entries if entry.id == name],
        _for_one_kernel([entry for entry in entries if entry.version == name]),
        _for_one_kernel([entry for entry in entries if name in _kernel_names(entry)]),
        [entry for entry in entries if entry.id.startswith(name)],
    ):
        if len(fits) == 1:
            return fits[0]
        if fits:
            raise NotFound(
                f"{printable(name)} matches {len(fits)} entries",
                hint="Name one of: " + ", ".join(entry.id for entry in fits[:6]),
            )
    near = difflib.get_close_matches(name, [entry.id for entry in entries], 3, 0.4)
    hint = (
        f"Similar names: {', '.join(near)}." if near else "warmboot list shows what is installed."
    )
    raise NotFound(f"No entry is called {printable(name)}", hint=hint)


def _kernel_names(entry: Entry) -> set[str]:
    """Return the paths that led to an entry's kernel, and their last parts."""
    paths = {entry.kernel, *entry.sources}
    return paths | {posixpath.basename(path) for path in paths}


def _for_one_kernel(fits: list[Entry]) -> list[Entry]:
    """Narrow entries for one kernel down to the default or the first of them."""
    if len({entry.kernel for entry in fits}) > 1:
        return fits
    return [entry for entry in fits if entry.default] or fits[:1]
