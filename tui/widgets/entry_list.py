"""The list of entries, a line each. A key draws the two lines it changes, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from warmboot.core.boot.entry import Entry
from warmboot.core.boot.listed_entry import ListedEntry
from warmboot.core.text import printable
from warmboot.tui.present.entry_row import MARKS, Columns, Row, columns, letters
from warmboot.tui.present.verdict import Level, Verdict

_STYLES = {
    Level.CANNOT: "entry-list--cannot",
    Level.NOTES: "entry-list--notes",
    Level.LOOKING: "entry-list--looking",
}

_LEAST_CUT = 8  # columns


class EntryList(ScrollView, can_focus=True):
    """Rows in order, those that fit a filter shown; `make_row` makes the cells of one.

    The first line is the heading. ``>`` stands before the chosen entry, as colour alone would say
    nothing on a vt220.
    """

    COMPONENT_CLASSES = {
        "entry-list--heading",
        "entry-list--chosen",
        *_STYLES.values(),
    }
    BINDINGS = [
        Binding("up,k", "move(-1)", show=False),
        Binding("down,j", "move(1)", show=False),
        Binding("pageup,ctrl+b", "page(-1)", show=False),
        Binding("pagedown,ctrl+f", "page(1)", show=False),
        Binding("home,g", "edge(0)", show=False),
        Binding("end,G", "edge(-1)", show=False),
        Binding("enter", "choose", show=False),
    ]

    class Moved(Message):
        """The cursor stands on another entry."""

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, EntryList.Moved)

    class Chosen(Message):
        """Enter was pressed on the entry under the cursor, or it was clicked there."""

    def __init__(self, make_row: Callable[[ListedEntry], Row]) -> None:
        super().__init__(id="entries")
        self._make_row = make_row
        self._rows: dict[Entry, ListedEntry] = {}
        self._shown: list[Entry] = []
        self._cells: list[Row] = []
        self._columns = Columns(0, 0, 0, ())
        self._cursor = 0
        self._filter = ""

    @property
    def row(self) -> ListedEntry | None:
        """The row under the cursor."""
        return self._rows[self._shown[self._cursor]] if self._shown else None

    @property
    def rows(self) -> tuple[ListedEntry, ...]:
        """All rows, whether they are shown or not."""
        return tuple(self._rows.values())

    @property
    def counts(self) -> tuple[int, int]:
        """How many rows are shown, and how many there are."""
        return len(self._shown), len(self._rows)

    def cells(self, row: ListedEntry) -> Row:
        """Return what a line says of an entry."""
        return self._make_row(row)

    def show_rows(self, rows: Iterable[ListedEntry]) -> None:
        """Replace all rows; the cursor stays on its entry, or where that is gone, in its place."""
        before = self.row
        self._rows = {row.entry: row for row in rows}
        self._fill(before)

    def update_rows(self, rows: Iterable[ListedEntry]) -> None:
        """Replace rows that are there already by what is known of them now."""
        for row in rows:
            if row.entry in self._rows:
                self._rows[row.entry] = row
        self.draw()

    def show_only(self, text: str) -> None:
        """Show the rows in which every word of `text` occurs."""
        if text != self._filter:
            self._filter = text
            self._fill(self.row)

    def draw(self) -> None:
        """Draw the rows that changed."""
        cells = [self._make_row(self._rows[entry]) for entry in self._shown]
        widths = columns(cells, self._width)
        before, self._cells = self._cells, cells
        if widths != self._columns or len(before) != len(cells):
            self._columns = widths
            self.refresh()
            return
        for index, (old, new) in enumerate(zip(before, cells, strict=True)):
            if old != new:
                self._draw_line(index)

    # Moving -------------------------------------------------------------------------------

    def move_to(self, index: int) -> None:
        """Put the cursor on an entry that is shown, the nearest one where there is none."""
        index = max(0, min(index, len(self._shown) - 1))
        if not self._shown or index == self._cursor:
            return
        before, self._cursor = self._cursor, index
        self._draw_line(before)
        self._draw_line(index)
        self._follow()
        self.post_message(self.Moved())

    def action_move(self, lines: int) -> None:
        self.move_to(self._cursor + lines)

    def action_page(self, pages: int) -> None:
        self.move_to(self._cursor + pages * max(1, self._page - 1))

    def action_edge(self, index: int) -> None:
        self.move_to(len(self._shown) + index if index < 0 else index)

    def action_choose(self) -> None:
        if self._shown:
            self.post_message(self.Chosen())

    def on_click(self, event: events.Click) -> None:
        index = self.scroll_offset.y + event.y - 1
        if event.y < 1 or index >= len(self._shown):
            return
        if index == self._cursor and event.chain > 1:
            self.action_choose()
        self.move_to(index)

    def on_resize(self) -> None:
        self._measure()
        self.draw()
        self._follow()

    @property
    def _width(self) -> int:
        """The columns that a line has, those of a scroll bar left out."""
        return self.scrollable_content_region.width

    @property
    def _page(self) -> int:
        """How many entries are in view."""
        return max(1, self.scrollable_content_region.height - 1)

    def _follow(self) -> None:
        """Scroll, where the cursor is out of view."""
        top = self.scroll_offset.y
        if self._cursor < top:
            self.scroll_to(y=self._cursor, animate=False, immediate=True)
        elif self._cursor >= top + self._page:
            self.scroll_to(y=self._cursor - self._page + 1, animate=False, immediate=True)

    # Drawing ------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        """Return a line of the list; only lines in view are asked for."""
        style = self.rich_style
        if y == 0:
            style = self.get_component_rich_style("entry-list--heading")
            heading = Row("ENTRY", "VERSION", Verdict(Level.READY, "STATE"), ("",) * len(MARKS))
            if not self._cells:
                return self._blank(style)
            return self._strip("  ", heading, style, style, marked="MARKS")
        index = self.scroll_offset.y + y - 1
        if index >= len(self._cells):
            return self._blank(style)
        row = self._cells[index]
        if index == self._cursor:
            chosen = self.get_component_rich_style("entry-list--chosen")
            return self._strip("> ", row, chosen, chosen)
        state = _STYLES.get(row.state.level)
        stated = self.get_component_rich_style(state) if state else style
        return self._strip("  ", row, stated if row.state.level is Level.CANNOT else style, stated)

    def _blank(self, style: Style) -> Strip:
        return Strip.blank(self._width, style)

    def _strip(
        self, cursor: str, row: Row, style: Style, stated: Style, *, marked: str = ""
    ) -> Strip:
        """Return a line: the cursor's columns, title and version, the state, marks as words."""
        title, version, state, words = self._columns
        cells = [] if words else [marked or letters(row)]
        cells.append(set_cell_size(_cut(row.title, title), title))
        cells += [set_cell_size(row.version, version)] if version else []
        marks = [mark.ljust(width) for mark, width in zip(row.marks, words, strict=False) if width]
        parts = [
            (f"{cursor}{' '.join(cells)} ", style),
            (set_cell_size(row.state.text, state), stated),
            (f" {' '.join(marks)}", style),
        ]
        return Strip([Segment(*part) for part in parts]).adjust_cell_length(self._width, style)

    def _draw_line(self, index: int) -> None:
        y = index - self.scroll_offset.y + 1
        self.refresh(Region(0, y, self._width, 1))

    def _measure(self) -> None:
        self.virtual_size = Size(self._width, len(self._shown) + 1)

    def _fill(self, row: ListedEntry | None) -> None:
        """Show what fits; the cursor goes to the entry of `row`, known by its name."""
        self._shown = [entry for entry, listed in self._rows.items() if _fits(listed, self._filter)]
        names = [entry.id for entry in self._shown]
        if row is not None and row.entry.id in names:
            self._cursor = names.index(row.entry.id)
        self._cursor = max(0, min(self._cursor, len(self._shown) - 1))
        self._cells = []
        self._measure()
        self.draw()
        self.refresh()
        self._follow()
        self.post_message(self.Moved())


def _cut(text: str, width: int) -> str:
    """Return text that has room; else its beginning and its end, which tell entries apart."""
    if cell_len(text) <= width or width < _LEAST_CUT:
        return text
    tail = (width - 2) * 2 // 5
    return f"{text[: width - 2 - tail]}..{text[len(text) - tail :]}"


def _fits(row: ListedEntry, text: str) -> bool:
    entry = row.entry
    release = row.image.release if row.image else None
    names = (
        entry.id,
        entry.title,
        entry.version,
        entry.release,
        entry.kernel,
        *entry.also,
        release,
    )
    all_names = printable(" ".join(filter(None, names)), 4096).casefold()
    return all(word in all_names for word in text.casefold().split())
