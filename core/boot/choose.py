"""An entry by the name an operator types."""

from __future__ import annotations

import difflib

from warmboot.core.boot.entry import Entry, Listing
from warmboot.core.errors import NotFound
from warmboot.core.text import printable


def choose(listing: Listing, name: str) -> Entry:
    """Return the entry with this id, kernel release or unambiguous start of an id.

    Raises NotFound with the nearest names where nothing, or more than one entry, fits.
    """
    entries = listing.entries
    for fits in (
        [entry for entry in entries if entry.id == name],
        [entry for entry in entries if entry.version == name],
        [entry for entry in entries if entry.id.startswith(name)],
    ):
        if len(fits) == 1:
            return fits[0]
        if fits:
            raise NotFound(
                f"{printable(name)} fits {len(fits)} entries",
                hint="Name one of: " + ", ".join(entry.id for entry in fits[:6]),
            )
    near = difflib.get_close_matches(name, [entry.id for entry in entries], 3, 0.4)
    hint = f"Near: {', '.join(near)}." if near else "warmboot list shows what is installed."
    raise NotFound(f"No entry is called {printable(name)}", hint=hint)
