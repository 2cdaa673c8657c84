"""Everything known about an image, over the whole width."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.screen import Screen

from warmboot.core.kexec import Machine, Status
from warmboot.tui.actions import bindings
from warmboot.tui.widgets.lines import KeyLine, StagedLine, Text, TopLine


class FactsScreen(Screen[None]):
    """A text to scroll through."""

    BINDINGS = bindings("facts")

    def __init__(self, machine: Machine, status: Status, text: str) -> None:
        super().__init__()
        self._machine = machine
        self._status = status
        self._text = text

    def compose(self) -> ComposeResult:
        yield TopLine()
        yield StagedLine()
        with VerticalScroll(id="facts-body"):
            yield Text(self._text, id="facts-text")
        yield KeyLine("facts")

    def on_mount(self) -> None:
        self.query_one(TopLine).show_machine(self._machine)
        self.query_one(StagedLine).show_status(self._machine, self._status)

    def action_back(self) -> None:
        self.dismiss(None)
