"""A list with a cursor that needs no colour."""

from __future__ import annotations

from collections.abc import Iterable

from rich.segment import Segment
from textual.content import Content
from textual.strip import Strip
from textual.widgets import OptionList
from textual.widgets.option_list import Option


class MarkedList(OptionList):
    """Lines to choose from, ``>`` before the chosen one; their first column is left free for it."""

    def __init__(self, name: str, rows: Iterable[str | Content] = ()) -> None:
        super().__init__(*map(Option, rows), id=name, markup=False, compact=True)
        self.add_class("marked")

    def render_line(self, y: int) -> Strip:
        """Return a line of the list; only lines in view are asked for."""
        strip = super().render_line(y)
        if self.highlighted is None or self.scroll_offset.y + y != self.highlighted:
            return strip
        # One colour for all of the line: what stands out elsewhere would be lost on the cursor's.
        text, style = strip.text, next((one.style for one in reversed(list(strip))), None)
        return Strip([Segment(f">{text[1:]}", style)], strip.cell_length)
