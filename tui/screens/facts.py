"""Everything known about an image, over the whole width."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.screen import Screen

from warmboot.core.kexec import Machine
from warmboot.tui.actions import bindings
from warmboot.tui.widgets.lines import KeyLine, Text, TopLine


class FactsScreen(Screen[None]):
    """A text to scroll through."""

    BINDINGS = bindings("facts")

    def __init__(self, machine: Machine, text: str) -> None:
        super().__init__()
        self._machine = machine
        self._text = text

    def compose(self) -> ComposeResult:
        yield TopLine()
        with VerticalScroll(id="facts-body"):
            yield Text(self._text, id="facts-text")
        yield KeyLine("facts")

    def on_mount(self) -> None:
        self.query_one(TopLine).show_machine(self._machine)

    def action_back(self) -> None:
        self.dismiss(None)
