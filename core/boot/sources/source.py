"""What a source of entries is: a boot loader's configuration, or a layout of files."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from warmboot.core.boot.entry import BootLoader, Found, Kind
from warmboot.core.boot.search import Search
from warmboot.core.values import NamedTuple


class Source(NamedTuple):
    """One source. `find` yields the entries, the places that were looked at, and, where the source
    is a boot loader's, what that boot loader starts by itself.

    `kinds` are those of its entries; `loader` the boot loader whose default it tells, or None.
    """

    kinds: tuple[Kind, ...]
    loader: BootLoader | None
    find: Callable[[Search], Iterator[Found]]
