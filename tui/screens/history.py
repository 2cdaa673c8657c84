"""What was done on this machine: a line for each step, newest first; Enter shows its record."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.screen import Screen
from textual.widgets import OptionList

from warmboot.core.record.history import Step
from warmboot.core.session import Session
from warmboot.core.session.status import Status
from warmboot.themes import STYLE
from warmboot.tui.actions import bindings
from warmboot.tui.present.history_text import record_groups, step_line
from warmboot.tui.present.layout import lines, styled
from warmboot.tui.screens.dialogs import help_box
from warmboot.tui.widgets.bars import KeyLine, StagedLine, Text, TopLine
from warmboot.tui.widgets.marked_list import MarkedList


class HistoryScreen(Screen[None]):
    """Every step of the journal."""

    CSS_PATH = STYLE
    BINDINGS = bindings("history")
    AUTO_FOCUS = "#history"

    def __init__(self, session: Session, status: Status, steps: Sequence[Step], away: str) -> None:
        super().__init__()
        self._session = session
        self._status = status
        self._steps = tuple(reversed(steps))
        self._away = away

    def compose(self) -> ComposeResult:
        yield TopLine()
        yield StagedLine()
        yield Text("", id="history-count")
        yield MarkedList("history", self._rows())
        yield KeyLine("history")

    def on_mount(self) -> None:
        self.query_one(TopLine).show_session(self._session)
        self.query_one(StagedLine).show_status(self._session, self._status)
        if not self._status.readable:
            text = "The journal belongs to root; start again with sudo warmboot to see it."
        elif not self._steps:
            text = "Nothing is recorded yet: nothing was staged or restarted with warmboot here."
        else:
            text = f"Away: {self._away}"
        self.query_one("#history-count", Text).show(text, layout=True)
        if self._steps:
            self.query_one(MarkedList).highlighted = 0

    def _rows(self) -> list[str]:
        return [step_line(step) for step in self._steps]

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        step = self._steps[event.option_index]
        self.app.push_screen(RecordScreen(self._session, self._status, step))

    def action_help(self) -> None:
        self.app.push_screen(help_box("history"))

    def action_back(self) -> None:
        self.dismiss(None)


class RecordScreen(Screen[None]):
    """All that is recorded of one step."""

    CSS_PATH = STYLE
    BINDINGS = bindings("record")
    AUTO_FOCUS = "#record-scroll"

    def __init__(self, session: Session, status: Status, step: Step) -> None:
        super().__init__()
        self._session = session
        self._status = status
        self._step = step

    def compose(self) -> ComposeResult:
        yield TopLine()
        yield StagedLine()
        with VerticalScroll(id="record-scroll"):
            yield Text("", id="record-text")
        yield KeyLine("record")

    def on_mount(self) -> None:
        self.query_one(TopLine).show_session(self._session)
        self.query_one(StagedLine).show_status(self._session, self._status)

    def on_resize(self) -> None:
        width = max(20, self.size.width - 3)
        text = self.query_one("#record-text", Text)
        text.show(styled(lines(record_groups(self._step), width)), layout=True)

    def action_back(self) -> None:
        self.dismiss(None)
