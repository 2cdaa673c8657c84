"""What the terminal shows, and the fewest bytes that make it show what is wanted."""

from __future__ import annotations

import unicodedata
from collections import Counter
from functools import lru_cache

from warmboot.tui.output.canvas import BLANK, Canvas, Cell, cell_width
from warmboot.tui.output.stand_ins import stand_in
from warmboot.tui.output.style import ON_SPACES, Style, change
from warmboot.tui.terminal import Terminal

_FAR = 8  # columns that a terminal may be wrong by behind a character it does not know
_ERASE = 10  # blanks that are not cheaper to write than to erase and to step over
_ERASE_REST = 3  # blanks up to the end of a line that are dearer to write than to erase
_LINE_FEEDS = 2  # rows that are stepped down by line feeds
_NOT_SURE = 0x1F000  # where the emoji begin: each version of Unicode makes more of them wide


class Shown:
    """What `terminal` shows after all that `draw` returned; nothing is known at first."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._rows: list[list[Cell]] | None = None
        self._row = 0
        self._column: int | None = None  # None: the cursor may be anywhere in its row, or beyond
        self._placed = False  # whether the row is known
        self._style: Style | None = None
        self._out: list[str] = []

    def forget(self) -> None:
        """Know nothing any more: the terminal was resized, or somebody else's for a while."""
        self._rows = None
        self._placed = False
        self._style = None

    def draw(self, wanted: Canvas, room: int) -> tuple[str, bool]:
        """Return what to send, and whether the terminal then shows all that is wanted.

        What changed last comes first. Where `room` (characters) is used up, the rest is left for
        another call: a row that was begun is finished.
        """
        self._out = []
        if self._rows is None:
            self._clear(wanted)
        rows = self._rows or []
        changed = [y for y, row in enumerate(wanted.rows) if row != rows[y]]
        changed.sort(key=lambda y: -wanted.drawn[y])
        for y in changed:
            if sum(map(len, self._out)) >= room:
                return "".join(self._out), False
            self._draw_row(y, wanted.rows[y])
            rows[y] = list(wanted.rows[y])
        self._go(*wanted.cursor)
        return "".join(self._out), True

    def _clear(self, wanted: Canvas) -> None:
        """Erase everything, in the background that most of the screen is to have."""
        blank = BLANK
        if self._terminal.erases_in_colour:
            spaces = Counter(cell for row in wanted.rows for cell in row if _is_blank(cell))
            blank = max(spaces, key=lambda one: spaces[one], default=BLANK)
        self._style = None
        self._choose(blank[1])
        self._out.append("\x1b[H\x1b[J")
        self._row, self._column, self._placed = 0, 0, True
        self._rows = [[blank] * wanted.width for _ in wanted.rows]

    def _draw_row(self, y: int, row: list[Cell]) -> None:
        shown = (self._rows or [])[y]
        width = len(row)
        tail = self._tail(row)
        doubt = 0  # columns behind the last uncertain character that are to be sent again
        x = 0
        while x < width:
            if row[x] == shown[x] and x >= doubt:
                x += 1
            elif x >= tail:
                self._go(y, x)
                self._choose_for(row[x])
                self._out.append("\x1b[K")
                return
            elif (run := self._erasable(row, x)) >= _ERASE:
                self._go(y, x)
                self._choose_for(row[x])
                self._out.append(f"\x1b[{run}X")
                x += run
            else:
                x = self._put(y, x, row)
                if not _certain(row[x - 1][0] or row[x - 2][0]):
                    doubt = x + _FAR

    def _put(self, y: int, x: int, row: list[Cell]) -> int:
        """Write the character that stands at a place, and return the column behind it."""
        if row[x][0] == "":  # the right half of a character that is sent again with it
            x -= 1
        self._bridge(y, x, row)
        text, _ = row[x]
        self._choose_for(row[x])
        behind = x + cell_width(text)
        if self._terminal.ascii and not text.isascii():
            text = stand_in(text)
        self._out.append(text)
        known = _certain(text) and behind < len(row)
        self._column = behind if known else None
        return behind

    def _tail(self, row: list[Cell]) -> int:
        """Return from which column on erasing the rest of the row is right, and cheaper."""
        last = row[-1]
        tail = len(row)
        if self._can_erase(last):
            while tail and row[tail - 1] == last:
                tail -= 1
        return tail if len(row) - tail > _ERASE_REST else len(row)

    def _erasable(self, row: list[Cell], x: int) -> int:
        """Return how many equal blanks from a place on can be erased together."""
        if not (self._terminal.erases_characters and self._can_erase(row[x])):
            return 0
        end = x
        while end < len(row) and row[end] == row[x]:
            end += 1
        return end - x

    def _can_erase(self, one: Cell) -> bool:
        return _is_blank(one) and (self._terminal.erases_in_colour or not one[1].background)

    def _choose_for(self, one: Cell) -> None:
        """Choose the style of a cell; of a blank only what can be seen of it."""
        style = one[1]
        if _is_blank(one) and self._style is not None:
            style = self._style._replace(
                attributes=self._style.attributes & ~ON_SPACES, background=style.background
            )
        self._choose(style)

    def _choose(self, style: Style) -> None:
        self._out.append(change(self._style, style, can_end=self._terminal.ends_attributes))
        self._style = style

    def _bridge(self, y: int, x: int, row: list[Cell]) -> None:
        """Go to a place; over a short gap in the same style by writing what stands there."""
        if self._placed and self._row == y and self._column is not None and self._column < x:
            gap = row[self._column : x]
            step = f"\x1b[{len(gap)}C"
            text = "".join(text for text, _ in gap)
            same = all(style == self._style for _, style in gap)
            if same and len(text) <= len(step) and text.isascii():
                self._out.append(text)
                self._column = x
                return
        self._go(y, x)

    def _go(self, y: int, x: int) -> None:
        """Put the cursor somewhere, by the shortest sequence."""
        if self._placed and (self._row, self._column) == (y, x):
            return
        ways = [f"\x1b[{y + 1};{x + 1}H" if x else f"\x1b[{y + 1}H" if y else "\x1b[H"]
        if self._placed:
            ways += self._steps(y - self._row, x)
        self._out.append(min(ways, key=len))
        self._row, self._column, self._placed = y, x, True

    def _steps(self, down: int, x: int) -> list[str]:
        """Return the ways from where the cursor is."""
        ways = []
        if 0 <= down <= _LINE_FEEDS:
            ways.append("\r" + "\n" * down + _right(x))
        if self._column is None:
            return ways
        if down == 0:
            right = x - self._column
            ways.append(_right(right) if right > 0 else f"\x1b[{-right}D")
            if right < 0:
                ways.append("\b" * -right)
        elif x == self._column:
            ways.append(f"\x1b[{down}B" if down > 0 else f"\x1b[{-down}A")
        return ways


def _right(columns: int) -> str:
    return "" if columns == 0 else "\x1b[C" if columns == 1 else f"\x1b[{columns}C"


def _is_blank(one: Cell) -> bool:
    return one[0] == " " and not one[1].attributes


@lru_cache(maxsize=4096)
def _certain(text: str) -> bool:
    """Whether every terminal takes a character for as wide as it is counted here."""
    if text.isascii():
        return True
    if len(text) > 1 or ord(text) >= _NOT_SURE or unicodedata.category(text) in ("Mn", "Me", "Cf"):
        return False
    return (unicodedata.east_asian_width(text) in "WF") == (cell_width(text) == 2)
