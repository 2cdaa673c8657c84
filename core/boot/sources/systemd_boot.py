"""What systemd-boot starts by itself: loader.conf(5), and what bootctl(1) was asked for."""

from __future__ import annotations

from collections.abc import Iterator

from warmboot.core.boot.bls_format import default_patterns
from warmboot.core.boot.entry import BootLoader, Found, Kind, LoaderDefault, SearchedPlace
from warmboot.core.boot.search import Search
from warmboot.core.boot.sources.source import Source


def find(search: Search) -> Iterator[Found]:
    """Yield what it starts, where it is configured or boot loader entries were found.

    Where loader.conf was not read to its end, what it starts is not known.
    """
    variables = search.running.variables if search.running else None
    patterns: tuple[str, ...] = ()
    configured = False
    for base in search.places:
        text = search.root.read_text(f"{base}/loader/loader.conf")
        if text is not None:
            if text.cut:
                yield SearchedPlace(f"{base}/loader/loader.conf", text.cut, notice=True)
                return
            configured = True
            patterns = default_patterns(text)
            break
    if variables is not None and variables.default:
        patterns = (variables.default, *patterns)
    last = variables.last if variables else None
    wanted = tuple(last if pattern == "@saved" else pattern for pattern in patterns)
    entries = any(entry.kind in (Kind.BLS, Kind.UKI) for entry in search.found)
    if configured or (entries and not search.grubenv):
        once = variables.oneshot if variables else None
        yield LoaderDefault(BootLoader.SYSTEMD_BOOT, tuple(filter(None, wanted)), once)


SOURCE = Source((), BootLoader.SYSTEMD_BOOT, find)
