"""Boot loader entries: the Boot Loader Specification's type 1, in loader/entries."""

from __future__ import annotations

import functools
import posixpath
from collections.abc import Iterator, Mapping

from warmboot.core.boot.bls_format import Fields, parse_entry, parse_fields
from warmboot.core.boot.entry import Entry, Found, Kind, SearchedPlace
from warmboot.core.boot.grub.menu_paths import MENUS
from warmboot.core.boot.search import Search
from warmboot.core.boot.sources.source import Source
from warmboot.core.boot.sources.uki import with_addons
from warmboot.core.errors import WarmbootError
from warmboot.core.hints import TYPE_CHECKING
from warmboot.core.images.pe import PeProgram
from warmboot.core.images.uki import Addon, Outline
from warmboot.core.text import printable
from warmboot.core.values import replace

if TYPE_CHECKING:  # GRUB is much to load where there is none
    from warmboot.core.boot.grub.bls import Decided

#: Where a boot loader without a boot partition hands its entries over. Source: systemd's
#: documentation of environment variables and boot_entries_load_config_auto().
HANDED_OVER = "/run/boot-loader-entries"


def find(search: Search) -> Iterator[Found]:
    """Yield the entries of every boot partition."""
    variables = _variables(search)
    if search.root.exists(HANDED_OVER):
        yield from _type_1(search, HANDED_OVER, None)
    for base in search.places:
        yield from _type_1(search, base, variables)


def _variables(search: Search) -> Mapping[str, str] | None:
    """Return GRUB's variables where GRUB may read these entries; systemd-boot has none."""
    grub = search.grubenv or any(search.root.exists(menu) for menu in MENUS)
    return search.grubenv if grub else None


def _type_1(search: Search, base: str, variables: Mapping[str, str] | None) -> Iterator[Found]:
    """Yield the entries in loader/entries, unless entries.srel says that it holds others."""
    folder = f"{base}/loader/entries"
    kind = search.root.read_text(f"{base}/loader/entries.srel", 64)
    if kind is not None and kind.strip() != "type1":
        said = printable(kind.strip(), 32)
        what = f"no boot loader entries: entries.srel says {said}"
        yield SearchedPlace(printable(folder), what, notice=True)
        return

    def make(folder: str, name: str) -> Entry | None:
        path = f"{folder}/{name}"
        if name.startswith(".") or not name.lower().endswith(".conf"):
            return None
        text = search.root.read_text(path)
        if text is None:
            return None
        fields = parse_fields(text)
        decided = None
        if search.grub_menus or variables is not None:
            decided = _as_grub_reads(search, fields, variables)
            fields = decided.fields
        entry = parse_entry(
            name,
            fields,
            source=printable(path),
            locate=functools.partial(search.locate, base),
            variables=None if variables is None else _shown(variables),
            machine=search.machine,
        )
        if text.cut:
            return replace(entry, problem=text.cut)
        if decided is not None:
            entry = _with_doubts(entry, decided)
        return _look_into(search, entry, fields)

    yield from search.folder(folder, "", make)


def _shown(variables: Mapping[str, str]) -> dict[str, str]:
    from warmboot.core.boot.grub.values import shown

    return {name: shown(value) for name, value in variables.items()}


def _as_grub_reads(search: Search, fields: Fields, variables: Mapping[str, str] | None) -> Decided:
    """Return the lines as GRUB takes them, if it reads them, and without what only GRUB knows:
    variables of a menu that is not followed."""
    from warmboot.core.boot.grub.bls import as_grub_reads, decided
    from warmboot.core.boot.grub.values import is_known

    if search.grub_shows_entries:
        fields = as_grub_reads(fields, search.grubenv)

    def unknown(name: str) -> bool:
        if variables is None:
            return False
        return not is_known(variables.get(name, "" if search.grub_followed else "\0"))

    return decided(fields, unknown)


def _with_doubts(entry: Entry, certain: Decided) -> Entry:
    from warmboot.core.boot.grub.values import shown

    if certain.deciding and entry.problem is None:
        names = ", ".join(map(shown, certain.deciding))
        entry = replace(entry, problem=printable(f"GRUB decides {names} when it runs"))
    if certain.lost:
        names = ", ".join(map(shown, certain.lost))
        note = printable(f"left out, because GRUB decides {names} when it runs")
        entry = replace(entry, notes=(*entry.notes, note))
    return entry


def _look_into(search: Search, entry: Entry, fields: Fields) -> Entry:
    """Complete an entry that names an EFI program: a UKI says itself what it holds."""
    if "linux" in fields or entry.problem or not entry.kernel:
        return entry
    try:
        image = search.outline(entry.kernel)
    except WarmbootError as error:
        return replace(entry, problem=error.message)
    if isinstance(image, PeProgram | Addon):
        what = "an EFI program and no kernel; kexec cannot start it"
        return replace(entry, problem=f"{entry.kernel} is {what}")
    if not isinstance(image, Outline):
        return replace(entry, release=image.release)
    profiles = image.profiles
    if entry.profile and entry.profile >= len(profiles):
        problem = f"{entry.kernel} has no profile {entry.profile}"
        return replace(entry, problem=problem)
    own = profiles[entry.profile].cmdline if profiles else None
    entry = replace(
        entry,
        release=image.release,
        cmdline=entry.cmdline or (image.cmdline if own is None else own),
        initrd_reason=entry.initrd_reason or ("inside the image" if image.initrd_section else None),
    )
    folder, name = posixpath.split(entry.kernel)
    base = next((b for b in search.places if entry.kernel.startswith(f"{b}/")), "")
    return with_addons(search, entry, base, folder, name)


SOURCE = Source((Kind.BLS,), None, find)
