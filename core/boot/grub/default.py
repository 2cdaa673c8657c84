"""Which line of a GRUB menu its variable ``default`` means.

Source: GRUB manual, "default": a number, a title or an id; ``>`` leads into a submenu, ``>>`` is a
``>`` in a title. Where it names nothing GRUB starts the first line, and the first line of a
submenu that it starts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from warmboot.core.boot.grub.entry import Item
from warmboot.core.values import dataclass

_DEPTH = 16
_OCTAL = tuple("01234567")


@dataclass(frozen=True)
class Row:
    """A line of a menu as it shows: an item, or a boot loader entry by its `source`."""

    title: str
    key: str
    item: Item | None = None
    source: str = ""
    certain: bool = True


Rows = Sequence[Row]


def positions(rows: Rows, expand: Expand, above: tuple[str, ...] = ()) -> Iterator[tuple[str, Row]]:
    """Yield every line with its position (``1>0``), the lines of submenus behind their own."""
    for index, row in enumerate(rows):
        path = (*above, str(index))
        yield ">".join(path), row
        if row.item is not None and row.item.children and len(path) < _DEPTH:
            yield from positions(expand(row.item.children), expand, path)


class Expand:
    """Makes rows of items; a subclass knows the boot loader entries behind blscfg."""

    def __call__(self, items: Sequence[Item]) -> list[Row]:
        rows: list[Row] = []
        for item in items:
            if item.bls is None:
                rows.append(Row(item.title, item.key, item, certain=item.certain))
            else:
                rows += self.entries(item)
        return rows

    def entries(self, item: Item) -> Sequence[Row]:
        """Return the rows in the place of a blscfg command."""
        del item
        return ()


def started(rows: Rows, wanted: str | None, expand: Expand, *, by_id: bool) -> str | None:
    """Return the position, or the source, of what GRUB starts by itself; None where untold.

    `wanted` is the variable's value, None where GRUB alone knows it. `by_id` is true of a GRUB
    that looks for ids and titles before numbers, as all do that know blscfg.
    """
    path: list[str] = []
    for _ in range(_DEPTH):
        index = None if wanted is None or not rows else index_of(rows, wanted, by_id=by_id)
        if index is None:
            return None
        row = rows[index]
        if not row.certain:
            return None
        path.append(str(index))
        if row.item is None:
            return row.source
        if not row.item.children:
            return ">".join(path)
        wanted = row.item.default
        if wanted is None:
            return None
        rows = expand(row.item.children)
    return None


def fallbacks(rows: Rows, wanted: str) -> Iterator[int]:
    """Yield the rows that the variable ``fallback`` names, by their numbers, up to one of none."""
    rest = wanted
    while (number := _number_in(rest)) is not None and number < len(rows):
        yield number
        rest = "".join(rest.split(maxsplit=1)[1:])


def index_of(rows: Rows, wanted: str, *, by_id: bool) -> int | None:
    """Return which row is started, None where that depends on what only GRUB knows."""
    by_name, by_number = _by_name(rows, wanted), _by_number(rows, wanted)
    found = (by_name, by_number) if by_id else (by_number, by_name)
    index = next((one for one in found if one is not None), 0)
    return index if all(row.certain for row in rows[: index + 1]) else None


def _by_name(rows: Rows, wanted: str) -> int | None:
    head, _ = split(wanted)
    for index, row in enumerate(rows):
        if head in (row.title, row.key):
            return index
    return None


def _by_number(rows: Rows, wanted: str) -> int | None:
    """Return the number that a value starts with; one that fits no row is the first."""
    number = _number_in(wanted)
    if number is None:
        return None
    return number if number < len(rows) else 0


def _number_in(wanted: str) -> int | None:
    """Return the number that a value starts with, None where there is none."""
    text = wanted.lstrip(" \t\n\r")
    base, digits = 10, tuple("0123456789")
    if text[:2] in ("0x", "0X"):
        base, digits, text = 16, tuple("0123456789abcdefABCDEF"), text[2:]
    elif text[:1] == "0" and text[1:2] in _OCTAL:
        base, digits = 8, _OCTAL
    end = 0
    while end < len(text) and end < 24 and text[end] in digits:
        end += 1
    if end == 0:
        return None
    return int(text[:end], base)


def split(wanted: str) -> tuple[str, str]:
    """Return the name of a line, and what is to be started in its submenu ("" for none)."""
    head: list[str] = []
    at = 0
    while at < len(wanted):
        if wanted[at] == ">":
            if wanted[at + 1 : at + 2] != ">":
                return "".join(head), wanted[at + 1 :]
            at += 1
        head.append(wanted[at])
        at += 1
    return "".join(head), ""


def escaped(name: str) -> str:
    """Return an id as it stands in ``chosen``."""
    return name.replace(">", ">>")
