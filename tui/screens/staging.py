"""Staging, with its progress; can be cancelled until the kernel is asked."""

from __future__ import annotations

import time

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.screen import ModalScreen

from warmboot.core.errors import WarmbootError
from warmboot.core.plan.planner import OpenPlan
from warmboot.core.progress import Cancel, Phase, Progress
from warmboot.core.session import Session
from warmboot.core.text import size
from warmboot.tui.screens.messages import StageDone, StageProgress, WorkFailed
from warmboot.tui.screens.workers import stage
from warmboot.tui.widgets.bars import Text

_WIDTH = 40
_REDRAW = 0.1  # seconds between two drawings of the bar: a serial line is slow


class StagingScreen(ModalScreen[StageDone | WorkFailed]):
    """Stages a plan and answers with what came of it."""

    BINDINGS = [Binding("escape,ctrl+c", "cancel", "Cancel")]

    def __init__(self, session: Session, opened: OpenPlan, seen: str | None) -> None:
        super().__init__(classes="dialog")
        self._session = session
        self._opened = opened
        self._seen = seen
        self._cancel = Cancel()
        self._phase: Phase | None = None
        self._since = 0.0
        self._drawn = 0.0

    def compose(self) -> ComposeResult:
        with Vertical(classes="box"):
            yield Text(f"Staging {self._opened.plan.files.kernel}", classes="title")
            yield Text("", id="phase")
            yield Text("", id="bar")
            yield Text("", id="amount")
            yield Text("Esc cancels", id="hint")

    def on_mount(self) -> None:
        self._run()

    def on_unmount(self) -> None:
        self._cancel.cancel()

    @work(thread=True)
    def _run(self) -> None:
        def report(progress: Progress) -> None:
            self.post_message(StageProgress(progress))

        try:
            self.post_message(stage(self._session, self._opened, report, self._cancel, self._seen))
        except WarmbootError as error:
            self.post_message(WorkFailed(error.message, error.hint))

    def on_stage_progress(self, event: StageProgress) -> None:
        progress = event.progress
        if progress.phase is not self._phase:
            self._phase, self._since = progress.phase, time.monotonic()
            self.query_one("#phase", Text).show(progress.phase.value)
            if progress.phase is Phase.LOAD:
                self.query_one("#hint", Text).show("This step cannot be cancelled")
        elif time.monotonic() - self._drawn < _REDRAW and progress.fraction < 1:
            return
        self._drawn = time.monotonic()
        full = int(progress.fraction * _WIDTH)
        self.query_one("#bar", Text).show(
            f"[{'#' * full}{'-' * (_WIDTH - full)}] {progress.fraction:4.0%}"
        )
        if progress.phase is not Phase.LOAD:
            amount = progress.produced or progress.done
            spent = time.monotonic() - self._since
            rate = f", {size(int(amount / spent))}/s" if spent > 0.05 else ""
            self.query_one("#amount", Text).show(f"{size(amount)}{rate}")

    def on_stage_done(self, event: StageDone) -> None:
        self.dismiss(event)

    def on_work_failed(self, event: WorkFailed) -> None:
        self.dismiss(event)

    def action_cancel(self) -> None:
        if not self._cancel.cancel():
            self.query_one("#hint", Text).show("Too late to cancel; unload it afterwards")
