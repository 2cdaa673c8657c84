"""The menus of GRUB and extlinux as entries."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from warmboot.core.boot import grub
from warmboot.core.boot.bls import join
from warmboot.core.boot.entry import BootLoader, Entry, Found, Kind, LoaderDefault, SearchedPlace
from warmboot.core.boot.extlinux import Label, parse_menu
from warmboot.core.boot.kernel_filenames import kernel_name, version_in_name
from warmboot.core.boot.order import ordered
from warmboot.core.boot.search import Search
from warmboot.core.errors import WarmbootError
from warmboot.core.text import plural, printable

_LIMIT = 4 << 20
_GRUB = ("/boot/grub/grub.cfg", "/boot/grub2/grub.cfg")
_EXTLINUX = (
    "extlinux/extlinux.conf", "extlinux.conf", "syslinux/syslinux.cfg", "syslinux/extlinux.conf",
    "EFI/syslinux/syslinux.cfg", "isolinux/isolinux.cfg", "syslinux.cfg",
)  # fmt: skip


def grub_entries(search: Search) -> Iterator[Found]:
    """Yield the entries of each grub.cfg, and what it starts by itself."""
    for path in _grub_paths(search):
        text = search.root.read_text(path, _LIMIT)
        if text is None or search.known(path):
            continue
        try:
            yield from _grub_menu(search, path, text)
        except WarmbootError as error:
            yield SearchedPlace(
                printable(path), f"cannot be followed: {error.message}", notice=True
            )


def _grub_paths(search: Search) -> Iterator[str]:
    yield from _GRUB
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
            return None if search.known(place) else search.root.read_text(place, _LIMIT)
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
        version=_version(kernel),
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


def extlinux_entries(search: Search) -> Iterator[Found]:
    """Yield the entries of each extlinux.conf or syslinux.cfg."""
    for base in (*search.places, "/"):
        for name in _EXTLINUX:
            path = join(base, name)
            text = search.root.read_text(path, _LIMIT)
            if text is None or search.known(path):
                continue
            folder = posixpath.dirname(path)

            def include(name: str, base: str = base, folder: str = folder) -> str | None:
                return search.root.read_text(_place(search, base, folder, name), _LIMIT)

            menu = parse_menu(text, include)
            count = 0
            default = None
            for number, label in enumerate(menu.labels):
                if label.kernel is None or label.kernel.lower().endswith((".c32", ".bin", ".0")):
                    continue
                count += 1
                source = printable(f"{path}#{number}")
                if label.name == menu.default:
                    default = source
                yield _extlinux_entry(search, base, folder, source, label)
            yield SearchedPlace(printable(path), plural(count, "entry", "entries"))
            yield LoaderDefault(BootLoader.EXTLINUX, (default,) if default else ())


def _extlinux_entry(search: Search, base: str, folder: str, source: str, label: Label) -> Entry:
    def place(name: str) -> str:
        return printable(_place(search, base, folder, name))

    kernel = _place(search, base, folder, label.kernel or "")
    tree = label.tree or (f"{label.tree_folder}/" if label.tree_folder else None)
    return Entry(
        id=printable(label.name),
        title=printable(label.title or label.name),
        kind=Kind.EXTLINUX,
        kernel=kernel,
        version=_version(kernel),
        initrds=tuple(place(name) for name in label.initrds),
        cmdline=printable(label.append or "", 65536),
        devicetree=None if tree is None else place(tree),
        sources=(source,),
        overlays=tuple(place(name) for name in label.overlays),
        initrd_reason="named by the menu entry" if label.initrds else None,
    )


def _place(search: Search, base: str, folder: str, name: str) -> str:
    """Return where a path of the menu leads; a relative one starts at the menu's own folder."""
    if name.startswith("/"):
        return search.locate(base, name)
    beside = posixpath.normpath(posixpath.join(folder, name))
    return beside if search.root.exists(beside) else search.locate(base, name)


def _version(kernel: str) -> str | None:
    """Return the release in a kernel's file name, None where there is none."""
    stem = kernel_name(posixpath.basename(kernel))
    return printable(version_in_name(stem) or "") or None if stem else None
