"""The entries of GRUB's menus, and what GRUB starts by itself."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from warmboot.core.boot.entry import BootLoader, Entry, Found, Kind, LoaderDefault, SearchedPlace
from warmboot.core.boot.grub import menu as grub
from warmboot.core.boot.kernel_filenames import version_in_path
from warmboot.core.boot.order import ordered
from warmboot.core.boot.search import MENU_LIMIT, Search
from warmboot.core.boot.sources.source import Source
from warmboot.core.errors import WarmbootError
from warmboot.core.text import plural, printable

_MENUS = ("/boot/grub/grub.cfg", "/boot/grub2/grub.cfg")


def find(search: Search) -> Iterator[Found]:
    """Yield the entries of each grub.cfg, and what it starts by itself."""
    for path in _grub_paths(search):
        text = search.root.read_text(path, MENU_LIMIT)
        if text is None or search.known(path):
            continue
        try:
            yield from _grub_menu(search, path, text)
        except WarmbootError as error:
            yield SearchedPlace(
                printable(path), f"cannot be followed: {error.message}", notice=True
            )


def _grub_paths(search: Search) -> Iterator[str]:
    yield from _MENUS
    for base in search.places:
        try:
            names = search.root.names(f"{base}/EFI")
        except (OSError, ValueError):
            continue
        yield from (f"{base}/EFI/{name}/grub.cfg" for name in names[:32])


def _grub_menu(search: Search, path: str, text: str) -> Iterator[Found]:
    folder = posixpath.dirname(path)
    base = "/boot" if folder.startswith("/boot/grub") else folder.partition("/EFI/")[0]

    def read(name: str) -> str | None:
        place = search.locate(base, name)
        try:
            return None if search.known(place) else search.root.read_text(place, MENU_LIMIT)
        except (OSError, ValueError):
            return None

    def exists(name: str) -> bool:
        return search.root.exists(search.locate(base, name))

    menu = grub.read_menu(text, folder, search.grubenv, grub.Files(read, exists))
    entries = ordered(entry for entry in search.found if entry.kind is Kind.BLS)
    bls = [entry.sources[0] for entry in entries]
    count = 0
    for position, item in grub.positions(menu.items, bls):
        if item.kernel is not None:
            count += 1
            yield _grub_entry(search, base, f"{path}#{position}", item)
    if menu.items:
        yield SearchedPlace(printable(path), plural(count, "entry", "entries"))
        yield _grub_preference(search, path, menu, bls)
    else:
        yield SearchedPlace(printable(path), "no menu in it")


def _grub_entry(search: Search, base: str, source: str, item: grub.Item) -> Entry:
    initrds = tuple(printable(search.locate(base, name)) for name in item.initrds)
    kernel = search.locate(base, item.kernel or "")
    title = printable(item.title) or "untitled"
    return Entry(
        id=printable(item.id or "") or title,
        title=title,
        kind=Kind.GRUB,
        kernel=kernel,
        version=version_in_path(kernel),
        initrds=initrds,
        cmdline=printable(item.options, 65536),
        devicetree=item.devicetree and printable(search.locate(base, item.devicetree)),
        sources=(printable(source),),
        problem=item.problem and printable(item.problem),
        initrd_reason="named by the menu entry" if initrds else None,
        notes=tuple(printable(note) for note in item.notes),
    )


def _grub_preference(
    search: Search, path: str, menu: grub.GrubMenu, bls: list[str]
) -> LoaderDefault:
    def source(wanted: str | None) -> str | None:
        position = None if wanted is None else grub.resolve(menu.items, wanted, bls)
        if position is None or position in bls:
            return position
        return printable(f"{path}#{position}")

    # GRUB starts the first entry where the default names none.
    default = source(menu.default or "0") or source("0")
    once = search.grubenv.get("next_entry")
    return LoaderDefault(BootLoader.GRUB, (default,) if default else (), source(once or None))


SOURCE = Source((Kind.GRUB,), BootLoader.GRUB, find)
