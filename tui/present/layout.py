"""Groups of names and values as lines: names aligned, long values wrapped under themselves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from warmboot.core.text import printable
from warmboot.core.values import NamedTuple
from warmboot.tui.present.styled import Styled

_LONGEST_NAME = 14
_LIMIT = 1 << 16
_PARTING = "/,-.:"


class Item(NamedTuple):
    """A name and its value; `style` is that of the value where it stands out (``$error``)."""

    name: str
    value: str
    style: str = ""


class Group(NamedTuple):
    """What belongs together, under a heading; without one the items stand alone."""

    heading: str
    items: tuple[Item, ...]


#: A line of a text: its pieces.
Line = tuple[tuple[str, str], ...]


def lines(groups: Iterable[Group], width: int, *, longest: int = _LONGEST_NAME) -> Iterator[Line]:
    """Yield the lines of all groups, `width` columns wide, an empty one between two groups.

    Values stand behind names of at most `longest` characters; those of longer names, and all where
    there is little room, stand below them.
    """
    groups = tuple(group for group in groups if group.items)
    names = [len(item.name) for group in groups for item in group.items]
    column = min(max(names, default=0), longest, width // 3)
    column = column + 2 if column else 0
    for number, group in enumerate(groups):
        if number:
            yield ()
        if group.heading:
            yield ((group.heading, "bold $secondary"),)
        indent = 1 if group.heading else 0
        for item in group.items:
            yield from _item(item, indent, column, width)


def styled(found: Iterable[Line]) -> Styled:
    """Return lines as one text."""
    parts: Styled = []
    for line in found:
        parts += [piece if piece[1] else piece[0] for piece in line]
        parts.append("\n")
    return parts[:-1]


def wrap(text: str, width: int) -> list[str]:
    """Return printable text in lines of at most `width` characters.

    Lines end at two blanks where what stands between such fits into a line, else at a blank; a word
    longer than a line is cut behind a character that parts names, such as a slash, or where the
    line is full.
    """
    found: list[str] = []
    line = ""
    for part in printable(text, _LIMIT).split("  "):
        joined = f"{line}  {part}" if line else part
        if len(joined) <= width:
            line = joined
        elif line and len(part) <= width:
            found.append(line)
            line = part
        else:
            *full, line = _words(joined, width)
            found += full
    return [*found, line]


def _words(text: str, width: int) -> list[str]:
    """Return text in lines that end at blanks where there are any."""
    found, line = [], ""
    for word in text.split(" "):
        joined = f"{line} {word}" if line else word
        if len(joined) <= width:
            line = joined
            continue
        found += [line] if line else []
        *full, line = _pieces(word, width)
        found += full
    return [*found, line]


def _pieces(word: str, width: int) -> Iterator[str]:
    """Yield a word in pieces of at most `width` characters."""
    start = 0
    while len(word) - start > width:
        end = start + width
        parted = max(word.rfind(mark, start + width // 2, end) for mark in _PARTING) + 1
        yield word[start : parted or end]
        start = parted or end
    yield word[start:]


def _item(item: Item, indent: int, column: int, width: int) -> Iterator[Line]:
    name = printable(item.name, 60)
    under = " " * (indent + column)
    begin = (" " * indent + name.ljust(column), "$secondary")
    if column and len(name) > column - 2:
        yield (begin,)
        begin = (under, "")
    for text in wrap(item.value, max(8, width - len(under))):
        yield (begin, (text, item.style))
        begin = (under, "")
