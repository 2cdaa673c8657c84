"""Unified kernel images as entries: one for each profile, with the add-ons that belong to it."""

from __future__ import annotations

from collections.abc import Iterator

from warmboot.core.boot.bls_format import parse_counter
from warmboot.core.boot.entry import Entry, Found, Kind
from warmboot.core.boot.search import Search
from warmboot.core.boot.sources.source import Source
from warmboot.core.errors import WarmbootError
from warmboot.core.images import BootImage
from warmboot.core.images.pe import PeProgram
from warmboot.core.images.uki import Addon, Elsewhere, Outline
from warmboot.core.text import plural, printable
from warmboot.core.values import replace

_FOLDER = "/EFI/Linux"
_ADDONS = 64
_COMPANIONS = (".cred", ".sysext.raw", ".confext.raw", ".raw")


def find(search: Search) -> Iterator[Found]:
    """Yield the entries of the images in EFI/Linux of every boot partition."""

    def make(folder: str, name: str) -> Iterator[Entry]:
        image = name.lower().endswith(".efi") and not name.startswith(".")
        return entries_of(search, folder, name) if image else iter(())

    for base in search.places:
        yield from search.folder(f"{base}{_FOLDER}", "", make)


def entries_of(search: Search, folder: str, name: str) -> Iterator[Entry]:
    """Yield the entries of a UKI; nothing for other EFI programs. Never raises for a bad file."""
    path = f"{folder}/{name}"
    plain, left, done = parse_counter(name)
    image = _read(search, path)
    if isinstance(image, PeProgram | Addon):
        return
    about = image if isinstance(image, Outline) else None
    system = about.system if about else None
    named = system is not None and system.name is not None
    entry = Entry(
        id=printable(plain),
        title=(system.name if system else None) or printable(plain),
        kind=Kind.UKI,
        kernel=path,
        version=system.version if system else None,
        release=None if isinstance(image, str) else image.release,
        cmdline=about.cmdline if about else None,
        sort_key=system.sort_key if system else None,
        sources=(printable(path),),
        problem=image if isinstance(image, str) else None,
        tries_left=left,
        tries_done=done,
        initrd_reason="inside the image" if about and about.initrd_section else None,
        notes=() if named else ("systemd-boot leaves it out: it names no operating system",),
        left_out=not named,
    )
    if about is not None and about.elsewhere is not None:
        entry = _elsewhere(search, entry, folder.removesuffix(_FOLDER), about.elsewhere)
    if about is None:
        yield replace(entry, notes=())
    else:
        base = folder.removesuffix(_FOLDER)
        for one in _profiles(entry, about):
            yield with_addons(search, one, base, folder, name)


def _elsewhere(search: Search, entry: Entry, base: str, named: Elsewhere) -> Entry:
    """Return the entry of an image that names its kernel and initrd by their paths."""
    kernel = search.locate(base, named.kernel)
    image = _read(search, kernel)
    initrds = () if named.initrd is None else (printable(search.locate(base, named.initrd)),)
    return replace(
        entry,
        kernel=printable(kernel),
        initrds=initrds,
        release=image.release if isinstance(image, BootImage) else None,
        initrd_reason="named by the image" if initrds else None,
        notes=(*entry.notes, "the digests that it has of kernel and initrd are not compared"),
    )


def _profiles(entry: Entry, image: Outline) -> Iterator[Entry]:
    """Yield the entry, or one for each profile: named ``FILE@ID``, as bootctl(1) shows them."""
    if not image.profiles:
        yield entry
        return
    path = entry.sources[0]
    for number, profile in enumerate(image.profiles):
        title = profile.title or (profile.id if profile.id != str(number) else None)
        if title is None and number:
            title = f"@{number}"
        yield replace(
            entry,
            id=entry.id if profile.id == "0" else printable(f"{entry.id}@{profile.id}"),
            title=f"{entry.title} ({title})" if title else entry.title,
            cmdline=entry.cmdline if profile.cmdline is None else profile.cmdline,
            profile=number,
            sources=(f"{path}#{number}" if number else path,),
        )


def with_addons(search: Search, entry: Entry, base: str, folder: str, name: str) -> Entry:
    """Add what systemd-stub(7) adds: global add-ons first, then those of this image, by name.

    `base` is where the file system of the image is mounted, `folder` and `name` its path.
    """
    found, companions = _beside(search, base, folder, name)
    if not found and not companions:
        return entry
    notes = list(entry.notes)
    if len(found) > _ADDONS:
        many = f"it has {len(found)} add-ons, more than {_ADDONS}"
        entry = replace(entry, problem=entry.problem or many)
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


def _beside(search: Search, base: str, folder: str, name: str) -> tuple[list[str], int]:
    """Return the paths of the add-ons for an image, and how many other files go with it."""
    places = [f"{base}/loader/addons"]
    if search.may_hold(folder, f"{name}.extra.d"):
        places.append(f"{folder}/{name}.extra.d")
    found: list[str] = []
    companions = 0
    for place in places:
        names = sorted(search.names(place))
        found += [f"{place}/{addon}" for addon in names if addon.lower().endswith(".addon.efi")]
        if place.endswith(".extra.d"):
            companions = sum(other.endswith(_COMPANIONS) for other in names)
    return found, companions


def _read(search: Search, path: str) -> BootImage | Outline | str:
    """Return what an image's header says, or why it cannot be read."""
    try:
        return search.outline(path)
    except WarmbootError as error:
        return error.message


SOURCE = Source((Kind.UKI,), None, find)
