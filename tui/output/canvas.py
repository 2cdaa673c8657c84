"""What is wanted on the screen: the cells that a stream of text and control sequences draws.

Textual writes such a stream to its driver. It uses few sequences: the cursor is put somewhere, a
style is chosen, text follows. What draws nothing (modes, bell, clipboard) is handed on.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from rich.cells import split_graphemes

from warmboot.core.expression import expression
from warmboot.tui.output.style import ON_SPACES, PLAIN, Style, selected

#: The text of a cell, "" in the right half of a wide character; and its style.
Cell = tuple[str, Style]

_TOKEN = expression(
    r"(?P<text>[^\x00-\x1f\x7f]+)"
    r"|\x1b\[(?P<parameters>[0-?]{0,64})(?P<final>[ -/]{0,2}[@-~])"
    r"|(?P<osc>\x1b\][^\x07\x1b]*(?:\x07|\x1b\\))"
    r"|(?P<control>[\x00-\x1f\x7f])"
)
_LINKS = "\x1b]8;"
_BELL = "\x07"
_PRIVATE = ("?", "<", "=", ">")  # what control sequences begin with that set modes, or ask for them


@lru_cache(maxsize=4096)
def cell(text: str, style: Style) -> Cell:
    """Return a cell; what cannot be seen on a space is not kept, so that equal looks are equal."""
    if text == " " and not style.attributes & ON_SPACES:
        style = Style(background=style.background)
    return text, style


BLANK = cell(" ", PLAIN)


class Canvas:
    """Cells in `rows`, and the `cursor` as row and column. `colours` False keeps none."""

    def __init__(self, width: int, height: int) -> None:
        self.rows: list[list[Cell]] = []
        self.width = width
        self.cursor = (0, 0)
        self.colours = True
        self.drawn: list[int] = []  # for each row, when it changed last
        self._style = PLAIN
        self._clock = 0
        self.resize(width, height)

    @property
    def size(self) -> tuple[int, int]:
        """Columns and rows."""
        return self.width, len(self.rows)

    def resize(self, width: int, height: int) -> None:
        """Cut, or add blanks, to this size."""
        self.width = width
        self.rows = [[*row[:width], *[BLANK] * (width - len(row))] for row in self.rows[:height]]
        self.rows += [[BLANK] * width for _ in range(height - len(self.rows))]
        self.drawn = [0] * height
        for row in self.rows:
            self._mend(row, width)
        self.cursor = (0, 0)

    def feed(self, data: str) -> list[str]:
        """Draw what `data` says; return the sequences in it that draw nothing."""
        others = []
        self._clock += 1
        for match in _TOKEN.finditer(data):
            kind = match.lastgroup
            if kind == "text":
                self._write(match.group())
            elif kind == "final":
                parameters, final = match["parameters"], match["final"]
                if final == "m":
                    self._style = selected(self._style, parameters)
                    if not self.colours:
                        self._style = Style(self._style.attributes)
                elif final == "H":
                    row, _, column = parameters.partition(";")
                    self._go(int(row or 1) - 1, int(column or 1) - 1)
                elif parameters[:1] in _PRIVATE:
                    others.append(match.group())
            elif kind == "control":
                self._control(match.group(), others)
            elif not match.group().startswith(_LINKS):
                others.append(match.group())
        return others

    def _go(self, row: int, column: int) -> None:
        self.cursor = (
            max(0, min(row, len(self.rows) - 1)),
            max(0, min(column, self.width - 1)),
        )

    def _control(self, code: str, others: list[str]) -> None:
        row, column = self.cursor
        if code == "\n":
            self._go(row + 1, 0)
        elif code == "\r":
            self._go(row, 0)
        elif code == "\b":
            self._go(row, column - 1)
        elif code == _BELL:
            others.append(code)

    def _write(self, text: str) -> None:
        """Write text at the cursor; what does not fit into the row is lost."""
        number, column = self.cursor
        row = self.rows[number]
        style = self._style
        if text.isascii():  # nearly all there is
            text = text[: self.width - column]
            end = column + len(text)
            cells = [cell(character, style) for character in text]
            if row[column:end] != cells:
                row[column:end] = cells
                self._mend(row, column)
                self._mend(row, end)
                self.drawn[number] = self._clock
            self.cursor = (number, end)
            return
        first = column
        changed = False
        for cluster, width in clusters(text):
            if column + width > self.width:
                break
            if width == 0:
                continue
            new = cell(cluster, style)
            if changed or row[column] != new:
                changed = True
                row[column] = new
                if width == 2:
                    row[column + 1] = cell("", style)
            column += width
        if changed:
            self._mend(row, first)
            self._mend(row, column)
            self.drawn[number] = self._clock
        self.cursor = (number, column)

    def _mend(self, row: list[Cell], column: int) -> None:
        """Let no half of a wide character be left on either side of a cut before `column`."""
        left = row[column - 1][0] if column else ""
        right = row[column][0] if column < self.width else " "
        if right == "" and cell_width(left) != 2:
            row[column] = cell(" ", row[column][1])
        elif right != "" and cell_width(left) == 2:
            row[column - 1] = cell(" ", row[column - 1][1])


def clusters(text: str) -> Iterator[tuple[str, int]]:
    """Yield what goes into one place each, and how many columns it takes: 0, 1 or 2."""
    if text.isascii():
        for character in text:
            yield character, 1
        return
    for start, end, width in split_graphemes(text)[0]:
        yield text[start:end], min(width, 2)


@lru_cache(maxsize=4096)
def cell_width(text: str) -> int:
    """Return the columns that the text of one cell takes, 0 in the right half of a wide one."""
    if text.isascii():
        return len(text)
    return next(clusters(text))[1]
