"""Everything bootable under a boot root: found piece by piece, listed each kernel once."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable, Iterator

from warmboot.core.boot import bls, boot_partitions
from warmboot.core.boot.default_entry import mark
from warmboot.core.boot.entry import (
    BootLoader,
    Entry,
    Found,
    Kind,
    Listing,
    LoaderDefault,
    SearchedPlace,
)
from warmboot.core.boot.layouts import installed_entries, module_entries, plain_entries
from warmboot.core.boot.loadervars import Running
from warmboot.core.boot.menus import extlinux_entries, grub_entries
from warmboot.core.boot.merge import merge
from warmboot.core.boot.order import ordered
from warmboot.core.boot.root import BootRoot
from warmboot.core.boot.search import Search
from warmboot.core.boot.unified import entries_of
from warmboot.core.errors import WarmbootError
from warmboot.core.images.identify import outline
from warmboot.core.images.pe import PeProgram
from warmboot.core.images.uki import Addon, Outline
from warmboot.core.text import printable


def find_entries(root: BootRoot, running: Running | None = None) -> Listing:
    """Return what is installed under `root` and where was looked; never raises for a bad file.

    `running` is what runs now, None where the root is not that of the running system.
    """
    with root.held() as held:
        return arrange(held, discover(held, running), running)


def discover(root: BootRoot, running: Running | None = None) -> Iterator[Found]:
    """Yield entries, places looked at and preferences as they are found, best source first.

    Nothing is merged or sorted yet; `arrange` makes a listing of what was found so far.
    """
    with root.held() as held:
        search = Search(held, running)
        for found in _search(search):
            if not isinstance(found, Entry):
                yield found
                continue
            search.found.append(_with_release(held, found))
            yield search.found[-1]
        yield from boot_partitions.unmounted(held, running)


def arrange(root: BootRoot, found: Iterable[Found], running: Running | None = None) -> Listing:
    """Return the listing of what `discover` yielded: merged, sorted, marked, each id once."""
    entries: list[Entry] = []
    looked: list[SearchedPlace] = []
    preferences: list[LoaderDefault] = []
    for one in found:
        if isinstance(one, Entry):
            entries.append(one)
        elif isinstance(one, SearchedPlace):
            looked.append(one)
        else:
            preferences.append(one)
    with root.held() as held:
        merged = merge(held, entries)
    marked = mark(list(_unique(ordered(merged))), preferences, running)
    return Listing(tuple(marked), tuple(looked))


def _search(search: Search) -> Iterator[Found]:
    for base in search.places:
        yield from _type_1(search, base)
    for base in search.places:
        yield from search.folder(f"{base}/EFI/Linux", ".efi", functools.partial(entries_of, search))
    yield from _loader_conf(search)
    yield from grub_entries(search)
    yield from extlinux_entries(search)
    yield from installed_entries(search)
    yield from plain_entries(search)
    yield from module_entries(search)


def _type_1(search: Search, base: str) -> Iterator[Found]:
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
        text = search.root.read_text(path)
        if text is None:
            return None
        fields = bls.parse_fields(text)
        entry = bls.parse_entry(
            name,
            fields,
            source=printable(path),
            locate=functools.partial(search.locate, base),
            variables=search.grubenv,
        )
        return entry and _look_into(search, entry, fields)

    yield from search.folder(folder, ".conf", make)


def _look_into(search: Search, entry: Entry, fields: dict[str, list[str]]) -> Entry | None:
    """Complete an entry that names an EFI program: a UKI says itself what it holds."""
    if "linux" in fields or not ({"uki", "efi"} & set(fields)):
        return entry
    try:
        with search.root.open(entry.kernel) as file:
            image = outline(file.view)
    except WarmbootError as error:
        return dataclasses.replace(entry, problem=error.message)
    if isinstance(image, PeProgram | Addon):
        return None
    if not isinstance(image, Outline):
        return entry
    profiles = image.profiles
    own = profiles[entry.profile].cmdline if entry.profile < len(profiles) else None
    return dataclasses.replace(
        entry,
        version=entry.version or image.release,
        cmdline=entry.cmdline or own or image.cmdline,
        initrd_reason=entry.initrd_reason or ("inside the image" if image.initrd_section else None),
    )


def _with_release(root: BootRoot, entry: Entry) -> Entry:
    """Ask the kernel's header for the release where nothing else states it (vmlinuz-linux)."""
    if entry.version is not None or entry.problem or entry.kind is Kind.UKI:
        return entry
    try:
        with root.open(entry.kernel) as file:
            return dataclasses.replace(entry, version=outline(file.view).release)
    except WarmbootError:
        return entry  # what is wrong with the file shows when it is examined


def _loader_conf(search: Search) -> Iterator[Found]:
    """Yield what systemd-boot starts: loader.conf(5), and what was asked of it by bootctl(1)."""
    variables = search.running.variables if search.running else None
    patterns: tuple[str, ...] = ()
    configured = False
    for base in search.places:
        text = search.root.read_text(f"{base}/loader/loader.conf")
        if text is not None:
            configured = True
            patterns = bls.default_patterns(text)
            break
    if variables is not None and variables.default:
        patterns = (variables.default, *patterns)
    last = variables.last if variables else None
    wanted = tuple(last if pattern == "@saved" else pattern for pattern in patterns)
    entries = any(entry.kind in (Kind.BLS, Kind.UKI) for entry in search.found)
    if configured or (entries and not search.grubenv):
        once = variables.oneshot if variables else None
        yield LoaderDefault(BootLoader.SYSTEMD_BOOT, tuple(filter(None, wanted)), once)


def _unique(entries: list[Entry]) -> Iterator[Entry]:
    """Give each entry an id of its own."""
    taken: set[str] = set()
    for entry in entries:
        name, count = entry.id, 1
        while name in taken:
            count += 1
            name = f"{entry.id}#{count}"
        taken.add(name)
        yield entry if name == entry.id else dataclasses.replace(entry, id=name)
