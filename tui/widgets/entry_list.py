"""The list of entries, with a cursor that needs no colour."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from rich.segment import Segment
from textual.strip import Strip
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from warmboot.core.boot import Entry
from warmboot.core.boot.listed_entry import ListedEntry
from warmboot.core.text import printable

LINES = 2  # of each entry; the style sheet forbids wrapping


class EntryList(OptionList):
    """Rows in order, those that fit a filter shown; `prompt` makes the two lines of a row.

    Draws ``>`` before the highlighted entry: on a vt220, colour alone would say nothing.
    """

    def __init__(self, prompt: Callable[[ListedEntry], str]) -> None:
        super().__init__(id="entries", markup=False)
        self._prompt = prompt
        self._rows: dict[Entry, ListedEntry] = {}
        self._shown: list[Entry] = []
        self._filter = ""

    @property
    def row(self) -> ListedEntry | None:
        """The highlighted row."""
        index = self.highlighted
        if index is None or index >= len(self._shown):
            return None
        return self._rows[self._shown[index]]

    @property
    def counts(self) -> tuple[int, int]:
        """How many rows are shown, and how many there are."""
        return len(self._shown), len(self._rows)

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
        """Draw every row anew; the same lines again cost nothing."""
        for index, entry in enumerate(self._shown):
            prompt = self._prompt(self._rows[entry])
            if self.get_option_at_index(index).prompt != prompt:
                self.replace_option_prompt_at_index(index, prompt)

    def render_line(self, y: int) -> Strip:
        """Return a line of the list; only lines in view are asked for."""
        strip = super().render_line(y)
        if self.highlighted is None or self.scroll_offset.y + y != self.highlighted * LINES:
            return strip
        style = next((segment.style for segment in strip), None)
        return Strip.join([Strip([Segment(">", style)], 1), strip.crop(1)])

    def _fill(self, row: ListedEntry | None) -> None:
        """Show what fits; the cursor goes to the entry of `row`, known by its name."""
        index = self.highlighted or 0
        shown = [entry for entry, listed in self._rows.items() if _fits(listed, self._filter)]
        if shown != self._shown:
            self._shown = shown
            self.clear_options()
            self.add_options([Option(self._prompt(self._rows[entry])) for entry in shown])
        else:
            self.draw()
        names = [entry.id for entry in shown]
        if row is not None and row.entry.id in names:
            index = names.index(row.entry.id)
        self.highlighted = min(index, len(shown) - 1) if shown else None


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
