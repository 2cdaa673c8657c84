"""The order entries are listed in: the specification's, then that of the other sources."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from operator import attrgetter

from warmboot.core.boot import version_order
from warmboot.core.boot.bls_format import parse_counter
from warmboot.core.boot.entry import Entry, Kind
from warmboot.core.boot.kernel_filenames import set_aside
from warmboot.core.values import NamedTuple

_XBOOTLDR = ("/boot/loader/", "/boot/EFI/")
_NO_VERSION: version_order.ReleaseKey = ("", 0, "")


class _Place(NamedTuple):
    """What the place of an entry in a list is decided by, the first that differs.

    `group`, ascending: whether it is usable, where it is from, sort key, machine ID. `version`, the
    newest first. `parts`, ascending: the profile beside a sort key, and whether it was set aside.
    Then the name, the greatest first. `last`, ascending: profile, tries, file system.
    """

    entry: Entry
    group: tuple[bool, int, bool, str, str]
    version: version_order.ReleaseKey
    parts: tuple[int, bool]
    last: tuple[int, int, int, bool]


def ordered(entries: Iterable[Entry]) -> list[Entry]:
    """Return the entries as they are listed; those that nothing tells apart keep their places.

    Boot loader entries come first, in the order of the Boot Loader Specification ("Sorting") as
    systemd-boot(7) has it: those with a sort key by that, then by machine ID, newest version
    first, then by profile; then, as those without a sort key, by their names, greatest first.
    Entries of other menus keep the order of their menus; kernels known by their files alone come
    last, newest first, before one of the same release that was set aside. An entry without tries
    left (boot counting) goes behind all others.
    """
    places = [_place(entry) for entry in entries]
    places.sort(key=attrgetter("parts"))
    places.sort(key=attrgetter("version"), reverse=True)
    places.sort(key=attrgetter("group"))
    found: list[Entry] = []
    for _, alike in groupby(places, attrgetter("group", "version", "parts")):
        found += _by_name(list(alike))
    return found


def _by_name(alike: list[_Place]) -> list[Entry]:
    """Return the entries that only their names and `last` put in order; a name takes a while."""
    if len(alike) > 1:
        alike.sort(key=attrgetter("last"))
        alike.sort(key=lambda place: _name(place.entry), reverse=True)
    return [place.entry for place in alike]


def _place(entry: Entry) -> _Place:
    """Return what decides where an entry stands.

    A version counts only beside a sort key, and in a file's name. Of entries that are else the
    same, more tries left come first, then fewer done. Last, those of the EFI system partition stand
    before those of XBOOTLDR, which is /boot.
    """
    kind, rank, bad = entry.kind, entry.kind.rank, entry.bad
    group, version, parts = (bad, rank, True, "", ""), _NO_VERSION, (0, False)
    if rank == 0 and entry.sort_key is not None:
        group = (bad, rank, False, entry.sort_key, entry.machine_id or "")
        version = version_order.key(entry.version or ""), 0, ""
        parts = entry.profile, False
    elif kind.files_only:
        version = version_order.release_key(entry.release or entry.version or "")
        parts = 0, set_aside(entry.kernel)
    extended = bool(entry.sources) and entry.sources[0].startswith(_XBOOTLDR)
    profile = entry.profile if kind is Kind.UKI else 0
    last = (profile, -(entry.tries_left or 0), entry.tries_done or 0, extended)
    return _Place(entry, group, version, parts, last)


def _name(entry: Entry) -> str:
    """Return what the name is compared by; the profiles of one image share the image's name."""
    if entry.kind is Kind.UKI:
        return version_order.key(parse_counter(entry.image.rpartition("/")[2])[0])
    return version_order.key(entry.id) if entry.kind.rank in (0, 3) else ""
