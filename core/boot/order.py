"""The order entries are listed in: the specification's, then that of the other sources."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable

from warmboot.core.boot import version_order
from warmboot.core.boot.bls_format import parse_counter
from warmboot.core.boot.entry import Entry, Kind
from warmboot.core.boot.kernel_filenames import set_aside

_XBOOTLDR = ("/boot/loader/", "/boot/EFI/")


def ordered(entries: Iterable[Entry]) -> list[Entry]:
    """Return the entries as they are listed; those that nothing tells apart keep their places.

    Boot loader entries come first, in the order of the Boot Loader Specification ("Sorting") as
    systemd-boot(7) has it: those with a sort key by that, then by machine ID, newest version
    first, then by profile; then, as those without a sort key, by their names, greatest first.
    Entries of other menus keep the order of their menus; kernels known by their files alone come
    last, newest first, before one of the same release that was set aside. An entry without tries
    left (boot counting) goes behind all others.
    """
    found = sorted(entries, key=_tries)
    found.sort(key=_profile)
    found.sort(key=_name, reverse=True)
    found.sort(key=lambda entry: entry.kind.files_only and set_aside(entry.kernel))
    found.sort(key=_sorted_profile)
    found.sort(key=_version, reverse=True)
    return sorted(found, key=_group)


def _group(entry: Entry) -> tuple[bool, int, bool, str, str]:
    """Return what comes before age, ascending: whether it is usable, where it is from, sort key."""
    rank = entry.kind.rank
    if rank != 0 or entry.sort_key is None:
        return (entry.bad, rank, True, "", "")
    return (entry.bad, rank, False, entry.sort_key, entry.machine_id or "")


def _version(entry: Entry) -> version_order.ReleaseKey:
    """Return what is compared within a group, the newest first.

    A version counts only beside a sort key, and in a file's name.
    """
    if entry.kind.files_only:
        return version_order.release_key(entry.release or entry.version or "")
    if entry.kind.rank == 0 and entry.sort_key is not None:
        return version_order.key(entry.version or ""), 0, ()
    return (), 0, ()


def _sorted_profile(entry: Entry) -> int:
    return entry.profile if entry.kind.rank == 0 and entry.sort_key is not None else 0


def _name(entry: Entry) -> version_order.Key:
    """Return what the name is compared by; the profiles of one image share the image's name."""
    if entry.kind is Kind.UKI:
        return version_order.key(parse_counter(posixpath.basename(entry.image))[0])
    return version_order.key(entry.id) if entry.kind.rank in (0, 3) else ()


def _profile(entry: Entry) -> int:
    return entry.profile if entry.kind is Kind.UKI else 0


def _tries(entry: Entry) -> tuple[int, int, bool]:
    """Of entries that are else the same, more tries left come first, then fewer done.

    Last, those of the EFI system partition stand before those of XBOOTLDR, which is /boot.
    """
    extended = bool(entry.sources) and entry.sources[0].startswith(_XBOOTLDR)
    return (-(entry.tries_left or 0), entry.tries_done or 0, extended)
