"""A line of the list: title, version, verdict, and the marks, each in a place of its own."""

from __future__ import annotations

from collections.abc import Iterable

from warmboot.core.boot.listed_entry import ListedEntry
from warmboot.core.text import plural, printable
from warmboot.core.values import NamedTuple
from warmboot.tui.present.verdict import Known, Verdict, verdict

#: Letters and words of the marks, in the order of their places. The last is a number of tries.
MARKS = (("*", "runs"), ("S", "staged"), ("d", "default"), ("n", "next"), ("-", "tries"))
_LONGEST_VERSION, _LONGEST_STATE, _LEAST_TITLE = 22, 24, 18
_WHOLE_TITLE = 24  # columns that words of marks leave, as most titles fit into them
_SHORT_TITLE = 14


class Row(NamedTuple):
    """The cells of a line, as text; `marks` has one for each of MARKS, "" where it does not hold.

    A mark's first character is what stands for it where there is no room for words.
    """

    title: str
    version: str
    state: Verdict
    marks: tuple[str, ...]


class Columns(NamedTuple):
    """How wide the cells are in a list, in columns of the terminal.

    `words` are the widths of the marks as words, () where they stand as letters.
    """

    title: int
    version: int
    state: int
    words: tuple[int, ...]


def make_row(row: ListedEntry, known: Known, *, staged: bool) -> Row:
    """Return the cells for an entry."""
    entry, image = row.entry, row.image
    version = entry.release or entry.version or (image.release if image else None)
    holds = (entry.running, staged, entry.default, entry.next)
    marks = [word if true else "" for (_, word), true in zip(MARKS, holds, strict=False)]
    return Row(
        printable(entry.title, 120),
        printable(version or "-", 60),
        verdict(row, known),
        (*marks, tries(row)),
    )


def tries(row: ListedEntry) -> str:
    """Return how many tries boot counting leaves the entry, "" where it is not counted."""
    left = row.entry.tries_left
    if left is None:
        return ""
    return plural(left, "try", "tries") if left else "no tries"


def marks_text(row: ListedEntry, *, staged: bool) -> str:
    """Return the marks of an entry in full words."""
    entry = row.entry
    words = (
        (entry.running, "runs now"),
        (staged, "staged"),
        (entry.default, "starts by default"),
        (entry.next, "starts next, once"),
        (entry.tries_left is not None, f"{tries(row)} left"),
    )
    return ", ".join(word for holds, word in words if holds)


def letters(row: Row) -> str:
    """Return the marks as letters, each in its place: a digit or ``-`` for tries."""
    *marks, left = row.marks
    shown = [letter if mark else " " for (letter, _), mark in zip(MARKS, marks, strict=False)]
    number = left.split()[0] if left else " "
    return "".join(shown) + ("-" if number == "no" else number if len(number) == 1 else "+")


def columns(rows: Iterable[Row], width: int) -> Columns:
    """Return how wide the cells are for a list `width` columns wide.

    The marks are words where titles keep enough room, else letters.
    """
    rows = tuple(rows)
    version = min(_LONGEST_VERSION, max((len(row.version) for row in rows), default=0))
    state = min(_LONGEST_STATE, max((len(row.state.text) for row in rows), default=0))
    state = max(state, len("not looked at yet"))
    words = tuple(
        max((len(row.marks[place]) for row in rows), default=0) for place in range(len(MARKS))
    )
    rest = width - len("> ") - version - 1 - state - 1
    in_words = rest - sum(length + 1 for length in words if length)
    if in_words >= _WHOLE_TITLE:
        return Columns(in_words, version, state, words)
    rest -= len(MARKS) + 1
    if rest >= _LEAST_TITLE:
        return Columns(rest, version, state, ())
    rest += version + 1  # the release stands in most titles
    state = max(5, state - max(0, _SHORT_TITLE - rest))
    title = width - len("> ") - len(MARKS) - 1 - state - 1
    return Columns(max(1, title), 0, state, ())
