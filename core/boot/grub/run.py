"""A GRUB script, followed as far as it is certain. Nothing is executed on this machine.

Source: GRUB manual, "Shell-like scripting" and the chapters of its commands. Where a condition is
known to GRUB alone both ways are followed, and what differs behind them is unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from warmboot.core.boot.grub.files import Files
from warmboot.core.boot.grub.lexer import Word
from warmboot.core.boot.grub.script import Command, For, If, Node, While, file_text, pieces
from warmboot.core.boot.grub.state import Machine, Status
from warmboot.core.boot.grub.values import expand, is_decided, is_known, unknown
from warmboot.core.errors import WarmbootError

_DEPTH = 40
#: All that runs in a file whose entries alone are taken.
_EXTRACTORS = ("menuentry", "submenu", "test", "[", "true", "false", "set", "unset", "break",
               "continue", "shift", "setparams", "return")  # fmt: skip
_NOT_FOR_EXTRACTORS = 31

Handler = Callable[["Run", list[str]], Status]


class Run(Machine):
    """One pass over a configuration."""

    def __init__(self, files: Files, commands: dict[str, Handler]) -> None:
        super().__init__(files)
        self.commands = commands

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
            words.append(node.block)
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
            if is_decided(word):
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
        while not self.returning:
            status = self.all(node.condition)
            if status is None and not self.returning:
                for _ in range(2):  # a second time, for what the first one has changed
                    self.fork(lambda: self.all(node.body), lambda: 0)
            if status is None or self.returning or (status == 0) is node.until:
                break
            status = self.all(node.body)
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
        self.budget.step(10 + len(self.variables.values) // 4)
        self.unsure += 1
        before = self.snapshot()
        self.status = first()
        one = self.snapshot()
        self.restore(before)
        self.status = second()
        other = self.snapshot()
        self.unsure -= 1
        return self.join(one, other)
