"""The order entries are listed in: the specification's, then that of the other sources."""

from __future__ import annotations

from warmboot.core.boot import version
from warmboot.core.boot.entry import Entry, Kind

_RANK = {Kind.BLS: 0, Kind.UKI: 0, Kind.GRUB: 1, Kind.EXTLINUX: 2, Kind.BOOT: 3, Kind.MODULES: 3}


def compare(a: Entry, b: Entry) -> int:
    """Return a negative number where `a` is listed before `b`, 0 where they keep their places.

    Boot loader entries come first, in the order of the Boot Loader Specification ("Sorting");
    entries of GRUB and extlinux keep the order of their menus; kernels known by their files alone
    come last, newest first. An entry that boot counting has given up goes behind all others.
    """
    order = int(a.bad) - int(b.bad) or _RANK[a.kind] - _RANK[b.kind]
    if order:
        return order
    if _RANK[a.kind] == 0:
        return _specification(a, b)
    if _RANK[a.kind] == 3:
        return _newest(a.version, b.version) or version.compare(b.id, a.id)
    return 0


def _specification(a: Entry, b: Entry) -> int:
    if (a.sort_key is None) != (b.sort_key is None):
        return -1 if b.sort_key is None else 1
    if a.sort_key is not None:
        order = (
            _text(a.sort_key, b.sort_key)
            or _text(a.machine_id, b.machine_id)
            or _newest(a.version, b.version)
        )
        if order:
            return order
    return version.compare(b.id, a.id) or _tries(a, b)


def _tries(a: Entry, b: Entry) -> int:
    """Between entries that are else the same: more tries left first, then fewer done."""
    if a.tries_left is None or b.tries_left is None:
        return 0
    return b.tries_left - a.tries_left or (a.tries_done or 0) - (b.tries_done or 0)


def _text(a: str | None, b: str | None) -> int:
    first, second = a or "", b or ""
    return (first > second) - (first < second)


def _newest(a: str | None, b: str | None) -> int:
    return version.compare(b or "", a or "")
