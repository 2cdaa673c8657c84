"""GRUB's configuration language as tokens: words of pieces, and the marks between them.

Source: GRUB manual, "Shell-like scripting" (splitting into words, quoting). Blanks are space and
tab only; braces end a word wherever they stand outside quotes.
"""

from __future__ import annotations

from warmboot.core.enumeration import IntEnum
from warmboot.core.errors import WarmbootError
from warmboot.core.expression import expression
from warmboot.core.values import dataclass

KEYWORDS = frozenset((
    "case", "do", "done", "elif", "else", "esac", "fi", "for", "function", "if", "in", "select",
    "then", "until", "while",
))  # fmt: skip
_RUN = expression(r"[^{}|&$;<> \t\n'\"\\]+")
_INSIDE = expression(r'[^"\\$\n]+')
_TRANSLATED = expression(r'[^"\\]+')
_BLANKS = expression(r"[ \t]+")
_VARIABLE = expression(
    r"\$(?:([A-Za-z_][A-Za-z0-9_]*|[0-9]+|[?#*@])|\{([A-Za-z_][A-Za-z0-9_]*|[0-9]+|[?#*@])\})"
)
NAME = expression(r"[A-Za-z_][A-Za-z0-9_]*")
_MARKS = "{};\n"
_ENDS = " \t\n{};|&<>"  # of a word; a text ends with a newline
_PIECES = 20_000  # of one word


class SyntaxFault(Exception):
    """What GRUB refuses to parse; `end` is where the token ends that it stumbles over."""

    def __init__(self, end: int) -> None:
        super().__init__(end)
        self.end = end


class Part(IntEnum):
    """What a piece of a word is; the value of a bare variable is split at its blanks."""

    TEXT = 0  # outside quotes, escapes still in it
    VARIABLE = 1
    QUOTED_VARIABLE = 2
    QUOTED = 3
    TRANSLATED = 4  # $"…"


Piece = tuple[Part, str]
Word = tuple[Piece, ...]


@dataclass(frozen=True)
class Token:
    """A word, or a mark: one of ``{``, ``}``, ``;``, newline, and "" for the end of the text.

    `plain` is the text of a word that is one run of ordinary characters, else "".
    """

    mark: str | None
    end: int
    word: Word = ()
    plain: str = ""


class Lexer:
    """Tokens of one text, one after the other. Each character is looked at a few times at most."""

    def __init__(self, text: str) -> None:
        self.text = text if text.endswith("\n") or not text else text + "\n"
        self.position = 0

    def next(self) -> Token:
        """Return the next token; raise SyntaxFault for what is none."""
        text = self.text
        if text.startswith((" ", "\t"), self.position):
            found = _BLANKS.match(text, self.position)
            self.position = found.end() if found else self.position
        if self.position >= len(text):
            return Token("", self.position)
        char = text[self.position]
        if char == "#":
            end = text.find("\n", self.position)
            self.position = len(text) if end < 0 else end
            return self.next()
        if char in _MARKS:
            self.position += 1
            return Token(char, self.position)
        if char in "|&<>":
            raise SyntaxFault(self.position + 1)
        return self._word()

    def _word(self) -> Token:
        text, start, end = self.text, self.position, len(self.text)
        run = _RUN.match(text, start)
        if run is not None and text[run.end()] in _ENDS:  # the usual word
            self.position = run.end()
            return Token(None, run.end(), ((Part.TEXT, run[0]),), run[0])
        pieces: list[Piece] = []
        while self.position < end:
            char = text[self.position]
            if len(pieces) > _PIECES:
                raise WarmbootError("A word of the GRUB configuration is too long")
            if char == "'":
                close = text.find("'", self.position + 1)
                if close < 0:
                    raise SyntaxFault(end)
                pieces.append((Part.QUOTED, text[self.position + 1 : close]))
                self.position = close + 1
            elif char == '"':
                self._double(pieces)
            elif char == "\\":
                self._escape(pieces)
            elif char == "$":
                self._dollar(pieces)
            else:
                found = _RUN.match(text, self.position)
                if found is None:
                    break
                pieces.append((Part.TEXT, found[0]))
                self.position = found.end()
        plain = len(pieces) == 1 and pieces[0][0] is Part.TEXT and text[start] != "\\"
        return Token(None, self.position, tuple(pieces), pieces[0][1] if plain else "")

    def _escape(self, pieces: list[Piece]) -> None:
        """Take over a backslash outside quotes; before a line end both vanish."""
        following = self.text[self.position + 1 : self.position + 2]
        self.position += 2
        if following == "\n":
            if self.position >= len(self.text):
                raise SyntaxFault(len(self.text))
        else:
            pieces.append((Part.TEXT, "\\" + following))

    def _dollar(self, pieces: list[Piece]) -> None:
        text = self.text
        if text.startswith('$"', self.position):
            self._translated(pieces)
            return
        found = _VARIABLE.match(text, self.position)
        if found is None:
            raise SyntaxFault(self.position + 1)
        pieces.append((Part.VARIABLE, found[1] or found[2]))
        self.position = found.end()

    def _double(self, pieces: list[Piece]) -> None:
        """Read text between double quotes: a backslash escapes ``$``, ``"``, itself, a line end."""
        text, end = self.text, len(self.text)
        pieces.append((Part.QUOTED, ""))
        self.position += 1
        fault = 0
        while self.position < end:
            char = text[self.position]
            if len(pieces) > _PIECES:
                raise WarmbootError("A word of the GRUB configuration is too long")
            if char == '"':
                self.position += 1
                if fault:
                    raise SyntaxFault(self.position)
                return
            if char == "\\":
                following = text[self.position + 1 : self.position + 2]
                kept = following if following in '"\\$' else "\\" + following
                pieces.append((Part.QUOTED, "" if following == "\n" else kept))
                self.position += 2
            elif char == "$":
                found = _VARIABLE.match(text, self.position)
                if found is None:
                    fault = self.position + 1
                    self.position += 1
                    continue
                pieces.append((Part.QUOTED_VARIABLE, found[1] or found[2]))
                self.position = found.end()
            else:
                found = _INSIDE.match(text, self.position)
                pieces.append((Part.QUOTED, found[0] if found else char))
                self.position = found.end() if found else self.position + 1
        raise SyntaxFault(end)

    def _translated(self, pieces: list[Piece]) -> None:
        r"""Read ``$"…"``; its variables are put in when it is used, so ``\\`` stays as it is."""
        text, end = self.text, len(self.text)
        before: list[str] = []
        while pieces and pieces[-1][0] is Part.TEXT:  # is treated the same way, escapes and all
            before.append(pieces.pop()[1])
        pieces.append((Part.TRANSLATED, "".join(reversed(before))))
        parts: list[str] = []
        self.position += 2
        while self.position < end:
            char = text[self.position]
            if char == '"':
                self.position += 1
                pieces.append((Part.TRANSLATED, "".join(parts)))
                return
            if char == "\\":
                following = text[self.position + 1 : self.position + 2]
                kept = {'"': '"', "\n": ""}.get(following, "\\" + following)
                parts.append(kept)
                self.position += 2
            else:
                found = _TRANSLATED.match(text, self.position)
                parts.append(found[0] if found else "")
                self.position = found.end() if found else self.position + 1
        raise SyntaxFault(end)
