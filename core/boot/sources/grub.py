"""The entries of GRUB's menus, and what GRUB starts by itself."""

from __future__ import annotations

from collections.abc import Iterator

from warmboot.core.boot.entry import BootLoader, Found, Kind
from warmboot.core.boot.search import Search
from warmboot.core.boot.sources.source import Source


def find(search: Search) -> Iterator[Found]:
    """Yield the entries of each grub.cfg, and what it starts by itself."""
    for installed in search.grub_menus:
        from warmboot.core.boot.grub.entries import MenuReader

        yield from MenuReader(search, installed, installed.menu).found()


SOURCE = Source((Kind.GRUB,), BootLoader.GRUB, find)
