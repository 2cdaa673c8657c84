"""The keys that lead to what is recorded and found out: doctor, history, log."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from warmboot.core.session.log import SessionLog
from warmboot.tui.screens.machine import MachineScreen
from warmboot.tui.screens.messages import Examined, HistoryRead
from warmboot.tui.screens.workers import examine_here, read_history


class RecordKeys(MachineScreen):
    """A screen with those keys."""

    def __init__(self, root: Path, problems: tuple[str, ...] = ()) -> None:
        super().__init__(root, problems)
        self._log = SessionLog()

    def on_unmount(self) -> None:
        self._log.close()

    def action_doctor(self) -> None:
        if self._session is not None:
            self._do(partial(examine_here, self._session))

    def on_examined(self, event: Examined) -> None:
        if self._session is not None and self.app.screen is self:
            from warmboot.tui.screens.checks import DoctorScreen

            self.app.push_screen(DoctorScreen(self._session, self._status, event.findings))

    def action_history(self) -> None:
        if self._session is not None:
            self._do(partial(read_history, self._session))

    def on_history_read(self, event: HistoryRead) -> None:
        if self._session is not None and self.app.screen is self:
            from warmboot.tui.screens.history import HistoryScreen

            self.app.push_screen(
                HistoryScreen(self._session, self._status, event.steps, event.away)
            )

    def action_log(self) -> None:
        if self._session is not None:
            from warmboot.tui.screens.log import LogScreen

            self.app.push_screen(LogScreen(self._session, self._status, self._log))
