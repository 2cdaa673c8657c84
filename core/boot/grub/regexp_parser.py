"""POSIX extended regular expressions, parsed."""

from __future__ import annotations

import string

from warmboot.core.boot.grub.regexp_tree import (
    MOST_NODES,
    BadPattern,
    Either,
    Group,
    Holds,
    Leaf,
    Refused,
    Row,
    Star,
    Tree,
    copy,
    has,
    is_group,
    is_place,
    may_be_left_out,
    size,
)

_DEPTH = 40
_MOST = 0x7FFF  # repetitions
_EVERY = frozenset(range(256))
_WORD = frozenset(string.ascii_letters.encode() + b"0123456789_")
_SPACE = frozenset(b" \t\n\v\f\r")
_CLASSES = {
    "alpha": frozenset(string.ascii_letters.encode()),
    "digit": frozenset(b"0123456789"),
    "alnum": frozenset((string.ascii_letters + string.digits).encode()),
    "upper": frozenset(string.ascii_uppercase.encode()),
    "lower": frozenset(string.ascii_lowercase.encode()),
    "space": _SPACE,
    "blank": frozenset(b" \t"),
    "punct": frozenset(string.punctuation.encode()),
    "print": frozenset(range(32, 127)),
    "graph": frozenset(range(33, 127)),
    "cntrl": frozenset((*range(32), 127)),
    "xdigit": frozenset(string.hexdigits.encode()),
}


def parse_pattern(pattern: bytes) -> tuple[Tree, int]:
    """Return the tree of a pattern and how many groups it has.

    Raises BadPattern for what is none, Refused beyond the bounds.
    """
    parser = _Parser(pattern)
    tree = parser.either()
    if parser.at < len(pattern):
        raise BadPattern
    return tree, parser.groups


class _Parser:
    """Recursive descent over the bytes of a pattern."""

    def __init__(self, pattern: bytes) -> None:
        self.text = pattern.decode("latin-1")
        self.at = 0
        self.groups = 0
        self.depth = 0
        self.nodes = 0

    def either(self) -> Tree:
        """Read alternatives up to the end, or to the bracket that closes a group."""
        tree = self._branch()
        while self.text.startswith("|", self.at):
            self.at += 1
            other = self._branch()
            if has(Row((tree, other)), is_place) and (
                tree is None or other is None or has(Row((tree, other)), is_group)
            ):
                raise Refused  # what the groups hold differs from one C library to the next
            tree = None if tree is None and other is None else Either(tree, other)
        return tree

    def _branch(self) -> Tree:
        parts: list[Tree] = []
        while self.at < len(self.text):
            char = self.text[self.at]
            if char == "|" or (char == ")" and self.depth):
                break
            parts.append(self._piece())
        return Row(tuple(parts)) if any(part is not None for part in parts) else None

    def _piece(self) -> Tree:
        """Read one part with what says how often it comes."""
        char = self.text[self.at]
        if char in "*+?{":
            raise BadPattern
        tree = self._atom()
        if isinstance(tree, Leaf) and tree.holds is not None:
            return tree  # nothing repeats a place
        while self.text[self.at : self.at + 1] in ("*", "+", "?", "{"):
            tree = self._repeated(tree, *self._count())
        return tree

    def _count(self) -> tuple[int, int | None]:
        char = self.text[self.at]
        self.at += 1
        if char != "{":
            return {"*": (0, None), "+": (1, None), "?": (0, 1)}[char]
        end = self.text.find("}", self.at)
        if end < 0:
            raise BadPattern
        least, comma, most = self.text[self.at : end].partition(",")
        self.at = end + 1
        if not (least or comma) or not all(_is_number(n) or not n for n in (least, most)):
            raise BadPattern
        low = int(least or "0")
        high = int(most) if most else None if comma else low
        if low > _MOST or (high is not None and not low <= high <= _MOST):
            raise BadPattern
        return low, high

    def _repeated(self, tree: Tree, least: int, most: int | None) -> Tree:
        if tree is None or most == 0:
            return None
        copies = max(least, 1) + (0 if most is None else most - least)
        self.nodes += copies * size(tree, MOST_NODES)
        if self.nodes > MOST_NODES:
            raise Refused
        if (least, most) == (1, 1):
            return tree
        if has(tree, is_place):
            raise Refused
        parts = [tree, *[copy(tree)] * (max(least, 1) - 1)]
        if most != least:
            one = may_be_left_out(copy(tree) if least else parts.pop())
            more: Tree = Star(one) if most is None else Either(one, None)
            for _ in range(0 if most is None else most - least - 1):
                more = Either(Row((more, copy(tree))), None)
            parts.append(more)
        return Row(tuple(parts))

    def _atom(self) -> Tree:
        char = self.text[self.at]
        self.at += 1
        if char == "(":
            return self._group()
        if char == "[":
            return Leaf(self._set())
        if char == "\\":
            return self._escape()
        if char == ".":
            return Leaf(_EVERY - {0})
        if char in "^$":
            return Leaf(holds=_at_start if char == "^" else _at_end)
        return Leaf(frozenset((ord(char),)))

    def _group(self) -> Tree:
        self.groups += 1
        number = self.groups
        self.depth += 1
        if self.depth > _DEPTH:
            raise Refused
        tree = self.either()
        self.depth -= 1
        if not self.text.startswith(")", self.at):
            raise BadPattern
        self.at += 1
        return Group(tree, number)

    def _escape(self) -> Tree:
        char = self.text[self.at : self.at + 1]
        if not char:
            raise BadPattern
        self.at += 1
        if char in "123456789":
            raise Refused if int(char) <= self.groups else BadPattern
        if char in _ESCAPED_PLACES:
            return Leaf(holds=_ESCAPED_PLACES[char])
        if char in "wWsS":
            fits = _WORD if char in "wW" else _SPACE
            return Leaf(fits if char.islower() else _EVERY - fits)
        return Leaf(frozenset((ord(char),)))

    def _set(self) -> frozenset[int]:
        """Read a set behind its bracket."""
        negated = self.text.startswith("^", self.at)
        self.at += negated
        fits: set[int] = set()
        first = True
        while True:
            char = self.text[self.at : self.at + 1]
            if not char:
                raise BadPattern
            if char == "]" and not first:
                self.at += 1
                return _EVERY - fits if negated else frozenset(fits)
            first = False
            if self.text.startswith("[:", self.at):
                fits |= self._named(":", _CLASSES)
                continue
            low = self._member()
            if self.text.startswith("-", self.at) and self.text[self.at + 1 : self.at + 2] != "]":
                self.at += 1
                high = self._member()
                if low > high:
                    raise BadPattern
                fits |= set(range(low, high + 1))
            else:
                fits.add(low)

    def _member(self) -> int:
        for mark in ".=":
            if self.text.startswith(f"[{mark}", self.at):
                (one,) = self._named(mark, {})
                return one
        char = self.text[self.at : self.at + 1]
        if not char or self.text.startswith("[:", self.at):
            raise BadPattern
        self.at += 1
        return ord(char)

    def _named(self, mark: str, known: dict[str, frozenset[int]]) -> frozenset[int]:
        end = self.text.find(f"{mark}]", self.at + 2)
        name = self.text[self.at + 2 : end] if end >= 0 else ""
        self.at = end + 2
        if name in known:
            return known[name]
        if mark == ":" or len(name) != 1:
            raise BadPattern
        return frozenset((ord(name),))


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 6


def _at_start(text: bytes, at: int) -> bool:
    del text
    return at == 0


def _at_end(text: bytes, at: int) -> bool:
    return at == len(text)


def _word_before(text: bytes, at: int) -> bool:
    return at > 0 and text[at - 1] in _WORD


def _word_behind(text: bytes, at: int) -> bool:
    return at < len(text) and text[at] in _WORD


def _inside(text: bytes, at: int) -> bool:
    return _word_before(text, at) is _word_behind(text, at)


_ESCAPED_PLACES: dict[str, Holds] = {
    "<": lambda text, at: not _word_before(text, at) and _word_behind(text, at),
    ">": lambda text, at: _word_before(text, at) and not _word_behind(text, at),
    "b": lambda text, at: not _inside(text, at),
    "B": _inside,
    "`": _at_start,
    "'": _at_end,
}
