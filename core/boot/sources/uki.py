"""Unified kernel images as entries: one for each profile, with the add-ons that belong to it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from warmboot.core.boot.bls_format import parse_counter
from warmboot.core.boot.entry import Entry, Found, Kind
from warmboot.core.boot.search import Search
from warmboot.core.boot.sources.source import Source
from warmboot.core.errors import WarmbootError
from warmboot.core.images import BootImage
from warmboot.core.images.identify import outline
from warmboot.core.images.pe import PeProgram
from warmboot.core.images.uki import Addon, Outline
from warmboot.core.text import plural, printable

_ADDONS = 64
_COMPANIONS = (".cred", ".sysext.raw", ".confext.raw", ".raw")


def find(search: Search) -> Iterator[Found]:
    """Yield the entries of the images in EFI/Linux of every boot partition."""
    for base in search.places:
        yield from search.folder(f"{base}/EFI/Linux", ".efi", partial(entries_of, search))


def entries_of(search: Search, folder: str, name: str) -> Iterator[Entry]:
    """Yield the entries of a UKI; nothing for other EFI programs. Never raises for a bad file."""
    path = f"{folder}/{name}"
    plain, left, done = parse_counter(name)
    image = _read(search, path)
    if isinstance(image, PeProgram | Addon):
        return
    about = image if isinstance(image, Outline) else None
    entry = Entry(
        id=printable(plain),
        title=(about.os_name if about else None) or printable(plain),
        kind=Kind.UKI,
        kernel=path,
        version=None if isinstance(image, str) else image.release,
        cmdline=about.cmdline if about else None,
        sources=(printable(path),),
        problem=image if isinstance(image, str) else None,
        tries_left=left,
        tries_done=done,
        initrd_reason="inside the image" if about and about.initrd_section else None,
    )
    if about is None:
        yield entry
    else:
        yield from _profiles(_with_addons(search, entry, folder, name), about)


def _profiles(entry: Entry, image: Outline) -> Iterator[Entry]:
    """Yield the entry, or one for each profile: the first one keeps the name of the file."""
    if not image.profiles:
        yield entry
        return
    added = (entry.cmdline or "")[len(image.cmdline or "") :]
    for number, profile in enumerate(image.profiles):
        own = profile.cmdline
        title = profile.title or (f"profile {profile.id}" if number else None)
        yield replace(
            entry,
            id=entry.id if number == 0 else printable(f"{entry.id}@{profile.id}"),
            title=f"{entry.title} ({title})" if title else entry.title,
            cmdline=entry.cmdline if own is None else (own + added).strip(),
            profile=number,
        )


def _with_addons(search: Search, entry: Entry, folder: str, name: str) -> Entry:
    """Add what systemd-stub(7) adds: global add-ons first, then those of this image, by name."""
    found, companions = _beside(search, folder, name)
    if not found and not companions:
        return entry
    notes = list(entry.notes)
    for path in found[:_ADDONS]:
        addon = _read(search, path)
        if not isinstance(addon, Addon):
            notes.append(f"{printable(path)} is not a readable add-on")
            continue
        if addon.cmdline:
            entry = replace(entry, cmdline=f"{entry.cmdline or ''} {addon.cmdline}".strip())
        if addon.headers.find(".dtb") or addon.headers.find(".dtbauto"):
            entry = replace(entry, overlays=(*entry.overlays, path))
        if addon.headers.find(".ucode") or addon.headers.find(".initrd"):
            notes.append(f"the initrd in {printable(path)} is not passed on")
        entry = replace(entry, addons=(*entry.addons, path))
    if companions:
        what = plural(companions, "credential or extension", "credentials or extensions")
        notes.append(f"{what} in {printable(name)}.extra.d will not reach the new system")
    return replace(entry, notes=tuple(notes))


def _beside(search: Search, folder: str, name: str) -> tuple[list[str], int]:
    """Return the paths of the add-ons for an image, and how many other files go with it."""
    places = [f"{folder.removesuffix('/EFI/Linux')}/loader/addons"]
    if search.may_hold(folder, f"{name}.extra.d"):
        places.append(f"{folder}/{name}.extra.d")
    found: list[str] = []
    companions = 0
    for place in places:
        names = sorted(search.names(place))
        found += [f"{place}/{addon}" for addon in names if addon.endswith(".addon.efi")]
        if place.endswith(".extra.d"):
            companions = sum(other.endswith(_COMPANIONS) for other in names)
    return found, companions


def _read(search: Search, path: str) -> BootImage | Outline | str:
    """Return what an image's header says, or why it cannot be read."""
    try:
        with search.root.open(path) as file:
            return outline(file.view)
    except WarmbootError as error:
        return error.message


SOURCE = Source((Kind.UKI,), None, find)
