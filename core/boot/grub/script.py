"""GRUB's configuration language, taken apart into commands. Nothing is run here.

Source: GRUB manual, "Writing full configuration files directly" (shell-like scripting).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from warmboot.core.errors import WarmbootError

_TOKENS = 400_000
_DEPTH = 24
_BLANK = re.compile(r"(?:[ \t\r]|\\\n)+")
_COMMENT = re.compile(r"#[^\n]*")
_SINGLE = re.compile(r"'([^']*)'?")
_VARIABLE = re.compile(r"\$(?:\{(\w+|[?*@#])\}|(\w+|[?*@#]))")
_PLAIN = re.compile(r"[^\s;'\"\\$|&<>]+")
_INSIDE = re.compile(r'[^"\\$]+')
_ENDS = ("\n", ";")


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a word: text, or a variable's name; in quotes a value is not split at blanks."""

    text: str
    variable: bool = False
    quoted: bool = False


Word = tuple[Piece, ...]


@dataclass(slots=True)
class Command:
    """Words, and the block behind them (menuentry, submenu)."""

    words: list[Word]
    block: list[Node] | None = None


@dataclass(slots=True)
class If:
    """Branches of condition and body, in order; the condition of else is None."""

    branches: list[tuple[list[Node] | None, list[Node]]]


@dataclass(slots=True)
class Loop:
    """for, while or until; `variable` is that of for."""

    variable: str | None
    body: list[Node]


@dataclass(slots=True)
class Function:
    """A definition."""

    name: str
    body: list[Node]


Node = Command | If | Loop | Function


def parse_script(text: str) -> list[Node]:
    """Return the commands of a script; raise WarmbootError where it is too long or too deep.

    What is malformed is read as far as it makes sense: GRUB itself is the judge of its files.
    """
    return _Parser(_tokens(text)).nodes(())


Token = str | Word


def _tokens(text: str) -> list[Token]:
    """Return words, and ``;``, newline, ``{`` and ``}`` as plain text."""
    tokens: list[Token] = []
    position, end = 0, len(text)
    while position < end:
        if len(tokens) > _TOKENS:
            raise WarmbootError("The GRUB configuration is too long")
        found = _BLANK.match(text, position)
        if found:
            position = found.end()
            continue
        char = text[position]
        if char == "#":
            found = _COMMENT.match(text, position)
            position = found.end() if found else end
        elif char in "\n;|&<>":
            tokens.append("\n" if char in "\n|&<>" else ";")
            position += 1
        elif char in "{}" and (position + 1 == end or text[position + 1] in " \t\r\n;"):
            tokens.append(char)
            position += 1
        else:
            word, position = _word(text, position)
            tokens.append(word)
    return tokens


def _word(text: str, position: int) -> tuple[Word, int]:
    pieces: list[Piece] = []
    end = len(text)
    while position < end:
        char = text[position]
        if char == "'":
            found = _SINGLE.match(text, position)
            pieces.append(Piece(found[1] if found else "", quoted=True))
            position = found.end() if found else end
        elif char == '"':
            position = _double(text, position + 1, pieces)
        elif char == "\\":
            pieces.append(Piece(text[position + 1 : position + 2], quoted=True))
            position += 2
        elif char == "$":
            position = _variable(text, position, pieces, quoted=False)
        else:
            found = _PLAIN.match(text, position)
            if found is None:
                break
            pieces.append(Piece(found[0]))
            position = found.end()
    return tuple(pieces), max(position, 0)


def _double(text: str, position: int, pieces: list[Piece]) -> int:
    pieces.append(Piece("", quoted=True))
    while position < len(text):
        char = text[position]
        if char == '"':
            return position + 1
        if char == "\\":
            following = text[position + 1 : position + 2]
            kept = following if following in ('"', "\\", "$") else "\\" + following
            pieces.append(Piece("" if following == "\n" else kept, quoted=True))
            position += 2
        elif char == "$":
            position = _variable(text, position, pieces, quoted=True)
        else:
            found = _INSIDE.match(text, position)
            pieces.append(Piece(found[0] if found else char, quoted=True))
            position = found.end() if found else position + 1
    return position


def _variable(text: str, position: int, pieces: list[Piece], *, quoted: bool) -> int:
    found = _VARIABLE.match(text, position)
    if found is None:
        pieces.append(Piece("$", quoted=quoted))
        return position + 1
    pieces.append(Piece(found[1] or found[2], variable=True, quoted=quoted))
    return found.end()


@dataclass(slots=True)
class _Parser:
    tokens: list[Token]
    position: int = 0
    depth: int = field(default=0)

    def nodes(self, stops: tuple[str, ...]) -> list[Node]:
        """Read commands up to one of the words in `stops`, which is left for the caller."""
        self.depth += 1
        if self.depth > _DEPTH:
            raise WarmbootError("The GRUB configuration is nested too deeply")
        nodes: list[Node] = []
        while self.position < len(self.tokens):
            word = self._keyword()
            if word in stops:
                break
            if word in _ENDS or word == "}":
                self.position += 1
            elif word == "{":
                self.position += 1
                nodes += self._block()
            else:
                nodes.append(self._node(word))
        self.depth -= 1
        return nodes

    def _node(self, word: str) -> Node:
        if word == "if":
            return self._if()
        if word in ("while", "until", "for"):
            return self._loop(word)
        if word == "function":
            self.position += 1
            name = self._keyword() if self.position < len(self.tokens) else ""
            self.position += 1
            self._skip_to("{")
            return Function(name, self._block())
        return self._command()

    def _keyword(self) -> str:
        """Return the token at hand as text; "" for a word that is quoted or holds a variable."""
        token = self.tokens[self.position]
        if isinstance(token, str):
            return token
        plain = all(not piece.variable and not piece.quoted for piece in token)
        return "".join(piece.text for piece in token) if plain else ""

    def _command(self) -> Command:
        words: list[Word] = []
        block = None
        while self.position < len(self.tokens):
            token = self.tokens[self.position]
            if not isinstance(token, str):
                words.append(token)
                self.position += 1
            elif token == "{":
                self.position += 1
                block = self._block()
                break
            else:
                break
        return Command(words, block)

    def _block(self) -> list[Node]:
        nodes = self.nodes(("}",))
        self.position += 1
        return nodes

    def _if(self) -> If:
        branches: list[tuple[list[Node] | None, list[Node]]] = []
        word = "if"
        while word in ("if", "elif"):
            self.position += 1
            condition = self.nodes(("then",))
            self.position += 1
            branches.append((condition, self.nodes(("elif", "else", "fi"))))
            word = self._keyword() if self.position < len(self.tokens) else "fi"
        self.position += 1
        if word == "else":
            branches.append((None, self.nodes(("fi",))))
            self.position += 1
        return If(branches)

    def _loop(self, word: str) -> Loop:
        self.position += 1
        head = self.nodes(("do",))
        self.position += 1
        body = self.nodes(("done",))
        self.position += 1
        variable = None
        if word == "for" and head and isinstance(head[0], Command) and head[0].words:
            variable = "".join(piece.text for piece in head[0].words[0])
        return Loop(variable, body)

    def _skip_to(self, mark: str) -> None:
        while self.position < len(self.tokens) and self.tokens[self.position] != mark:
            self.position += 1
        self.position += 1
