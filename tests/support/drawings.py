"""Random screens as Textual draws them, and what an emulator shows of them."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from typing import Any

import pyte
from rich.cells import cell_len
from rich.color import ColorSystem
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual._compositor import LayoutUpdate
from textual.geometry import Region
from textual.strip import Strip

#: One column wide, two columns wide, and combined: emulators agree on these.
NARROW = "abcdefgh XYZ 0123456789 -=/.,+│─┌é…ß→Ж"
WIDE = "漢字仮名한글全角"
COMBINED = ("e\u0301", "a\u0308", "o\u0302")
COLOURS = ("default", "#000000", "#ffffff", "#5fafff", "#ffaf00", "#101418", "#ff5f5f")


class Drawing:
    """Draws random things on a screen of `size`, reproducibly."""

    def __init__(self, seed: int, size: tuple[int, int], colours: ColorSystem) -> None:
        self._random = random.Random(seed)
        self.width, self.height = size
        self._console = Console(force_terminal=True, legacy_windows=False, _environ={})
        self._console._color_system = colours

    def frames(self, count: int) -> Iterator[str]:
        """Yield a whole screen, and then changes of it as Textual writes them."""
        yield self._update(Region(0, 0, self.width, self.height))
        for _ in range(count - 1):
            choose = self._random
            x, y = choose.randrange(self.width), choose.randrange(self.height)
            width = choose.randint(1, self.width - x)
            height = choose.choice((1, 1, 2, choose.randint(1, self.height)))
            yield self._update(Region(x, y, width, min(height, self.height - y)))

    def _update(self, region: Region) -> str:
        strips: list[Iterable[Strip]] = [[self._strip(region.width)] for _ in range(region.height)]
        drawn = LayoutUpdate(strips, region).render_segments(self._console)
        x, y = self._random.randrange(self.width), self._random.randrange(self.height)
        return f"{drawn}\x1b[{y + 1};{x + 1}H"

    def _strip(self, width: int) -> Strip:
        segments = []
        left = width
        while left:
            count = self._random.randint(1, left)
            segments.append(Segment(self._text(count), self._style()))
            left -= count
        return Strip(segments, width)

    def _text(self, width: int) -> str:
        choose = self._random
        kind = choose.randrange(6)
        if kind < 2:
            return " " * width
        if kind == 2:
            return choose.choice("xyz─") * width
        parts = []
        while width:
            if kind == 3 and width > 1 and choose.random() < 0.5:
                parts.append(choose.choice(WIDE))
                width -= 2
            elif kind == 4 and choose.random() < 0.3:
                parts.append(choose.choice(COMBINED))
                width -= 1
            else:
                parts.append(choose.choice(NARROW))
                width -= 1
        return "".join(parts)

    def _style(self) -> Style | None:
        choose = self._random
        if choose.random() < 0.2:
            return None
        switches: dict[str, Any] = {
            name: choose.random() < 0.15
            for name in ("bold", "italic", "underline", "reverse", "strike", "blink")
        }
        return Style(color=choose.choice(COLOURS), bgcolor=choose.choice(COLOURS), **switches)


def visible(screen: pyte.Screen, *, colours: bool = True) -> list[list[tuple[object, ...]]]:
    """Return what can be seen of each cell: on a blank, only what shows on a blank.

    Halves of wide characters whose other half was overwritten are blanks: terminals differ.
    """
    rows = []
    for y in range(screen.lines):
        row = [screen.buffer[y][x] for x in range(screen.columns)]
        wide = [cell_len(one.data) == 2 for one in row]
        stubs = [one.data == "" for one in row]
        halves = {
            x
            for x in range(len(row))
            if (wide[x] and not (x + 1 < len(row) and stubs[x + 1]))
            or (stubs[x] and not (x and wide[x - 1]))
        }
        cells = [one._replace(data=" ") if x in halves else one for x, one in enumerate(row)]
        rows.append([_seen(one, colours) for one in cells])
    return rows


def _seen(one: pyte.screens.Char, colours: bool) -> tuple[object, ...]:
    fg, bg = (one.fg, one.bg) if colours else ("default", "default")
    marks = (one.reverse, one.underscore, one.strikethrough)
    if one.data == " " and not any(marks):
        return one.data, bg
    return one.data, fg, bg, one.bold, one.italics, one.blink, *marks


def emulator(size: tuple[int, int]) -> tuple[pyte.Screen, pyte.Stream]:
    """Return an emulator's screen that does not wrap, and what feeds it."""
    screen = pyte.Screen(*size)
    for y in range(screen.lines):  # pyte erases in colour only what was written before
        for x in range(screen.columns):
            screen.buffer[y][x] = screen.default_char
    stream = pyte.Stream(screen)
    stream.feed("\x1b[?7l")
    return screen, stream
