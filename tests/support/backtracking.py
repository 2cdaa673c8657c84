"""Whether a regular expression can take more steps than the text has characters, by a factor.

A matcher that backtracks is slow exactly where one text can be matched by one loop of the
expression or by another that follows it, or in two ways by one loop (infinite or exponential
degree of ambiguity of the automaton; Weber and Seidl 1991). Here the expression is made into its
position automaton (Glushkov), and pairs of positions that can go round together are looked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import product
from re import _constants, _parser  # type: ignore[attr-defined]
from typing import Any

_EXPANDED = 4  # repeats of up to so many are written out, more count as endless
_OTHERS = "\u3000\u00e9\u0660\u4e00"  # a blank, a letter, a digit and a sign beyond ASCII
_ENDLESS = (_constants.MAX_REPEAT, _constants.MIN_REPEAT)


@dataclass
class Automaton:
    """Positions by number: the characters of each, and what may follow it."""

    characters: list[frozenset[int]] = field(default_factory=list)
    follow: dict[int, set[int]] = field(default_factory=dict)
    #: After these the match is complete, whatever follows in the text.
    asserted: bool = False
    #: One position follows another for two reasons, as in a loop within a loop.
    doubled: bool = False

    def add(self, characters: Iterable[int]) -> int:
        """Add a position."""
        self.characters.append(frozenset(characters))
        self.follow[len(self.characters) - 1] = set()
        return len(self.characters) - 1

    def link(self, before: Iterable[int], after: Iterable[int]) -> None:
        """Let each of these be followed by each of those."""
        for one, other in product(tuple(before), tuple(after)):
            self.doubled = self.doubled or other in self.follow[one]
            self.follow[one].add(other)


@dataclass(frozen=True)
class Part:
    """A part of an expression: its first and last positions, and whether it may be empty."""

    first: frozenset[int]
    last: frozenset[int]
    empty: bool


_NOTHING = Part(frozenset(), frozenset(), empty=True)


def trouble(pattern: str | bytes, flags: int, *, anywhere: bool, whole: bool) -> str | None:
    """Return why matching `pattern` may take more than linear time, None where it does not.

    `anywhere`: it is searched for at every place. `whole`: all of the text must match.
    """
    made = Automaton()
    parsed = _parser.parse(pattern, flags)
    alphabet = _alphabet(pattern)
    part = _sequence(parsed, made, alphabet, flags | parsed.state.flags)
    if made.doubled:
        return "a loop within a loop takes the same text"
    anywhere = anywhere and not _anchored(parsed, flags)
    complete = set() if whole or made.asserted else set(part.last)
    if anywhere:
        start = made.add(range(len(alphabet)))
        made.link([start], [start, *part.first])
    for one in range(len(made.characters)):
        if _two_ways(made, one):
            return "one text goes through a loop in two ways"
        for other in range(len(made.characters)):
            if other != one and other not in complete and _loops_overlap(made, one, other):
                return "one text fits two loops, one behind the other"
    return None


def _anchored(parsed: Any, flags: int) -> bool:
    """Whether the expression can match at the start of a text only."""
    first = parsed[0] if len(parsed) else (None, None)
    starts = (_constants.AT_BEGINNING, _constants.AT_BEGINNING_STRING)
    return first[0] is _constants.AT and first[1] in starts and not flags & re.MULTILINE


def _alphabet(pattern: str | bytes) -> list[Any]:
    if isinstance(pattern, bytes):
        return [bytes([code]) for code in range(256)]
    return [chr(code) for code in range(128)] + list(_OTHERS)


def _sequence(items: Any, made: Automaton, alphabet: list[Any], flags: int) -> Part:
    whole = _NOTHING
    for item in items:
        part = _item(item, made, alphabet, flags)
        made.link(whole.last, part.first)
        whole = Part(
            whole.first | part.first if whole.empty else whole.first,
            whole.last | part.last if part.empty else part.last,
            whole.empty and part.empty,
        )
    return whole


def _item(item: Any, made: Automaton, alphabet: list[Any], flags: int) -> Part:
    kind, value = item
    if kind is _constants.SUBPATTERN:
        return _sequence(value[3], made, alphabet, (flags | value[1]) & ~value[2])
    if kind is _constants.BRANCH:
        parts = [_sequence(branch, made, alphabet, flags) for branch in value[1]]
        return Part(
            frozenset().union(*(part.first for part in parts)),
            frozenset().union(*(part.last for part in parts)),
            any(part.empty for part in parts),
        )
    if kind in _ENDLESS:
        return _repeat(value, made, alphabet, flags)
    if kind is _constants.POSSESSIVE_REPEAT or kind is _constants.ATOMIC_GROUP:
        return _possessive(value, made, alphabet, flags)
    if kind in (_constants.AT, _constants.ASSERT, _constants.ASSERT_NOT):
        made.asserted = made.asserted or bool(made.characters)
        return _NOTHING
    position = frozenset((made.add(_characters(item, alphabet, flags)),))
    return Part(position, position, empty=False)


def _repeat(value: Any, made: Automaton, alphabet: list[Any], flags: int) -> Part:
    low, high, body = value
    whole = _NOTHING
    copies = min(int(high), _EXPANDED) if int(high) <= _EXPANDED else max(int(low) % 2, 1)
    for number in range(copies):
        part = _sequence(body, made, alphabet, flags)
        made.link(whole.last, part.first)
        optional = part.empty or number >= int(low)
        whole = Part(
            whole.first | part.first if whole.empty else whole.first,
            whole.last | part.last if optional else part.last,
            whole.empty and optional,
        )
    if int(high) > _EXPANDED:
        made.link(whole.last, whole.first)
    return whole


def _possessive(value: Any, made: Automaton, alphabet: list[Any], flags: int) -> Part:
    """What is possessive is gone through once: it is one step to the rest of the expression."""
    body = value[2] if isinstance(value, tuple) else value
    inner = Automaton()
    part = _sequence(body, inner, alphabet, flags)
    for one in range(len(inner.characters)):
        if _two_ways(inner, one):
            raise AssertionError("a possessive repeat of what is ambiguous itself")
    first = frozenset().union(*(inner.characters[one] for one in part.first))
    position = frozenset((made.add(first),))
    empty = part.empty or (isinstance(value, tuple) and int(value[0]) == 0)
    return Part(position, position, empty=empty)


def _characters(item: Any, alphabet: list[Any], flags: int) -> Iterator[int]:
    """Yield the numbers of the characters that one item of the expression takes."""
    kind, value = item
    for number, char in enumerate(alphabet):
        code = char[0] if isinstance(char, bytes) else ord(char)
        if kind is _constants.ANY:
            fits = bool(flags & re.DOTALL) or code != 10
        elif kind is _constants.LITERAL:
            fits = code == value or bool(
                flags & re.IGNORECASE and chr(code).lower() == chr(value).lower()
            )
        elif kind is _constants.NOT_LITERAL:
            fits = code != value
        elif kind is _constants.IN:
            fits = _in_set(value, code, flags, text=isinstance(char, str))
        else:
            raise AssertionError(f"not known: {kind}")
        if fits:
            yield number


def _in_set(items: Any, code: int, flags: int, *, text: bool) -> bool:
    negated, found = False, False
    for kind, value in items:
        if kind is _constants.NEGATE:
            negated = True
        elif kind is _constants.LITERAL:
            found = found or code == value
        elif kind is _constants.RANGE:
            found = found or value[0] <= code <= value[1]
        elif kind is _constants.CATEGORY:
            found = found or _in_category(value, code, flags, text=text)
    return found != negated


def _in_category(category: Any, code: int, flags: int, *, text: bool) -> bool:
    name = str(category).removeprefix("CATEGORY_")
    letter = {"DIGIT": "d", "SPACE": "s", "WORD": "w"}[name.removeprefix("NOT_")]
    if name.startswith("NOT_"):
        letter = letter.upper()
    kept = flags & re.ASCII
    if text:
        return re.fullmatch(f"\\{letter}", chr(code), kept) is not None
    return re.fullmatch(f"\\{letter}".encode(), bytes([code])) is not None


def _two_ways(made: Automaton, one: int) -> bool:
    """Whether the same text leads from a position back to it by two paths."""
    reached = _together(made, (one, one))
    return any(a != b and (one, one) in _together(made, (a, b)) for a, b in reached)


def _loops_overlap(made: Automaton, one: int, other: int) -> bool:
    """Whether a text leads from `one` to itself, to `other`, and from `other` to itself."""
    return (one, other, other) in _together(made, (one, one, other))


def _together(made: Automaton, start: tuple[int, ...]) -> set[tuple[int, ...]]:
    """Return where several paths that read the same text can be, after one character or more."""
    found: set[tuple[int, ...]] = set()
    todo = [start]
    while todo:
        for after in product(*(made.follow[position] for position in todo.pop())):
            if after in found or not frozenset.intersection(*(made.characters[p] for p in after)):
                continue
            found.add(after)
            todo.append(after)
    return found
