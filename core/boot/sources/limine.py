"""The entries of limine.conf, the menu of the Limine boot loader, and of limine.cfg before that.

Source: Limine's CONFIG.md, of version 8 and later, and of those before, whose file has another
name and other marks for the same: ``:`` for ``/``, ``=`` for ``:``, and ``boot:///`` in paths.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from warmboot.core.boot.entry import BootLoader, Entry, Found, Kind, LoaderDefault, SearchedPlace
from warmboot.core.boot.filesystems import By, Spec
from warmboot.core.boot.kernel_filenames import version_in_path
from warmboot.core.boot.root import Text, join
from warmboot.core.boot.search import MENU_LIMIT, Search
from warmboot.core.boot.sources.source import Source
from warmboot.core.errors import WarmbootError
from warmboot.core.expression import expression
from warmboot.core.images.identify import outline
from warmboot.core.images.pe import PeProgram
from warmboot.core.text import lines, plural, printable
from warmboot.core.values import dataclass, field, replace

_FOLDERS = ("", "limine", "EFI/BOOT", "EFI/limine")
_NAMES = ("limine.conf", "limine.cfg")
_ENTRIES = 1000
_TITLE, _VALUE = 512, 65536  # characters
_MACRO = expression(r"\$\{([^}\n]{1,64})\}")
#: RESOURCE(ARGUMENT):PATH; what stands behind # is a digest.
_PATH = expression(r"(\w+)\(([^)\n]{0,128})\):([^#\n]*)(?:#.*)?")
_OLD_PATH = expression(r"(\w+)://([^/\n]{0,128})(/[^#\n]*)(?:#.*)?")
#: What the argument of a resource names.
_NAMED = {
    "guid": (By.PARTUUID, By.UUID), "uuid": (By.PARTUUID, By.UUID), "fslabel": (By.LABEL,),
}  # fmt: skip
_EFI = ("efi", "efi_chainload", "uefi")


@dataclass
class Item:
    """One line of the menu: an entry, or a folder of entries; `title` has the folders in front."""

    title: str
    depth: int
    expanded: bool = False
    folder: bool = False
    options: dict[str, list[str]] = field(default_factory=dict)

    def last(self, *keys: str) -> str | None:
        """Return the last value of the first of these options that is there."""
        return next((self.options[key][-1] for key in keys if self.options.get(key)), None)


@dataclass
class LimineMenu:
    """The lines of a menu in order, and the options in front of them."""

    items: list[Item] = field(default_factory=list)
    options: dict[str, list[str]] = field(default_factory=dict)
    left_out: bool = False

    @property
    def default(self) -> Item | None:
        """Return what starts by itself: the entry of this number, counted as the menu shows them,
        or of this title; the first without a word about it. None for a folder."""
        if (self.options.get("remember_last_entry") or ["no"])[-1].lower() == "yes":
            return None  # what was started last, only it knows
        wanted = (self.options.get("default_entry") or ["1"])[-1]
        shown = list(self._shown())
        if wanted.isdecimal() and len(wanted) < 6:
            found = shown[int(wanted) - 1 : int(wanted)] if int(wanted) else []
        else:
            path = wanted.strip("/").replace("/", " > ")
            found = [item for item in self.items if item.title == path]
        return found[0] if found and not found[0].folder else None

    def _shown(self) -> Iterator[Item]:
        """Yield the lines that are seen before anybody opens a folder."""
        hidden: int | None = None
        for item in self.items:
            if hidden is not None and item.depth > hidden:
                continue
            hidden = item.depth if item.folder and not item.expanded else None
            yield item


def parse_menu(text: str, *, old: bool = False) -> LimineMenu:
    """Return what a limine.conf says, or a limine.cfg; a line without a meaning is left out."""
    mark, assign = ":=" if old else "/:"
    menu = LimineMenu()
    macros: dict[str, str] = {}
    path: list[str] = []
    options = menu.options
    for raw in lines(text):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        macro = re.match(r"\$\{([^}]{1,64})\}\s*=\s*(.*)", line)
        if macro is not None:
            macros[macro[1]] = _filled(macro[2], macros)[:_TITLE]
        elif line.startswith(mark):
            if len(menu.items) >= _ENTRIES:
                menu.left_out = True
                break
            item, path = _item(line, path, mark)
            if menu.items and item.depth > menu.items[-1].depth:
                menu.items[-1].folder = True
            menu.items.append(item)
            options = item.options
        else:
            key, assigned, value = line.partition(assign)
            if assigned:
                options.setdefault(key.strip().lower(), []).append(_filled(value.strip(), macros))
    return menu


def _filled(text: str, macros: dict[str, str]) -> str:
    filled = _MACRO.sub(lambda found: macros.get(found[1], found[0]), text[:_VALUE])
    return filled[:_VALUE]


def _item(line: str, path: list[str], mark: str) -> tuple[Item, list[str]]:
    depth = len(line) - len(line.lstrip(mark))
    name = line[depth : depth + _TITLE]
    expanded = name.startswith("+")
    path = [*path[: depth - 1], name.removeprefix("+").strip()][-16:]
    return Item(" > ".join(path), depth, expanded), path


def find(search: Search) -> Iterator[Found]:
    """Yield the entries of each limine.conf, and what it starts by itself."""
    for base in (*search.places, "/"):
        for folder in _FOLDERS:
            for name in _NAMES:  # where both are, that of the newer version counts
                path = join(base, f"{folder}/{name}")
                text = search.root.read_text(path, MENU_LIMIT)
                if text is not None and not search.known(path):
                    yield from _menu(search, base, path, text)
                if text is not None:
                    break


def _menu(search: Search, base: str, path: str, text: Text) -> Iterator[Found]:
    menu = parse_menu(text, old=path.endswith(".cfg"))
    wanted = menu.default
    default = None
    count = 0
    for number, item in enumerate(menu.items):
        if item.folder:
            continue
        count += 1
        source = printable(f"{path}#{number}")
        default = source if item is wanted else default
        entry = _entry(search, base, source, item)
        yield replace(entry, problem=text.cut) if text.cut else entry
    yield SearchedPlace(printable(path), plural(count, "entry", "entries"))
    if text.cut:
        yield SearchedPlace(printable(path), text.cut, notice=True)
    if menu.left_out:
        what = f"only its first {_ENTRIES} entries are read"
        yield SearchedPlace(printable(path), what, notice=True)
    yield LoaderDefault(BootLoader.LIMINE, (default,) if default else ())


def _entry(search: Search, base: str, source: str, item: Item) -> Entry:
    problems: list[str] = []

    def place(text: str) -> str:
        found = _PATH.fullmatch(text) or _OLD_PATH.fullmatch(text)
        if found is not None and found[1] in _NAMED:
            specs = [Spec(by, found[2]) for by in _NAMED[found[1]]]
            path = search.on_volume(specs, base, found[3])
            if path is not None:
                return printable(path)
        if found is None or found[1] != "boot" or found[2]:
            where = text.partition(":")[0]
            problems.append(
                f"{printable(text, 200)} lies on {printable(where, 80)}, not looked for"
            )
            return printable(text)
        return printable(search.locate(base, found[3]))

    path = item.last("path", "kernel_path", "image_path")
    kernel = place(path) if path else ""
    initrds = tuple(place(module) for module in item.options.get("module_path", ()))
    tree = item.last("dtb_path")
    problem = _problem(search, item, kernel, problems)
    return Entry(
        id=printable(item.title),
        title=printable(item.title),
        kind=Kind.LIMINE,
        kernel=kernel,
        version=version_in_path(kernel),
        initrds=initrds,
        cmdline=printable(item.last("cmdline", "kernel_cmdline") or "", 65536),
        devicetree=place(tree) if tree else None,
        sources=(source,),
        problem=problem,
        initrd_reason="named by the menu entry" if initrds else None,
    )


def _problem(search: Search, item: Item, kernel: str, problems: list[str]) -> str | None:
    """Return why an entry cannot be started by kexec."""
    protocol = (item.last("protocol") or "").lower()
    if protocol in _EFI and kernel and not problems:
        try:
            with search.root.open(kernel) as file:
                if not isinstance(outline(file.view), PeProgram):
                    return None
        except WarmbootError as error:
            return error.message
        return f"{kernel} is an EFI program and no kernel; kexec cannot start it"
    if protocol != "linux":
        shown = printable(protocol, 40) or "none"
        return f"it starts by the protocol {shown}, which kexec cannot do"
    if not kernel:
        return "it names no kernel"
    return problems[0] if problems else None


SOURCE = Source((Kind.LIMINE,), BootLoader.LIMINE, find)
