"""extlinux.conf and syslinux.cfg: menus of SYSLINUX and of U-Boot's distro boot.

Source: SYSLINUX configuration file format; U-Boot doc/develop/distro.rst and the Generic
distribution configuration concept.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from warmboot.core.boot.bls_format import MOST_FILES
from warmboot.core.boot.entry import BootLoader, Entry, Found, Kind, LoaderDefault, SearchedPlace
from warmboot.core.boot.kernel_filenames import version_in_path
from warmboot.core.boot.root import Text, join
from warmboot.core.boot.search import MENU_LIMIT, Search
from warmboot.core.boot.sources.source import Source
from warmboot.core.text import plural, printable

_MENUS = (
    "extlinux/extlinux.conf", "extlinux.conf", "syslinux/syslinux.cfg", "syslinux/extlinux.conf",
    "EFI/syslinux/syslinux.cfg", "isolinux/isolinux.cfg", "syslinux.cfg",
)  # fmt: skip
_LABELS = 1000
_INCLUDES = 16
_KERNEL = ("linux", "kernel", "fit")


@dataclass(slots=True)
class Label:
    """One LABEL of a menu; paths as the file writes them. `tree_folder` is FDTDIR."""

    name: str
    title: str | None = None
    kernel: str | None = None
    initrds: list[str] = field(default_factory=list)
    append: str | None = None
    tree: str | None = None
    tree_folder: str | None = None
    overlays: list[str] = field(default_factory=list)


@dataclass(slots=True)
class ExtlinuxMenu:
    """The labels of a menu in order, and the name of the one it starts by itself.

    `cut` says so where something was left out, and its labels may lack a part.
    """

    labels: list[Label] = field(default_factory=list)
    default: str | None = None
    append: str | None = None
    included: int = 0
    cut: str | None = None


def parse_menu(text: str, include: Callable[[str], Text | None]) -> ExtlinuxMenu:
    """Return what a menu says; `include` returns the text of an included file, None without one."""
    menu = ExtlinuxMenu()
    _read(menu, text, include)
    for label in menu.labels:
        _finish(label, menu.append)
    return menu


def _read(menu: ExtlinuxMenu, text: str, include: Callable[[str], Text | None]) -> None:
    if isinstance(text, Text):
        menu.cut = menu.cut or text.cut
    for line in text.splitlines():
        key, value = _split(line)
        if key == "menu":
            key, value = _split(value)
            key = f"menu {key}"
        if key in ("include", "menu include") and value:
            _include(menu, value.split()[0], include)
        elif key == "label" and value:
            if len(menu.labels) >= _LABELS:
                menu.cut = menu.cut or f"only the first {_LABELS} labels of the menu were read"
                return
            menu.labels.append(Label(value))
        elif key == "default" and value:
            menu.default = value
        elif key == "append" and not menu.labels:
            menu.append = value
        elif menu.labels:
            _set(menu, menu.labels[-1], key, value)


def _include(menu: ExtlinuxMenu, name: str, include: Callable[[str], Text | None]) -> None:
    if menu.included >= _INCLUDES:
        menu.cut = menu.cut or f"only the first {_INCLUDES} included files were read"
        return
    menu.included += 1
    included = include(name)
    if included is not None:
        _read(menu, included, include)


def _split(line: str) -> tuple[str, str]:
    words = line.strip().split(None, 1)
    if not words or words[0].startswith("#"):
        return "", ""
    return words[0].lower(), words[1].strip() if len(words) > 1 else ""


def _set(menu: ExtlinuxMenu, label: Label, key: str, value: str) -> None:
    if key == "menu default":
        menu.default = label.name
    elif key == "menu label":
        label.title = value.replace("^", "", 1)
    elif key in _KERNEL and value:
        label.kernel = value.split("#", 1)[0]
    elif key == "initrd":
        label.initrds = [name for name in value.split(",") if name]
    elif key == "append":
        label.append = value
    elif key in ("fdt", "devicetree"):
        label.tree = value or None
    elif key in ("fdtdir", "devicetreedir"):
        label.tree_folder = value or None
    elif key in ("fdtoverlays", "devicetree-overlay"):
        label.overlays = value.split()


def _finish(label: Label, append: str | None) -> None:
    """Fill in what is stated once for all, and take SYSLINUX's initrd= out of the options."""
    text = append if label.append is None else label.append
    words = [] if text is None or text == "-" else text.split(" ")
    named = [word for word in words if word.startswith("initrd=")]
    if named and not label.initrds:
        label.initrds = [name for word in named for name in word[7:].split(",") if name]
    label.append = " ".join(word for word in words if word not in named).strip()


def find(search: Search) -> Iterator[Found]:
    """Yield the entries of each extlinux.conf or syslinux.cfg."""
    for base in (*search.places, "/"):
        for name in _MENUS:
            path = join(base, name)
            text = search.root.read_text(path, MENU_LIMIT)
            if text is None or search.known(path):
                continue
            folder = posixpath.dirname(path)

            def include(name: str, base: str = base, folder: str = folder) -> Text | None:
                return search.root.read_text(_place(search, base, folder, name), MENU_LIMIT)

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
                entry = _extlinux_entry(search, base, folder, source, label)
                yield replace(entry, problem=menu.cut) if menu.cut else entry
            said = plural(count, "entry", "entries")
            if menu.cut:
                said = f"{said}; {menu.cut}"
            yield SearchedPlace(printable(path), said, notice=menu.cut is not None)
            yield LoaderDefault(BootLoader.EXTLINUX, (default,) if default else ())


def _extlinux_entry(search: Search, base: str, folder: str, source: str, label: Label) -> Entry:
    def place(name: str) -> str:
        return printable(_place(search, base, folder, name))

    many = max(len(label.initrds), len(label.overlays))
    problem = None
    if many > MOST_FILES:
        problem = f"it names {many} files, more than {MOST_FILES}"
        label = replace(label, initrds=[], overlays=[])
    kernel = _place(search, base, folder, label.kernel or "")
    tree = label.tree or (f"{label.tree_folder}/" if label.tree_folder else None)
    return Entry(
        id=printable(label.name),
        title=printable(label.title or label.name),
        kind=Kind.EXTLINUX,
        kernel=kernel,
        version=version_in_path(kernel),
        initrds=tuple(place(name) for name in label.initrds),
        cmdline=printable(label.append or "", 65536),
        devicetree=None if tree is None else place(tree),
        sources=(source,),
        problem=problem,
        overlays=tuple(place(name) for name in label.overlays),
        initrd_reason="named by the menu entry" if label.initrds else None,
    )


def _place(search: Search, base: str, folder: str, name: str) -> str:
    """Return where a path of the menu leads; a relative one starts at the menu's own folder."""
    if name.startswith("/"):
        return search.locate(base, name)
    beside = posixpath.normpath(posixpath.join(folder, name))
    return beside if search.root.exists(beside) else search.locate(base, name)


SOURCE = Source((Kind.EXTLINUX,), BootLoader.EXTLINUX, find)
