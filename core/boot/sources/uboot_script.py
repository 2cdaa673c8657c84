"""Scripts and settings of U-Boot: what they start only it knows, so they are named, not read."""

from __future__ import annotations

from collections.abc import Iterator

from warmboot.core.boot.entry import Found, Kind, SearchedPlace
from warmboot.core.boot.search import Search
from warmboot.core.boot.sources.source import Source
from warmboot.core.text import printable

_NAMES = ("boot.scr", "boot.scr.uimg", "uEnv.txt", "armbianEnv.txt", "uboot.env")


def find(search: Search) -> Iterator[Found]:
    """Yield the scripts, unless U-Boot finds a menu first."""
    if any(entry.kind is Kind.EXTLINUX for entry in search.found):
        return
    for base in dict.fromkeys(("/boot/firmware", *search.places)):
        for name in _NAMES:
            path = f"{base}/{name}"
            try:
                if not search.may_hold(base, name) or search.known(path):
                    continue
            except (OSError, ValueError):
                continue
            what = "U-Boot reads it; warmboot does not, so what it starts may be missing here"
            yield SearchedPlace(printable(path), what, notice=True)


SOURCE = Source((), None, find)
