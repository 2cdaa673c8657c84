"""A GRUB script, followed as far as it is certain. Nothing is executed on this machine.

Source: GRUB manual, "Shell-like scripting" and the chapters of its commands. Where a condition is
known to GRUB alone both ways are followed, and what differs behind them is unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from warmboot.core.boot.filesystems import By, Place, Spec
from warmboot.core.boot.grub.budget import Budget
from warmboot.core.boot.grub.entry import Item, Load, either
from warmboot.core.boot.grub.files import Files, UndecidedError
from warmboot.core.boot.grub.lexer import Word
from warmboot.core.boot.grub.script import Command, For, If, Node, While, file_text, pieces
from warmboot.core.boot.grub.values import (
    Variables,
    device,
    device_number,
    expand,
    is_known,
    unknown,
    unknown_names,
)
from warmboot.core.boot.grub.wildcard import fits, matches
from warmboot.core.errors import WarmbootError

_DEPTH = 40
_DEVICES = 4000
#: Set by GRUB itself when it runs; anything else that is not set is empty.
_RUNTIME = ("grub_platform", "grub_cpu", "cmdpath", "lockdown", "secureboot", "shim_lock")
_FEATURES = (
    "chainloader_bpb", "ntldr", "platform_search_hint", "default_font_path", "all_video_module",
    "menuentry_id", "menuentry_options", "200_final", "nativedisk_cmd", "timeout_style",
)  # fmt: skip
_EXPORTED = ("root", "prefix", "cmdpath", "pager", "color_normal", "color_highlight",
             "grub_cpu", "grub_platform", "config_file", "config_directory")  # fmt: skip
#: All that runs in a file whose entries alone are taken.
_EXTRACTORS = ("menuentry", "submenu", "test", "[", "true", "false", "set", "unset", "break",
               "continue", "shift", "setparams", "return")  # fmt: skip
_NOT_FOR_EXTRACTORS = 31

#: The answer of a command: 0 is success, None is known to GRUB alone.
Status = int | None
Handler = Callable[["Run", list[str]], Status]


@dataclass(frozen=True, slots=True)
class _State:
    """What differs between two ways through a script."""

    variables: Variables
    load: Load | None
    parameters: list[str] | None
    status: Status
    left: tuple[bool, int]


class Run:
    """One pass over a configuration: GRUB's state, as far as it is certain."""

    def __init__(self, files: Files, commands: dict[str, Handler]) -> None:
        self.files = files
        self.commands = commands
        self.budget = Budget()
        self.variables = Variables()
        self.functions: dict[str, tuple[Node, ...]] = {}
        self.parameters: list[str] | None = None
        self.devices: list[Spec] = []
        self.loops_named: dict[str, Spec] = {}
        #: Environment blocks as this pass has changed them, by file.
        self.blocks: dict[str, dict[str, str]] = {}
        self.changed = False
        self.extracting = False
        self.items: list[Item] = []
        #: Menus that configfile shows instead, with their defaults.
        self.nested: list[tuple[list[Item], str]] = []
        self.added = self.included = 0
        self.item: Item | None = None
        self.load: Load | None = None
        self.status: Status = 0
        self.loops = 0
        self.breaks = 0
        self.continuing = False
        self.returning = False
        #: Inside something that may not be executed, or behind something that may have left.
        self.unsure = 0
        self.may_have_returned = False
        self.may_have_broken = False
        #: A pattern fitted several files, which GRUB takes in the order of their folder.
        self.several = False
        self.unordered = 0
        self.depth = 0

    def prepare(self, folder: str, platform: str | None) -> None:
        """Set what GRUB sets before it reads a configuration in `folder`, a path of the root."""
        menu, tree = self.add_device(Spec(By.MENU, "")), self.add_device(Spec(By.ROOT, ""))
        for name in _RUNTIME:
            self.variables.set(name, unknown(name))
        for name in _FEATURES:
            self.variables.set(f"feature_{name}", "y")
        if platform is not None:
            self.variables.set("grub_platform", platform)
        self.variables.set("root", menu)
        self.variables.set("prefix", f"({tree}){folder}")
        self.variables.exported |= {*_EXPORTED, *(f"feature_{name}" for name in _FEATURES)}

    # Files and devices

    def add_device(self, spec: Spec) -> str:
        """Return the name of a device that is described so."""
        if spec not in self.devices:
            if len(self.devices) >= _DEVICES:
                raise WarmbootError("The GRUB configuration names too many file systems")
            self.devices.append(spec)
        return device(self.devices.index(spec))

    def place(self, path: str) -> Place:
        """Return where a path of the script leads; raise UndecidedError where only GRUB knows."""
        name, rest = self.variables.get("root"), path
        if path.startswith("("):
            name, _, rest = path[1:].partition(")")
        if not is_known(rest):
            raise UndecidedError(", ".join(unknown_names(rest)))
        return Place(self.device(name), rest)

    def device(self, name: str) -> Spec:
        """Return what a device's name means; raise UndecidedError where only GRUB knows."""
        number = device_number(name)
        if number is not None:
            return self.devices[number]
        if not is_known(name):
            raise UndecidedError(", ".join(unknown_names(name)))
        return self.loops_named.get(name) or Spec(By.DEVICE, name)

    def glob(self, pattern: str) -> Sequence[str]:
        """Return the paths that a pattern fits, in an order that only GRUB knows.

        One that starts with ``*`` or ``?`` fits devices, which only GRUB knows too.
        """
        self.budget.step(50)
        if pattern[0] in "*?":
            self.several = self.several or fits("(hd0)", pattern) or "/" in pattern
            return ()
        try:
            found = matches(pattern, lambda folder: self.files.names(self.place(folder)))
        except UndecidedError:
            return ()
        self.budget.step(len(found))
        self.several = self.several or len(found) > 1
        return found

    # Execution

    def file(self, text: str) -> None:
        """Run the text of a file."""
        self.text(file_text(text))

    def text(self, text: str) -> None:
        """Run a text piece by piece, as GRUB parses it."""
        self._deeper()
        for piece in pieces(text, self.budget):
            self.functions.update(piece.functions)
            if piece.nodes:
                self.status = self.all(piece.nodes)
            else:
                self.budget.step()
        self.depth -= 1

    def _deeper(self) -> None:
        self.depth += 1
        if self.depth > _DEPTH:
            raise WarmbootError("The GRUB configuration is nested too deeply")

    def all(self, nodes: Sequence[Node]) -> Status:
        """Run commands one after the other, up to a break or return."""
        status: Status = 0
        for node in nodes:
            if self.breaks:
                break
            status = self.status = self._node(node)
            if self.returning:
                break
        return status

    def _node(self, node: Node) -> Status:
        self.budget.step()
        if isinstance(node, Command):
            return self._command(node)
        if isinstance(node, If):
            return self._if(node.branches)
        self._deeper()
        status = self._for(node) if isinstance(node, For) else self._while(node)
        self.depth -= 1
        return status

    def expand(self, words: Sequence[Word]) -> list[str]:
        """Return the arguments that words become."""
        status = unknown("?") if self.status is None else str(self.status)
        values = self.variables.values
        values["?"] = status
        return expand(words, values, self.parameters, self.budget, self.glob)

    def _command(self, node: Command) -> Status:
        self.several = False
        words = self.expand(node.words)
        if self.several:
            self.doubt("what a pattern of names fits, and in which order,")
        if not words:
            return 0
        invert = words[0] == "!"
        if invert:
            del words[0]
            if not words:
                return 0
        if node.block is not None:
            words.append("{" + node.block + "}")
        status = self.call(words)
        if invert:
            return None if status is None else int(status == 0)
        return status

    def call(self, words: list[str]) -> Status:
        """Run a command, a function or an assignment. A name that is nothing of these is skipped.

        A function of a command's name is never reached.
        """
        name = words[0]
        if name in self.commands:
            if self.extracting and name not in _EXTRACTORS:
                return _NOT_FOR_EXTRACTORS
            return self.commands[name](self, words[1:])
        if name in self.functions:
            return self._function(name, words[1:])
        variable, equals, value = name.partition("=")
        if equals and is_known(variable):
            if variable[:1].isdecimal() or variable in ("#", "*", "@"):
                return 0
            self.set(variable, value)
            return 0
        return None

    def set(self, name: str, value: str) -> None:
        """Set a variable, to something unknown where it may keep its value."""
        old = self.variables.get(name)
        if self.weak and old != value:
            value = unknown(name)
        self.variables.set(name, value)

    @property
    def weak(self) -> bool:
        """Whether what comes now may be left out, because something may have left before."""
        return self.may_have_returned or self.may_have_broken

    def _function(self, name: str, arguments: list[str]) -> Status:
        self._deeper()
        outer = (self.parameters, self.loops, self.may_have_returned)
        self.parameters, self.loops = arguments, 0
        status = self.all(self.functions[name])
        self.returning = False
        self.parameters, self.loops, self.may_have_returned = outer
        self.depth -= 1
        return status

    def _if(self, branches: Sequence[tuple[tuple[Node, ...] | None, tuple[Node, ...]]]) -> Status:
        if not branches:
            return 0
        (condition, body), *others = branches
        if condition is None:
            return self.all(body)
        self._deeper()
        status = self.all(condition)
        if not self.returning:
            if status is None:
                status = self.fork(lambda: self.all(body), lambda: self._if(others))
            else:
                status = self.all(body) if status == 0 else self._if(others)
        self.depth -= 1
        return status

    def _for(self, node: For) -> Status:
        self.several = False
        words = self.expand(node.words)
        unordered = int(self.several)
        self.unordered += unordered
        self.loops += 1
        broken = self.may_have_broken
        status: Status = 0
        for word in words:
            if self.continuing and self.breaks == 1:
                self.breaks = 0
            if self.breaks:
                break
            self.set(node.name, word)
            if is_known(word):
                status = self.all(node.body)
            else:  # it may be no word, or several
                status = self.fork(lambda: self.all(node.body), lambda: 0)
            if self.returning:
                break
        self._leave_loop(broken)
        self.unordered -= unordered
        return status

    def _while(self, node: While) -> Status:
        self.loops += 1
        broken = self.may_have_broken
        status: Status = 0
        while True:
            status = self.all(node.condition)
            if self.returning:
                break
            if status is None:  # a second time, for what the first one has changed
                for _ in range(2):
                    self.fork(lambda: self.all(node.body), lambda: 0)
                break
            if (status == 0) is node.until:
                break
            status = self.all(node.body)
            if self.returning:
                break
            if self.breaks == 1 and self.continuing:
                self.breaks = 0
            if self.breaks:
                break
        self._leave_loop(broken)
        return status

    def _leave_loop(self, broken: bool) -> None:
        self.breaks = max(self.breaks - 1, 0)
        self.loops -= 1
        self.may_have_broken = broken

    # What only GRUB knows

    def fork(self, first: Callable[[], Status], second: Callable[[], Status]) -> Status:
        """Go both ways, and go on with what they have in common."""
        self.budget.step(1 + len(self.variables.values) // 8)
        self.unsure += 1
        before = self._state()
        self.status = first()
        one = self._state()
        self._restore(before)
        self.status = second()
        other = self._state()
        self.unsure -= 1
        self.variables.join(one.variables)
        self.load = either(self.item, one.load, other.load)
        if one.parameters != other.parameters:
            names = max(one.parameters or [], other.parameters or [], key=len)
            self.parameters = [unknown(str(index + 1)) for index in range(len(names))]
        if one.left != other.left:
            self.may_have_returned = self.may_have_returned or one.left[0] != other.left[0]
            self.may_have_broken = self.may_have_broken or one.left[1] != other.left[1]
            self.returning = one.left[0] and other.left[0]
            self.breaks = min(one.left[1], other.left[1])
        return one.status if one.status == other.status else None

    def _state(self) -> _State:
        parameters = None if self.parameters is None else list(self.parameters)
        left = (self.returning, self.breaks)
        return _State(self.variables.copy(), self.load, parameters, self.status, left)

    def _restore(self, state: _State) -> None:
        self.variables.values = dict(state.variables.values)
        self.variables.exported = set(state.variables.exported)
        self.variables.length = state.variables.length
        self.load, self.parameters, self.status = state.load, state.parameters, state.status
        self.returning, self.breaks = state.left

    @property
    def certain(self) -> bool:
        """Whether what comes now is executed for certain, and in this order."""
        return not (self.unsure or self.weak or self.unordered)

    def doubt(self, names: str) -> None:
        """State in the entry at hand what only GRUB knows."""
        if self.item is not None:
            self.item.doubt(f"GRUB decides {names} when it runs")

    def words_known(self, words: Sequence[str]) -> list[str]:
        """Return the words that are known; the entry at hand notes what was left out."""
        lost = [name for word in words for name in unknown_names(word)]
        if lost and self.item is not None:
            names = ", ".join(dict.fromkeys(lost))
            self.item.note(f"left out, because GRUB decides {names} when it runs")
        return [word for word in words if is_known(word)]
