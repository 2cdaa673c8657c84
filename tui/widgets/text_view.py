"""A text of many lines to scroll through and to search. Only lines in view are drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from rich.cells import set_cell_size
from rich.segment import Segment
from textual.binding import Binding
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from warmboot.tui.present.layout import Line

#: The styles that lines may have, and the component class of each.
_STYLES = {
    "bold $secondary": "text-view--heading",
    "$secondary": "text-view--name",
    "$error": "text-view--error",
    "$warning": "text-view--warning",
}
_FOUND = "text-view--found"


class TextView(ScrollView, can_focus=True):
    """Shows lines that are made for its width; ``>`` marks the one that a search stands on."""

    COMPONENT_CLASSES = {*_STYLES.values(), _FOUND}
    BINDINGS = [
        Binding("up,k", "lines(-1)", show=False),
        Binding("down,j", "lines(1)", show=False),
        Binding("pageup,ctrl+b", "pages(-1)", show=False),
        Binding("pagedown,ctrl+f", "pages(1)", show=False),
        Binding("home,g", "edge(0)", show=False),
        Binding("end,G", "edge(1)", show=False),
    ]

    def __init__(self, name: str) -> None:
        super().__init__(id=name)
        self._make: Callable[[int], Iterable[Line]] = lambda _: ()
        self._lines: list[Line] = []
        self._wanted = ""
        self._found: list[int] = []
        self._place = -1

    def show(self, make: Callable[[int], Iterable[Line]]) -> None:
        """Show the lines that `make` returns for a width in columns, from the first one on."""
        self._make = make
        self._lay_out()
        self.scroll_home(animate=False)

    def on_resize(self) -> None:
        self._lay_out()

    def _lay_out(self) -> None:
        width = self.scrollable_content_region.width
        self._lines = list(self._make(max(8, width - 2)))
        self.virtual_size = Size(width, len(self._lines))
        self._search()
        self.refresh()

    # Finding ------------------------------------------------------------------------------

    def find(self, text: str) -> tuple[int, int]:
        """Go to the next line that holds `text`; return its number among all, and their number."""
        self._wanted = text.casefold()
        self._search()
        top = self.scroll_offset.y
        self._place = next((n for n, line in enumerate(self._found) if line >= top), 0) - 1
        return self.next(1)

    def next(self, step: int) -> tuple[int, int]:
        """Go to another line that holds what is looked for; return as `find` does."""
        if not self._found:
            self.refresh()
            return 0, 0
        self._place = (self._place + step) % len(self._found)
        line, height = self._found[self._place], self.scrollable_content_region.height
        if not self.scroll_offset.y <= line < self.scroll_offset.y + height:
            self.scroll_to(y=max(0, line - height // 3), animate=False)
        self.refresh()
        return self._place + 1, len(self._found)

    def _search(self) -> None:
        self._place = -1
        self._found = []
        if self._wanted:
            texts = ("".join(text for text, _ in line).casefold() for line in self._lines)
            self._found = [n for n, text in enumerate(texts) if self._wanted in text]

    # Moving and drawing -------------------------------------------------------------------

    def action_lines(self, count: int) -> None:
        self.scroll_relative(y=count, animate=False)

    def action_pages(self, count: int) -> None:
        height = self.scrollable_content_region.height
        self.scroll_relative(y=count * max(1, height - 1), animate=False)

    def action_edge(self, end: int) -> None:
        if end:
            self.scroll_end(animate=False)
        else:
            self.scroll_home(animate=False)

    def render_line(self, y: int) -> Strip:
        """Return a line of the text; only lines in view are asked for."""
        width = self.scrollable_content_region.width
        number = self.scroll_offset.y + y
        if number >= len(self._lines):
            return Strip.blank(width, self.rich_style)
        found = self._place >= 0 and self._found[self._place] == number
        plain = self.get_component_rich_style(_FOUND) if found else self.rich_style
        segments, room = [Segment(">" if found else " ", plain)], width - 1
        for text, name in self._lines[number]:
            style = plain
            if name in _STYLES and not found:
                style = self.get_component_rich_style(_STYLES[name])
            piece = Segment(text, style)
            if piece.cell_length > room:
                piece = Segment(set_cell_size(text, room), style)
            segments.append(piece)
            room -= piece.cell_length
        return Strip([*segments, Segment(" " * room, plain)], width)
