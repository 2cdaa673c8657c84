"""The language of SYSLINUX's menus, which U-Boot's distro boot shares: extlinux.conf, isolinux.cfg.

Sources: SYSLINUX's documentation of its configuration and menus (doc/menu.txt); U-Boot's
doc/README.pxe and doc/develop/bootstd/extlinux.rst.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from warmboot.core.boot.extlinux_programs import MEDIA, is_program, lead, program_name
from warmboot.core.boot.root import Text
from warmboot.core.text import lines
from warmboot.core.values import dataclass, field

_LABELS = 1000
_TITLE = 512  # characters
_INCLUDES = 256
_SIZE = 4 << 20  # characters of all files together, beyond which none is opened
_DEPTH = 16  # what SYSLINUX and U-Boot allow
#: What a label may name, beside files whose kind their name tells, and why kexec starts none.
FOREIGN = {
    "boot": "a boot sector", "bss": "a boot sector", "pxe": "a network boot program",
    "fdimage": "a disk image", "comboot": "a COMBOOT program", "com32": "a COM32 program",
    "config": "another menu", "localboot": "what the firmware boots next",
}  # fmt: skip
_KERNELS = ("kernel", "linux", "fit")
_DEVICE_TREE = ("fdt", "devicetree")
_DEVICE_TREE_FOLDER = ("fdtdir", "devicetreedir")
_OVERLAYS = ("fdtoverlays", "devicetree-overlay")

Include = Callable[[str], str | None]


@dataclass
class Label:
    """One LABEL of a menu; paths as the file writes them.

    `kind` is the keyword that names `kernel` (``kernel``, ``linux``, ``com32``, …). `menus` are the
    titles of the menus that it stands in, the outermost first. `tree_folder` is FDTDIR.
    `navigation`: it leads to another menu or label, and `into` is what is started there without a
    choice; `ways` are the labels that it may lead to. `appends`: the loader adds words of its own.
    """

    name: str
    menus: tuple[str, ...] = ()
    title: str | None = None
    kind: str = "kernel"
    kernel: str | None = None
    initrds: list[str] = field(default_factory=list)
    append: str | None = None
    tree: str | None = None
    tree_folder: str | None = None
    overlays: list[str] = field(default_factory=list)
    navigation: bool = False
    into: Label | None = None
    ways: tuple[str, ...] = ()
    disabled: bool = False
    appends: bool = False


@dataclass
class Scope:
    """A menu, or a submenu: its title, and its default: a label, or a submenu."""

    title: str = ""
    default: Label | Scope | None = None
    first: Label | None = None


@dataclass
class ExtlinuxMenu:
    """The labels of a menu in order, and what is said of the one that starts by itself.

    `wanted` is what DEFAULT names, `timeout` what ONTIMEOUT does; `ui` is the menu program.
    `left_out` says what was too much to be read; `cut` that a file was not read to its end, so that
    a label may lack a part.
    """

    labels: list[Label] = field(default_factory=list)
    wanted: str | None = None
    timeout: str | None = None
    ui: str | None = None
    top: Scope = field(default_factory=Scope)
    start: Scope | None = None
    left_out: list[str] = field(default_factory=list)
    cut: str | None = None

    @property
    def default(self) -> Label | str | None:
        """Return the label that starts by itself, or the command line that DEFAULT holds.

        What DEFAULT names takes precedence over MENU DEFAULT, unless it is a menu program;
        without either a menu starts its first label. ONTIMEOUT is what a menu does that nobody
        touches.
        """
        for wanted in (self.timeout, self.wanted):
            if wanted and not is_program(wanted):
                found = self.label(wanted)
                return wanted if found is None else found.into or found
        scope: Label | Scope | None = self.start or self.top
        for _ in range(_DEPTH):
            if not isinstance(scope, Scope):
                break
            scope = scope.default or scope.first
        return scope.into or scope if isinstance(scope, Label) else None

    def label(self, wanted: str) -> Label | None:
        """Return the label of this name; words behind it are further options."""
        return _called(wanted, self.names())

    def names(self) -> dict[str, Label]:
        """Return the labels by their names; of two of one name the first counts."""
        return {label.name.lower(): label for label in reversed(self.labels)}


def parse_menu(text: str, include: Include, media: Collection[str] = MEDIA) -> ExtlinuxMenu:
    """Return what a menu says; `include` returns the text of an included file, None without one.

    `media` are what the loader may have been started from (`extlinux_programs.MEDIA`).
    """
    return _Reader(include, media).whole(text)


class _Reader:
    """Reads line by line; `scopes` are the menus that are open, `label` the label that is."""

    def __init__(
        self, include: Include, media: Collection[str], seen: frozenset[str] = frozenset()
    ) -> None:
        self.menu = ExtlinuxMenu()
        self.include = include
        self.media = media
        self.scopes = [self.menu.top]
        self.label: Label | None = None
        self.append: str | None = None
        self.appends = False
        self.included = 0
        self.size = 0  # characters
        self.seen = seen  # menus that this one is read in

    def whole(self, text: str) -> ExtlinuxMenu:
        """Read a menu to its end."""
        self.seen |= {text}
        self.read(text, 0)
        self.close_label()
        names = self.menu.names()
        for label in self.menu.labels:
            if label.ways:
                _lead_on(label, names)
        return self.menu

    def read(self, text: str, depth: int) -> None:
        self.size += len(text)
        if isinstance(text, Text):
            self.menu.cut = self.menu.cut or text.cut
        in_text = False
        for line in lines(text):
            key, value = _split(line)
            if in_text or key == "text":
                in_text = key != "endtext"
            elif key == "menu":
                self.menu_line(*_split(value), depth)
            elif key == "include":
                self.read_file(value, depth)
            elif key:
                self.line(key, value)

    def read_file(self, value: str, depth: int) -> None:
        """Read an included file; with a name behind it, as a submenu."""
        words = value.split(None, 1)
        if not words:
            return
        if self.included >= _INCLUDES or depth >= _DEPTH or self.size > _SIZE:
            what = f"{words[0]} is not read: too many files are included, or too deep"
            if len(self.menu.left_out) < 8:
                self.menu.left_out.append(what)
            return
        self.included += 1
        text = self.include(words[0])
        if text is None:
            if len(self.menu.left_out) < 8:
                self.menu.left_out.append(f"{words[0]}, which it includes, cannot be read")
            return
        if len(words) == 1:
            self.read(text, depth + 1)
        else:
            self.structure("begin", words[1])
            self.read(text, depth + 1)
            self.structure("end", "")

    def line(self, key: str, value: str) -> None:
        menu, label = self.menu, self.label
        if key == "label" and value:
            self.close_label()
            self.open_label(value)
        elif key == "default":
            menu.wanted = value or menu.wanted
        elif key == "ontimeout":
            menu.timeout = value or menu.timeout
        elif key == "ui":
            menu.ui = value or menu.ui
        elif key == "append" and label is None:
            self.append = value
        elif key in ("sysappend", "ipappend"):
            if label is None:
                self.appends = value != "0"
            else:
                label.appends = value != "0"
        elif label is not None:
            _set(label, key, value)

    def menu_line(self, key: str, value: str, depth: int) -> None:
        label, scope = self.label, self.scopes[-1]
        if key == "include":
            self.read_file(value, depth)
        elif key in ("begin", "end", "separator"):
            self.structure(key, value)
        elif key == "start":
            self.menu.start = scope
        elif key == "default":
            if label is not None:
                scope.default = label
            elif len(self.scopes) > 1:
                self.scopes[-2].default = scope
        elif key in ("title", "label") and label is None:
            scope.title = _plain(value)
        elif label is not None:
            _set_menu(label, key, value)

    def structure(self, key: str, name: str) -> None:
        """Open or close a submenu; any of these lines ends the label before it."""
        self.close_label()
        if key == "begin" and len(self.scopes) <= _DEPTH:
            self.scopes.append(Scope(_plain(name)))
        elif key == "end" and len(self.scopes) > 1:
            self.scopes.pop()

    def open_label(self, value: str) -> None:
        menus = tuple(scope.title for scope in self.scopes[1:] if scope.title)
        self.label = Label(value, menus, appends=self.appends)

    def close_label(self) -> None:
        """Record the label that is open; what is stated once for all counts as it is now."""
        label, self.label = self.label, None
        if label is None:
            return
        if len(self.menu.labels) >= _LABELS:
            what = f"only the first {_LABELS} labels are read"
            if what not in self.menu.left_out:
                self.menu.left_out.append(what)
            return
        text = self.append if label.append is None else label.append
        words = [] if text is None or text == "-" else text.split(" ")
        program = program_name(label.kernel or "") if label.kind in ("kernel", "com32") else ""
        if program == "linux.c32" and words:
            label.kind, label.kernel = "linux", words.pop(0)
        named = {word: None for word in words if word.lower().startswith("initrd=")}
        if named and not label.initrds:
            label.initrds = [name for word in named for name in word[7:].split(",") if name]
        label.append = " ".join(word for word in words if word not in named).strip()
        self.menu.labels.append(label)
        scope = self.scopes[-1]
        if scope.first is None and not label.navigation and not label.disabled:
            scope.first = label
        if label.kind == "config" and label.kernel:
            self.follow(label, label.kernel)
        leads = lead(program, label.append.split(), self.media) if program else None
        if leads is not None:
            label.ways = leads.labels
            label.navigation = not (leads.labels or leads.files)
            for file in leads.files:
                self.follow(label, file)

    def follow(self, label: Label, file: str) -> None:
        """Read the menu that a label leads to, if its files lie where those of this one do."""
        if self.included >= _INCLUDES or len(self.seen) > _DEPTH or self.size > _SIZE:
            return
        self.included += 1
        text = None if len(file.split()) > 1 else self.include(file)
        if text is None:
            return
        label.navigation = True
        if text in self.seen:  # it leads back
            return
        reader = _Reader(self.include, self.media, self.seen)
        reader.included, reader.size = self.included, self.size
        inner = reader.whole(text)
        self.included, self.size = reader.included, reader.size
        self.menu.cut = self.menu.cut or inner.cut
        self.menu.left_out += inner.left_out[: 8 - len(self.menu.left_out)]
        label.into = inner.default if isinstance(inner.default, Label) else None
        title = label.title or label.name
        for one in inner.labels[: max(0, _LABELS - len(self.menu.labels))]:
            one.menus = (*label.menus, title, *one.menus)
            self.menu.labels.append(one)


def _called(wanted: str, names: Mapping[str, Label]) -> Label | None:
    return names.get(wanted.lower()) or names.get(wanted.split(maxsplit=1)[0].lower())


def _lead_on(label: Label, names: Mapping[str, Label]) -> None:
    """Let a label lead to the labels that it names, if it names no other program."""
    found = [_called(way, names) if way else None for way in label.ways]
    targets = [one for one in found if one is not None and not one.ways]
    label.navigation = len(targets) == len(found)
    ends = [one.into or one for one in targets]
    if label.navigation and all(one is ends[0] for one in ends):
        label.into = ends[0]


def _split(line: str) -> tuple[str, str]:
    words = line.strip().split(None, 1)
    if not words or words[0].startswith("#"):
        return "", ""
    return words[0].lower(), words[1].strip() if len(words) > 1 else ""


def _set(label: Label, key: str, value: str) -> None:
    if (key in _KERNELS and value) or key in FOREIGN:
        label.kind, label.kernel = key, value
    elif key == "initrd":
        label.initrds = [name for name in value.split(",") if name]
    elif key == "append":
        label.append = value
    elif key in _DEVICE_TREE:
        label.tree = value or None
    elif key in _DEVICE_TREE_FOLDER:
        label.tree_folder = value or None
    elif key in _OVERLAYS:
        label.overlays = value.split()


def _set_menu(label: Label, key: str, value: str) -> None:
    if key == "label":
        label.title = _plain(value)
    elif key in ("goto", "exit", "quit"):
        label.navigation = True
    elif key in ("disable", "disabled"):
        label.disabled = True


def _plain(title: str) -> str:
    """Return a title without the mark of its key, not longer than anybody reads."""
    return title[:_TITLE].replace("^", "", 1)
