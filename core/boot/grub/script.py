"""GRUB's configuration language, parsed into commands. Nothing is run here.

Source: GRUB manual, "Shell-like scripting". GRUB parses a file piece by piece: a piece is a line
with all lines that an open block, clause or quote needs, and is run before the next one is
parsed. A piece with a fault in it is dropped as far as it was read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from warmboot.core.boot.grub.budget import Budget
from warmboot.core.boot.grub.lexer import KEYWORDS, NAME, Lexer, SyntaxFault, Token, Word
from warmboot.core.errors import WarmbootError
from warmboot.core.expression import expression
from warmboot.core.values import dataclass, field

_HELD = 60_000  # words of one piece that are kept
_DEPTH = 24
_COMMENT = expression(r"^#[^\n]*\n?", re.MULTILINE)
_NUL = expression(r"\0[^\n]*")


@dataclass(frozen=True)
class Command:
    """Words, and the block behind them (menuentry, submenu) in its braces, None without one."""

    words: tuple[Word, ...]
    block: str | None = None


@dataclass(frozen=True)
class If:
    """Branches of condition and body, in order; the condition of else is None."""

    branches: tuple[tuple[tuple[Node, ...] | None, tuple[Node, ...]], ...]


@dataclass(frozen=True)
class For:
    """A body for each of the words."""

    name: str
    words: tuple[Word, ...]
    body: tuple[Node, ...]


@dataclass(frozen=True)
class While:
    """while, or until where `until` is true."""

    condition: tuple[Node, ...]
    body: tuple[Node, ...]
    until: bool


Node = Command | If | For | While


@dataclass
class Piece:
    """What GRUB parses and runs at one time; `faulty` where it drops this much of the text."""

    nodes: list[Node] = field(default_factory=list)
    functions: dict[str, tuple[Node, ...]] = field(default_factory=dict)
    faulty: bool = False


def file_text(text: str) -> str:
    """Return a file as GRUB reads it: without carriage returns and lines that start with ``#``.

    Those lines go even where they stand inside quotes; a NUL ends its line.
    """
    return _NUL.sub("", _COMMENT.sub("", text.replace("\r", "")))


def pieces(text: str, budget: Budget) -> Iterator[Piece]:
    """Yield the pieces of a script in order; raise WarmbootError beyond the bounds."""
    parser = _Parser(text, budget)
    while not parser.at_end:
        yield parser.piece()


def parse_script(text: str) -> list[Piece]:
    """Return all pieces of a file's text."""
    return list(pieces(file_text(text), Budget()))


class _Parser:
    """Recursive descent over the tokens of one text. `silent` while nodes are not kept."""

    def __init__(self, text: str, budget: Budget) -> None:
        self.lexer = Lexer(text)
        self.budget = budget
        self.token = Token("\n", 0)
        self.depth = 0
        self.silent = 0
        self.held = 0
        self.functions: dict[str, tuple[Node, ...]] = {}

    @property
    def at_end(self) -> bool:
        return self.lexer.position >= len(self.lexer.text)

    def piece(self) -> Piece:
        """Read one piece; after a fault go on behind the line with the fault in it."""
        self.functions = {}
        self.depth = self.silent = self.held = 0
        try:
            nodes = self._piece()
        except SyntaxFault as fault:
            end = self.lexer.text.find("\n", max(fault.end - 1, 0))
            self.lexer.position = len(self.lexer.text) if end < 0 else end + 1
            return Piece([], self.functions, faulty=True)
        return Piece(nodes, self.functions)

    def _piece(self) -> list[Node]:
        nodes: list[Node] = []
        self._advance()
        while self.token.mark == "\n":
            if self.at_end:
                return nodes
            self._advance()
        while self.token.mark != "":
            if self.token.plain == "function":
                self._function()
            else:
                nodes.append(self._command())
            if self.token.mark == ";":
                self._advance()
            if self.token.mark == "\n":
                break
            if self.token.mark != "" and not self._was_semicolon:
                raise SyntaxFault(self.token.end)
        return nodes

    def _advance(self) -> Token:
        self._was_semicolon = self.token.mark == ";"
        self.budget.tokens += 1
        if self.budget.tokens > self.budget.most_tokens:
            raise WarmbootError("The GRUB configuration is too long")
        self.token = self.lexer.next()
        return self.token

    def _expect(self, keyword: str) -> None:
        if self.token.plain != keyword:
            raise SyntaxFault(self.token.end)
        self._advance()

    def _newlines(self) -> None:
        while self.token.mark == "\n":
            self._advance()

    def _delimiters(self) -> bool:
        """Skip one ``;`` or newline and the newlines behind it; False where there is none."""
        if self.token.mark not in (";", "\n"):
            return False
        self._advance()
        self._newlines()
        return True

    def _commands(self, *ends: str) -> tuple[Node, ...]:
        """Read commands up to a keyword, or ``}``, behind a delimiter; at least one."""
        self.depth += 1
        if self.depth > _DEPTH:
            raise WarmbootError("The GRUB configuration is nested too deeply")
        self._newlines()
        nodes: list[Node] = []
        while True:
            node = self._command()
            if not self.silent:
                nodes.append(node)
            delimited = self._delimiters()
            if self._at(ends) and (delimited or ends == ("}",)):
                break
            if not delimited:
                raise SyntaxFault(self.token.end)
        self.depth -= 1
        return tuple(nodes)

    def _at(self, ends: tuple[str, ...]) -> bool:
        return self.token.plain in ends if self.token.mark is None else self.token.mark in ends

    def _command(self) -> Node:
        token = self.token
        if token.mark is not None:
            raise SyntaxFault(token.end)
        if token.plain == "if":
            return self._if()
        if token.plain in ("while", "until"):
            return self._while(until=token.plain == "until")
        if token.plain == "for":
            return self._for()
        if token.plain in KEYWORDS or token.plain in ("[[", "]]"):
            raise SyntaxFault(token.end)
        words = self._words()
        if self.token.mark != "{":
            return Command(words)
        start = self.lexer.position - 1
        self._block()
        block = self.lexer.text[start : self.token.end]
        self._advance()
        return Command(words, None if self.silent else block)

    def _words(self) -> tuple[Word, ...]:
        words: list[Word] = []
        while self.token.mark is None:
            if self.token.plain in ("[[", "]]"):
                raise SyntaxFault(self.token.end)
            if not self.silent:
                words.append(self.token.word)
                self.held += 1 + len(self.token.word)
                if self.held > _HELD:
                    raise WarmbootError("The GRUB configuration is too long")
            self._advance()
        return tuple(words)

    def _block(self) -> None:
        """Read a block up to its ``}``, which stays the token at hand; its text is parsed later."""
        self.silent += 1
        self._advance()
        self._commands("}")
        self.silent -= 1

    def _function(self) -> None:
        name = self._advance().plain
        if not NAME.fullmatch(name) or name in KEYWORDS:
            raise SyntaxFault(self.token.end)
        self._advance()
        self._newlines()
        if self.token.mark != "{":
            raise SyntaxFault(self.token.end)
        self._advance()
        self._newlines()
        body: list[Node] = []
        self.depth += 1
        while self.token.mark != "}":
            body.append(self._command())
            if not self._delimiters():
                raise SyntaxFault(self.token.end)
        self.depth -= 1
        if not body:
            raise SyntaxFault(self.token.end)
        self.functions[name] = tuple(body)
        self._advance()

    def _if(self) -> If:
        branches: list[tuple[tuple[Node, ...] | None, tuple[Node, ...]]] = []
        while True:
            self._advance()
            condition = self._commands("then")
            self._advance()
            branches.append((condition, self._commands("elif", "else", "fi")))
            if self.token.plain != "elif":
                break
        if self.token.plain == "else":
            self._advance()
            branches.append((None, self._commands("fi")))
        self._advance()
        return If(tuple(branches))

    def _while(self, *, until: bool) -> While:
        self._advance()
        condition = self._commands("do")
        self._advance()
        body = self._commands("done")
        self._advance()
        return While(condition, body, until)

    def _for(self) -> For:
        name = self._advance().plain
        if not NAME.fullmatch(name) or name in KEYWORDS:
            raise SyntaxFault(self.token.end)
        self._advance()
        self._expect("in")
        words = self._words()
        if not self._delimiters():
            raise SyntaxFault(self.token.end)
        self._expect("do")
        body = self._commands("done")
        self._advance()
        return For(name, words, body)
