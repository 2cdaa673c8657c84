"""GRUB menus, read without running anything: what is certain is kept, what GRUB decides is named.

Variables, conditions on them and on files, functions and included files are followed, within
bounds; the hardware, devices and every other command are not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from warmboot.core.boot.grub.condition import evaluate
from warmboot.core.boot.grub.script import Command, Function, If, Loop, Node, Word, parse_script
from warmboot.core.errors import WarmbootError

_STEPS = 100_000
_DEPTH = 12
_ITEMS = 2000
_INCLUDES = 20
_LOOKS = 2000  # at files
_LONGEST = 65536  # characters of a word; values made of values would grow without end
_DEVICE = re.compile(r"^\([^)]*\)")
_LINUX = ("linux", "linuxefi", "linux16", "linux32")
_INITRD = ("initrd", "initrdefi", "initrd16")
#: Set by GRUB itself when it runs; anything else that is not set is empty.
_RUNTIME = ("grub_platform", "grub_cpu", "cmdpath", "chosen", "lockdown", "secureboot", "pager")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")


@dataclass(slots=True)
class Item:
    """A line of a menu: an entry, a submenu (`children`), or the place of the BLS entries (`bls`).

    `kernel` is None where the entry boots no Linux. `problem` says what GRUB decides only when it
    runs; `notes` what was left out because of that.
    """

    title: str
    id: str | None = None
    children: list[Item] | None = None
    bls: bool = False
    kernel: str | None = None
    options: str = ""
    initrds: tuple[str, ...] = ()
    devicetree: str | None = None
    problem: str | None = None
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class GrubMenu:
    """All items, and what `default` says of the one that starts by itself; None where unknown."""

    items: list[Item]
    default: str | None


@dataclass(frozen=True, slots=True)
class Files:
    """How a script sees files: by paths as it writes them, without the device in front."""

    read: Callable[[str], str | None]
    exists: Callable[[str], bool]


def read_menu(text: str, folder: str, environment: Mapping[str, str], files: Files) -> GrubMenu:
    """Return the menu of a grub.cfg in `folder`; `environment` holds the variables of grubenv.

    Raises WarmbootError where the script goes beyond the bounds.
    """
    run = _Run(environment, files)
    run.variables |= {"prefix": folder, "config_directory": folder, "root": "", "default": "0"}
    run.execute(parse_script(text))
    return GrubMenu(run.finish(), run.variables.get("default"))


def strip_device(path: str) -> str:
    """Return a path without the device in front of it: ``(hd0,gpt2)/vmlinuz`` is ``/vmlinuz``."""
    return _DEVICE.sub("", path)


class _Run:
    """One pass over a script. `certain` is False inside what may or may not be executed."""

    def __init__(self, environment: Mapping[str, str], files: Files) -> None:
        #: None is the value of a variable that only GRUB knows.
        self.variables: dict[str, str | None] = dict.fromkeys(_RUNTIME)
        self.files = files
        # What starts next time only is not what starts by default.
        self.environment = {k: v for k, v in environment.items() if k != "next_entry"}
        self.functions: dict[str, list[Node]] = {}
        self.items: list[Item] = []
        self.bodies: list[tuple[Item, list[Node]]] = []
        self.item: Item | None = None
        self.certain = True
        self.steps = 0
        self.depth = 0
        self.count = 0
        self.included = 0
        self.looked = 0

    def finish(self) -> list[Item]:
        """Read the bodies of all entries, as they see the variables when the menu shows."""
        top = self.items
        after = dict(self.variables)
        while self.bodies:
            item, body = self.bodies.pop(0)
            self.variables, self.certain, self.depth = dict(after), True, 0
            if item.children is not None:
                self.items, self.item = item.children, None
            else:
                self.item = item
            self.execute(body)
        return top

    def execute(self, nodes: Sequence[Node]) -> None:
        self.depth += 1
        if self.depth > _DEPTH:
            raise WarmbootError("The GRUB configuration is nested too deeply")
        for node in nodes:
            self.steps += 1
            if self.steps > _STEPS:
                raise WarmbootError("The GRUB configuration does more than a menu needs")
            if isinstance(node, Command):
                self._command(node)
            elif isinstance(node, If):
                self._if(node)
            elif isinstance(node, Function):
                self.functions[node.name] = node.body
            else:
                self._loop(node)
        self.depth -= 1

    def _if(self, node: If) -> None:
        before = self.certain
        for condition, body in node.branches:
            value = True if condition is None else self._test(condition)
            if value is False:
                continue
            if value is None:
                self.certain = False
            self.execute(body)
            if value:
                break
        self.certain = before

    def _loop(self, node: Loop) -> None:
        before, self.certain = self.certain, False
        if node.variable:
            self.variables[node.variable] = None
        self.execute(node.body)
        self.certain = before

    def _test(self, condition: Sequence[Node]) -> bool | None:
        last = condition[-1] if condition else None
        if not isinstance(last, Command):
            return None
        words = self._expand(last.words)
        return evaluate(words, self._exists)

    def _exists(self, path: str) -> bool:
        self.looked += 1
        if self.looked > _LOOKS:
            raise WarmbootError("The GRUB configuration looks at too many files")
        return self.files.exists(strip_device(path))

    def _command(self, node: Command) -> None:
        words = self._expand(node.words)
        name = words[0] if words else None
        if name is None:
            return
        if node.block is not None and name in ("menuentry", "submenu"):
            self._entry(name, words[1:], node.block)
        elif name in ("set", "unset"):
            self._assign(node.words[1:], name)
        elif _ASSIGNMENT.match(name):
            self._assign(node.words, name)
        elif name in self.functions:
            self._call(name, words)
        elif self.item is not None and name in (*_LINUX, *_INITRD, "devicetree"):
            self._load(self.item, name, node.words[1:])
        else:
            self._other(name, [word for word in words[1:] if word is not None])

    def _other(self, name: str, words: Sequence[str]) -> None:
        if name == "load_env":
            self.variables.update(self.environment)
        elif name == "blscfg":
            self.items.append(Item("blscfg", bls=True))
        elif name in ("source", "configfile", "."):
            self._include(words)
        for word in words:  # search --set=root is no surprise; probe --set=x is
            if word.startswith("--set=") and word != "--set=root":
                self.variables[word[6:].rpartition(":")[2]] = None

    def _assign(self, words: Sequence[Word], command: str) -> None:
        for word in words:
            text = self._join(word)
            head = "".join(piece.text for piece in word if not piece.variable)
            name, equals, value = (head if text is None else text).partition("=")
            if command == "set" and not equals:
                continue
            new = "" if command == "unset" or not equals else None if text is None else value
            unsure = not self.certain and self.variables.get(name, "") != new
            self.variables[name] = None if unsure else new

    def _include(self, names: Sequence[str]) -> None:
        self.included += 1
        if self.included > _INCLUDES:
            raise WarmbootError("The GRUB configuration includes too many files")
        text = self.files.read(strip_device(names[0])) if names else None
        if text is not None:
            self.execute(parse_script(text))

    def _call(self, name: str, words: Sequence[str | None]) -> None:
        outer = {str(number): self.variables.get(str(number)) for number in range(10)}
        for number in range(1, 10):
            self.variables[str(number)] = words[number] if number < len(words) else ""
        self.execute(self.functions[name])
        self.variables |= outer

    def _entry(self, name: str, words: Sequence[str | None], body: list[Node]) -> None:
        self.count += 1
        if self.count > _ITEMS:
            raise WarmbootError(f"The GRUB configuration has more than {_ITEMS} entries")
        item = Item("", children=[] if name == "submenu" else None)
        waiting = iter(words)
        for word in waiting:
            if word == "--id":
                item.id = next(waiting, None)
            elif word is not None and word.startswith("--id="):
                item.id = word[5:]
            elif word in ("--class", "--users", "--hotkey", "--source"):
                next(waiting, None)
            elif word is not None and not word.startswith("--") and not item.title:
                item.title = word
        if not self.certain:
            item.problem = "GRUB decides when it runs whether this entry is there"
        self.items.append(item)
        self.bodies.append((item, body))

    def _load(self, item: Item, name: str, words: Sequence[Word]) -> None:
        """Take over a linux, initrd or devicetree command of an entry."""
        values = [value for word in words for value in self._split(word)]
        dropped = [word for word in words if self._split(word) == [None]]
        names = ", ".join(f"${p.text}" for word in dropped for p in word if p.variable)
        paths = name not in _LINUX or values[:1] == [None]
        if dropped and paths:
            item.problem = f"GRUB decides {names} when it runs"
        elif dropped:
            item.notes.append(f"left out, because GRUB decides {names} when it runs")
        kept = [value for value in values if value is not None]
        files = tuple(strip_device(value) for value in kept if not value.startswith("--"))
        if name in _LINUX and files:
            options = " ".join(_quote(value) for value in kept[1:])
            self._settle(item, item.kernel is not None, (item.kernel, item.options),
                         (files[0], options))  # fmt: skip
            if item.kernel is None or self.certain:
                item.kernel, item.options = files[0], options
        elif name in _INITRD:
            self._settle(item, bool(item.initrds), item.initrds, files)
            if not item.initrds or self.certain:
                item.initrds = files
            if any(file.startswith("newc:") for file in files):
                item.problem = "GRUB would pack files into the initrd (newc:)"
        elif name == "devicetree" and files:
            item.devicetree = files[0]

    def _settle(self, item: Item, known: bool, before: object, now: object) -> None:
        if not self.certain and known and before != now and item.problem is None:
            item.problem = "GRUB decides between several kernels or initrds when it runs"

    def _expand(self, words: Sequence[Word]) -> list[str | None]:
        return [value for word in words for value in self._split(word)]

    def _split(self, word: Word) -> list[str | None]:
        """Return the words a word becomes: a value without quotes is split at its blanks."""
        text = self._join(word)
        quoted = any(piece.quoted for piece in word)
        if text is None or quoted or not any(piece.variable for piece in word):
            return [text]
        return [*text.split()]

    def _join(self, word: Word) -> str | None:
        parts = []
        for piece in word:
            value = self._value(piece.text) if piece.variable else piece.text
            if value is None:
                return None
            parts.append(value)
        text = "".join(parts)
        if len(text) > _LONGEST:
            raise WarmbootError("A word of the GRUB configuration is too long")
        return text

    def _value(self, name: str) -> str | None:
        if name.startswith("feature_"):
            return "y"
        return self.variables.get(name, "")


def _quote(word: str) -> str:
    """Return an option as GRUB hands it over: quotes round blanks, backslashes before quotes."""
    escaped = re.sub(r"([\\'\"])", r"\\\1", word)
    return f'"{escaped}"' if " " in word else escaped


def resolve(items: Sequence[Item], wanted: str, bls: Sequence[str]) -> str | None:
    """Return the position (``1>0``) or the BLS source that ``default`` or ``next_entry`` means.

    `bls` are the sources of the BLS entries in the order GRUB shows them. Source: GRUB manual,
    "default": a number, a title or an id; ``>`` leads into a submenu.
    """
    path: list[str] = []
    level: Sequence[Item] = items
    for step in wanted.split(">"):
        rows = _rows(level, bls)
        number = int(step) if step.isdecimal() and len(step) < 6 else None
        for index, row in enumerate(rows):
            same = isinstance(row, Item) and step in (row.title, row.id)
            same = same or (isinstance(row, str) and step in _bls_names(row))
            if same or index == number:
                break
        else:
            return None
        if isinstance(row, str):
            return row
        path.append(str(index))
        if row.children is None:
            return ">".join(path)
        level = row.children
    return None


def _bls_names(source: str) -> tuple[str, str]:
    name = source.rpartition("/")[2]
    return name, name.removesuffix(".conf")


def positions(
    items: Sequence[Item], bls: Sequence[str], above: tuple[str, ...] = ()
) -> list[tuple[str, Item]]:
    """Return every entry with its position in the menu, submenus included."""
    found = []
    for index, row in enumerate(_rows(items, bls)):
        if isinstance(row, str):
            continue
        path = (*above, str(index))
        if row.children is not None:
            found += positions(row.children, bls, path)
        else:
            found.append((">".join(path), row))
    return found


def _rows(items: Sequence[Item], bls: Sequence[str]) -> list[Item | str]:
    rows: list[Item | str] = []
    for item in items:
        rows += bls if item.bls else [item]
    return rows
