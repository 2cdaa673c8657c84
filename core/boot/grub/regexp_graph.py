"""POSIX extended regular expressions as graphs: what may follow what.

Source: POSIX, "Extended Regular Expressions", and the GNU C library's regex(7) for what POSIX
leaves open (``\\w``, ``\\<``, empty alternatives), as GRUB has both from there.
"""

from __future__ import annotations

import string
from collections.abc import Callable
from typing import NamedTuple

_NODES = 400
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


class BadPattern(Exception):
    """A text that is no regular expression."""


class Refused(Exception):
    """A regular expression whose work has no bound, or that is too large."""


Holds = Callable[[bytes, int], bool]


class Step(NamedTuple):
    """A node: `to` are the nodes behind it, the better way first.

    `fits` are the bytes of which it takes one, None where it takes none; `holds` is a condition on
    the place. `opens` and `closes` are numbers of groups, 0 for none; `optional`: of one that may
    be left out or repeated.
    """

    to: tuple[int, ...] = ()
    fits: frozenset[int] | None = None
    holds: Holds | None = None
    opens: int = 0
    closes: int = 0
    optional: bool = False


class Graph(NamedTuple):
    """Nodes, which of them is first and which is last, and for each those that lead to it."""

    steps: list[Step]
    start: int
    end: int
    groups: int
    before: list[list[int]]


# What an expression is made of, before it becomes a graph: a set of bytes or a condition is a
# leaf, as is None, which is empty; the others hold what they are made of.


class Leaf(NamedTuple):
    """One byte of a set, or a place that a condition holds for."""

    fits: frozenset[int] | None = None
    holds: Holds | None = None


class Row(NamedTuple):
    """One behind the other."""

    parts: tuple[Tree, ...]


class Either(NamedTuple):
    """One of two; the second may be nothing."""

    left: Tree
    right: Tree


class Star(NamedTuple):
    """Any number of times."""

    inner: Tree


class Group(NamedTuple):
    """What is in brackets; `optional` where it may be left out or repeated."""

    inner: Tree
    number: int
    optional: bool = False


Tree = Leaf | Row | Either | Star | Group | None


def compile_pattern(pattern: bytes) -> Graph:
    """Return the graph of a pattern; raise BadPattern where it is none, Refused beyond bounds."""
    parser = _Parser(pattern)
    tree = parser.either()
    if parser.at < len(pattern):
        raise BadPattern
    builder = _Builder()
    end = builder.add(Step())
    start = builder.build(tree, end)
    before: list[list[int]] = [[] for _ in builder.steps]
    for number, step in enumerate(builder.steps):
        for target in step.to:
            before[target].append(number)
    return Graph(builder.steps, start, end, parser.groups, before)


class _Builder:
    def __init__(self) -> None:
        self.steps: list[Step] = []

    def add(self, step: Step) -> int:
        if len(self.steps) >= _NODES:
            raise Refused
        self.steps.append(step)
        return len(self.steps) - 1

    def build(self, tree: Tree, following: int) -> int:
        """Return the first node of a tree that goes on with `following`."""
        if tree is None:
            return following
        if isinstance(tree, Leaf):
            return self.add(Step((following,), tree.fits, tree.holds))
        if isinstance(tree, Row):
            for part in reversed(tree.parts):
                following = self.build(part, following)
            return following
        if isinstance(tree, Group):
            optional = tree.optional
            end = self.add(Step((following,), closes=tree.number, optional=optional))
            return self.add(Step((self.build(tree.inner, end),), opens=tree.number))
        place = self.add(Step())
        if isinstance(tree, Star):
            ways = (self.build(tree.inner, place), following)
        else:
            ways = (self.build(tree.left, following), self.build(tree.right, following))
            if tree.left is None:  # the empty way is the last one
                ways = (ways[1], ways[0])
        self.steps[place] = Step(ways)
        return place


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
            if _has(Row((tree, other)), _is_place) and (
                tree is None or other is None or _has(Row((tree, other)), _is_group)
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
        self.nodes += copies * _size(tree, _NODES)
        if self.nodes > _NODES:
            raise Refused
        if (least, most) == (1, 1):
            return tree
        if _has(tree, _is_place):
            raise Refused
        parts = [tree, *[_copy(tree)] * (max(least, 1) - 1)]
        if most != least:
            one = _may_be_left_out(_copy(tree) if least else parts.pop())
            more: Tree = Star(one) if most is None else Either(one, None)
            for _ in range(0 if most is None else most - least - 1):
                more = Either(Row((more, _copy(tree))), None)
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


def _size(tree: Tree, most: int) -> int:
    """Return about how many nodes a tree becomes, counted no further than `most`."""
    count = 0
    waiting = [tree]
    while waiting and count <= most:
        one = waiting.pop()
        count += 2
        waiting += _inner(one)
    return count


def _inner(tree: Tree) -> tuple[Tree, ...]:
    """Return what a tree is made of."""
    if isinstance(tree, Row):
        return tree.parts
    if isinstance(tree, Either):
        return tree.left, tree.right
    return (tree.inner,) if isinstance(tree, Group | Star) else ()


def _has(tree: Tree, asked: Callable[[Tree], bool]) -> bool:
    """Whether a part of a tree is as asked for."""
    waiting = [tree]
    while waiting:
        one = waiting.pop()
        if asked(one):
            return True
        waiting += _inner(one)
    return False


def _is_place(tree: Tree) -> bool:
    return isinstance(tree, Leaf) and tree.holds is not None


def _is_group(tree: Tree) -> bool:
    return isinstance(tree, Group)


def _may_be_left_out(tree: Tree) -> Tree:
    """Return a tree whose own group counts as one that may be left out."""
    return tree._replace(optional=True) if isinstance(tree, Group) else tree


def _copy(tree: Tree) -> Tree:
    """Return a tree once more, as it is repeated: its groups count as if they were always there."""
    if isinstance(tree, Group):
        return Group(_copy(tree.inner), tree.number)
    if isinstance(tree, Row):
        return Row(tuple(map(_copy, tree.parts)))
    if isinstance(tree, Either):
        return Either(_copy(tree.left), _copy(tree.right))
    return Star(_copy(tree.inner)) if isinstance(tree, Star) else tree


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
