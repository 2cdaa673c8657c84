"""The entries of extlinux.conf and syslinux.cfg: menus of SYSLINUX and of U-Boot's distro boot."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence

from warmboot.core.boot.bls_format import MOST_FILES
from warmboot.core.boot.entry import BootLoader, Entry, Found, Kind, LoaderDefault, SearchedPlace
from warmboot.core.boot.extlinux_format import FOREIGN, ExtlinuxMenu, Label, parse_menu
from warmboot.core.boot.extlinux_programs import OTHERS, program_name
from warmboot.core.boot.kernel_filenames import kernel_name, version_in_path
from warmboot.core.boot.root import join
from warmboot.core.boot.search import MENU_LIMIT, Search
from warmboot.core.boot.sources.source import Source
from warmboot.core.errors import WarmbootError
from warmboot.core.expression import expression
from warmboot.core.images.identify import outline
from warmboot.core.images.pe import PeProgram
from warmboot.core.text import plural, printable
from warmboot.core.values import replace

_MENUS = (
    "extlinux/extlinux.conf", "extlinux.conf", "syslinux/syslinux.cfg", "syslinux/extlinux.conf",
    "EFI/syslinux/syslinux.cfg", "EFI/BOOT/syslinux.cfg", "isolinux/isolinux.cfg",
    "isolinux/syslinux.cfg", "isolinux.cfg", "syslinux.cfg", "pxelinux.cfg/default",
)  # fmt: skip
#: What KERNEL starts that is no Linux, by the end of its name; some count in one variant only.
_ENDINGS = {
    ".0": "a network boot program", ".bin": "a boot sector", ".bs": "a boot sector",
    ".bss": "a boot sector", ".c32": "a COM32 program", ".cbt": "a COMBOOT program",
    ".com": "a COMBOOT program", ".img": "a disk image",
}  # fmt: skip
#: A word with a variable of U-Boot, which is filled in when it starts.
_VARIABLE = expression(r"\$\{\w+\}")
_ALWAYS = (".c32", ".cbt", ".com", ".bss")


def find(search: Search) -> Iterator[Found]:
    """Yield the entries of each menu, and what it starts by itself."""
    for base in (*search.places, "/"):
        for name in _MENUS:
            path = join(base, name)
            text = search.root.read_text(path, MENU_LIMIT)
            if text is None or search.known(path):
                continue
            yield from _menu(search, base, path, text)


def _menu(search: Search, base: str, path: str, text: str) -> Iterator[Found]:
    folder = posixpath.dirname(path)

    def include(name: str) -> str | None:
        return search.root.read_text(_place(search, base, folder, name), MENU_LIMIT)

    menu = parse_menu(text, include, _media(path))
    wanted = menu.default
    count = 0
    default = None
    for number, label in enumerate(_labels(search, base, folder, menu)):
        if label.navigation:
            continue
        count += 1
        source = printable(f"{path}#{number}")
        if label is wanted or (isinstance(wanted, str) and label.name == wanted):
            default = source
        entry = _entry(search, base, folder, source, label)
        yield replace(entry, problem=menu.cut) if menu.cut else entry
    yield SearchedPlace(printable(path), plural(count, "entry", "entries"))
    for what in (*((menu.cut,) if menu.cut else ()), *menu.left_out):
        yield SearchedPlace(printable(path), printable(what, 200), notice=True)
    if default is None and isinstance(wanted, str) and not menu.cut:
        what = f"it starts {printable(wanted, 80)}, which is none of its labels"
        yield SearchedPlace(printable(path), what, notice=True)
    if default is None and isinstance(wanted, Label) and wanted.navigation:
        what = f"it starts {printable(wanted.name, 80)}, and where that leads cannot be told"
        yield SearchedPlace(printable(path), what, notice=True)
    yield LoaderDefault(BootLoader.EXTLINUX, (default,) if default else ())


def _media(path: str) -> tuple[str, ...]:
    """Return what SYSLINUX may have been started from, by where its menu lies."""
    if "pxelinux" in path:
        return ("-pxe-",)
    if path.endswith("/extlinux.conf"):
        return ("-sys-",)
    return ("-iso-",) if path.endswith("/isolinux.cfg") else ("-sys-", "-iso-")


def _labels(search: Search, base: str, folder: str, menu: ExtlinuxMenu) -> Iterator[Label]:
    """Yield the labels, and behind them the one that a DEFAULT with a command line stands for."""
    yield from menu.labels
    command = menu.default
    if not isinstance(command, str):
        return
    words = command.split()
    if not search.root.exists(_place(search, base, folder, words[0])):
        return
    named = {word: None for word in words[1:] if word.startswith("initrd=")}
    yield Label(
        command,
        kernel=words[0],
        initrds=[name for word in named for name in word[7:].split(",") if name],
        append=" ".join(word for word in words[1:] if word not in named),
    )


def _entry(search: Search, base: str, folder: str, source: str, label: Label) -> Entry:
    def place(name: str) -> str:
        return printable(_place(search, base, folder, name))

    most = max(len(label.initrds), len(label.overlays))
    many = f"it names {most} files, more than {MOST_FILES}" if most > MOST_FILES else None
    if many:
        label = replace(label, initrds=[], overlays=[])
    # Without a line that names it, the kernel is the file that is called as the label is.
    name = label.kernel or (label.name if label.kind in ("kernel", "linux") else "")
    if label.kind in ("kernel", "fit"):
        name = name.partition("#")[0] or name
    kernel = place(name) if name else ""
    title = " > ".join((*label.menus, label.title or label.name))
    lost = [word for word in _words(label) if _VARIABLE.search(word)]
    return Entry(
        id=printable(label.name),
        title=printable(title),
        kind=Kind.EXTLINUX,
        kernel=kernel,
        version=version_in_path(kernel),
        initrds=tuple(place(name) for name in label.initrds),
        cmdline=printable(" ".join(word for word in _words(label) if word not in lost), 65536),
        devicetree=None if label.tree in (None, "-") else place(label.tree or ""),
        sources=(source,),
        problem=many or _problem(search, label, kernel),
        overlays=tuple(place(name) for name in label.overlays),
        initrd_reason="named by the menu entry" if label.initrds else None,
        notes=tuple(_notes(search, label, place(label.tree_folder or "."), lost)),
        left_out=label.disabled,
    )


def _problem(search: Search, label: Label, kernel: str) -> str | None:
    """Return why kexec cannot start what a label names."""
    what = FOREIGN.get(label.kind)
    if what is None and label.kernel is None and not search.root.exists(kernel):
        return "it names no kernel"
    if what is None and label.kind == "kernel":
        what = _foreign_file(search, kernel)
    if what is not None:
        program = OTHERS.get(program_name(kernel))
        what = f"{what} ({program})" if program else what
        return f"it starts {what}, which kexec cannot do"
    return "the menu does not let it be chosen" if label.disabled else None


def _foreign_file(search: Search, kernel: str) -> str | None:
    """Return what a file of KERNEL is that is no Linux; the file tells where its name leaves it
    open."""
    ending = next((end for end in _ENDINGS if kernel.lower().endswith(end)), None)
    if ending is None or (
        ending not in _ALWAYS and kernel_name(posixpath.basename(kernel)) is not None
    ):
        return None
    if ending in _ALWAYS:
        return _ENDINGS[ending]
    try:
        with search.root.open(kernel) as file:
            if not isinstance(outline(file.view), PeProgram):
                return None
    except WarmbootError:
        pass
    return _ENDINGS[ending]


def _words(label: Label) -> list[str]:
    return (label.append or "").split(" ")


def _notes(search: Search, label: Label, folder: str, lost: Sequence[str]) -> Iterator[str]:
    if label.tree_folder and not label.tree:
        yield _chosen_tree(search, folder)
    if label.tree == "-":
        yield "it takes the device tree that U-Boot has"
    if lost:
        words = printable(", ".join(dict.fromkeys(lost)), 200)
        yield f"left out, because U-Boot puts in what it knows when it starts: {words}"
    if label.appends:
        yield "the boot loader adds words of its own to the command line (SYSAPPEND)"


def _chosen_tree(search: Search, folder: str) -> str:
    """Return what U-Boot finds in a folder of device trees. The running tree stays in use: it is of
    the same board, and has what U-Boot put into it, such as the memory."""
    if not search.root.exists(folder):
        return f"the folder of device trees {folder} is not there"
    used = "here the one that runs is used unless --dtb names another"
    board = search.board
    if board is None:
        return f"U-Boot chooses the board's device tree in {folder}; {used}"
    from warmboot.core.boot.board import tree_for

    tree = tree_for(search.root, folder, board)
    name = printable(board.model or board.compatible[0], 80)
    if tree is None:
        return f"no device tree in {folder} is known to be for this board ({name}); {used}"
    return f"U-Boot chooses the device tree {printable(tree)} for this board ({name}); {used}"


def _place(search: Search, base: str, folder: str, name: str) -> str:
    """Return where a path of the menu leads; a relative one starts at the menu's own folder."""
    if name.startswith("/"):
        return search.locate(base, name)
    return posixpath.normpath(posixpath.join(folder, name.removeprefix("::")))


SOURCE = Source((Kind.EXTLINUX,), BootLoader.EXTLINUX, find)
