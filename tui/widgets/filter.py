"""The line in which words are typed to show only some entries."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input

from warmboot.tui.widgets.bars import Text


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

    def compose(self) -> ComposeResult:
        yield Text(self._label, id="filter-label")
        yield Input(id="filter-text", compact=True)
        yield Text("", id="filter-count")

    def on_mount(self) -> None:
        self.display = False
        self.query_one(Input).cursor_blink = False

    @property
    def typing(self) -> bool:
        """Whether letters go into the line now."""
        return self.query_one(Input).has_focus

    def begin(self) -> None:
        """Show the line and let words be typed."""
        self.display = True
        self.query_one(Input).focus()

    def end(self) -> None:
        """Forget the words and hide the line."""
        self.query_one(Input).value = ""
        self.display = False

    def show_counts(self, shown: int, count: int) -> None:
        """Say how many entries fit."""
        self.query_one("#filter-count", Text).show(f"{shown} of {count}")

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(self.Changed(event.value))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if not event.value.strip():
            self.end()
        self.post_message(self.Ended())
