"""The line in which words are typed to show only some entries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.containers import Horizontal
from textual.message import Message

from warmboot.tui.widgets.bars import Text

if TYPE_CHECKING:
    from textual.widgets import Input


class FilterLine(Horizontal):
    """Hidden until `begin`; says what was typed, and when typing ended."""

    class Changed(Message):
        """Other words are wanted now."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Ended(Message):
        """Enter was pressed; the words stay, where there are any."""

    def __init__(self, label: str) -> None:
        super().__init__(id="filter")
        self._label = label
        self._field: Input | None = None  # made when it is first wanted

    def on_mount(self) -> None:
        self.display = False

    @property
    def typing(self) -> bool:
        """Whether letters go into the line now."""
        return self.has_focus_within

    async def begin(self) -> None:
        """Show the line and let words be typed."""
        if self._field is None:
            from textual.widgets import Input  # long to load, for one who looks for nothing

            self._field = Input(id="filter-text", compact=True)
            self._field.cursor_blink = False
            label, count = Text(self._label, id="filter-label"), Text("", id="filter-count")
            await self.mount(label, self._field, count)
        self.display = True
        self._field.focus()

    def end(self) -> None:
        """Forget the words and hide the line."""
        if self._field is not None:
            self._field.value = ""
        self.display = False

    def show_counts(self, shown: int, count: int) -> None:
        """Say how many entries fit."""
        for line in self.query("#filter-count").results(Text):
            line.show(f"{shown} of {count}")

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(self.Changed(event.value))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if not event.value.strip():
            self.end()
        self.post_message(self.Ended())
