"""The keys that lead to what is recorded and found out: doctor, history, log."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from textual import work
from textual.message import Message
from textual.screen import Screen

from warmboot.core.errors import WarmbootError
from warmboot.core.session import Session
from warmboot.core.session.log import SessionLog
from warmboot.core.session.status import Status
from warmboot.tui.screens.checks import DoctorScreen
from warmboot.tui.screens.history import HistoryScreen
from warmboot.tui.screens.log import LogScreen
from warmboot.tui.screens.messages import Examined, HistoryRead, PlanOpened, WorkFailed
from warmboot.tui.screens.workers import examine_here, read_history, read_machine


class RecordKeys(Screen[None]):
    """A screen with those keys, and what does work for it in the background."""

    def __init__(self, root: Path) -> None:
        super().__init__()
        self._root = root
        self._session: Session | None = None
        self._status = Status(None, None)
        self._log = SessionLog()

    @work(thread=True, group="act")
    def _do(self, action: Callable[[], Message]) -> None:
        try:
            result = action()
        except WarmbootError as error:
            self.post_message(WorkFailed(error.message, error.hint))
            self._post_machine()
            return
        if not self.post_message(result) and isinstance(result, PlanOpened):
            result.opened.close()

    @work(thread=True, group="machine", exclusive=True)
    def _refresh_machine(self) -> None:
        self._post_machine()

    def _post_machine(self) -> None:
        """Read the machine anew; for a worker's thread."""
        try:
            self.post_message(read_machine(self._root))
        except WarmbootError as error:
            self.post_message(WorkFailed(error.message, error.hint))

    def on_unmount(self) -> None:
        self._log.close()

    def action_doctor(self) -> None:
        if self._session is not None:
            self._do(partial(examine_here, self._session))

    def on_examined(self, event: Examined) -> None:
        if self._session is not None and self.app.screen is self:
            self.app.push_screen(DoctorScreen(self._session, self._status, event.findings))

    def action_history(self) -> None:
        if self._session is not None:
            self._do(partial(read_history, self._session))

    def on_history_read(self, event: HistoryRead) -> None:
        if self._session is not None and self.app.screen is self:
            self.app.push_screen(HistoryScreen(self._session, self._status, event.steps))

    def action_log(self) -> None:
        if self._session is not None:
            self.app.push_screen(LogScreen(self._session, self._status, self._log))
