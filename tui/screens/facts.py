"""Everything known about an image, over the whole width."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.screen import Screen

from warmboot.core.session import Session
from warmboot.core.session.status import Status
from warmboot.tui.actions import bindings
from warmboot.tui.widgets.bars import KeyLine, StagedLine, Text, TopLine


class FactsScreen(Screen[None]):
    """A text to scroll through."""

    BINDINGS = bindings("facts")

    def __init__(self, session: Session, status: Status, text: str) -> None:
        super().__init__()
        self._session = session
        self._status = status
        self._text = text

    def compose(self) -> ComposeResult:
        yield TopLine()
        yield StagedLine()
        with VerticalScroll(id="facts-body"):
            yield Text(self._text, id="facts-text")
        yield KeyLine("facts")

    def on_mount(self) -> None:
        self.query_one(TopLine).show_session(self._session)
        self.query_one(StagedLine).show_status(self._session, self._status)

    def action_back(self) -> None:
        self.dismiss(None)
