"""Staging, with what it is at; can be cancelled until the kernel is asked."""

from __future__ import annotations

import time
from dataclasses import dataclass

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.screen import ModalScreen

from warmboot.core.errors import WarmbootError
from warmboot.core.plan.planner import OpenPlan
from warmboot.core.progress import Cancel, Phase, Progress
from warmboot.core.session import Session
from warmboot.core.text import duration, size
from warmboot.themes import STYLE
from warmboot.tui.screens.messages import StageDone, StageProgress, WorkFailed
from warmboot.tui.screens.workers import stage
from warmboot.tui.widgets.bars import Text

_WIDTH = 12
_NAME = 27  # columns for a phase
_REDRAW = 0.1  # seconds between two drawings of a phase: a serial line is slow
_TICK = 1.0  # seconds between two drawings where nothing is reported


@dataclass
class _Stage:
    """One phase: when it began, its last report, and how long it took where it is over."""

    since: float
    progress: Progress
    spent: float | None = None

    def line(self) -> str:
        """Return the phase as a line: done, or how far it is, as far as that is known."""
        name = f"{self.progress.phase.value:<{_NAME}}"
        amount = self.progress.produced or self.progress.done
        known = self.progress.fraction
        shown = f" {size(amount)}" if known is not None and self.progress.total > 1 else ""
        if self.spent is not None:
            return f"done  {name} {duration(self.spent)}{f',{shown}' if shown else ''}"
        spent = time.monotonic() - self.since
        if known is None:
            return f"now   {name} {duration(spent)}"
        full = int(known * _WIDTH)
        return f"now   {name} [{'#' * full}{'-' * (_WIDTH - full)}] {known:4.0%}{shown}"


class StagingScreen(ModalScreen[StageDone | WorkFailed]):
    """Stages a plan and answers with what came of it."""

    CSS_PATH = STYLE
    BINDINGS = [Binding("escape,ctrl+c", "cancel", "Cancel")]

    def __init__(self, session: Session, opened: OpenPlan, seen: str | None) -> None:
        super().__init__(classes="dialog")
        self._session = session
        self._opened = opened
        self._seen = seen
        self._cancel = Cancel()
        self._stages: dict[Phase, _Stage] = {}
        self._phase: Phase | None = None
        self._drawn = 0.0

    def compose(self) -> ComposeResult:
        with Vertical(classes="box"):
            yield Text(f"Staging {self._opened.plan.files.kernel}", classes="title")
            yield Text("", id="phases")
            yield Text("Esc cancels; nothing is changed then", id="hint")

    def on_mount(self) -> None:
        self.set_interval(_TICK, self._draw)
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
        progress, now = event.progress, time.monotonic()
        phase = progress.phase
        if phase is self._phase:
            self._stages[phase].progress = progress
            if now - self._drawn < _REDRAW:
                return
        else:
            if self._phase is not None:
                self._stages[self._phase].spent = now - self._stages[self._phase].since
            self._stages[phase] = _Stage(now, progress)
            self._phase = phase
            if phase is Phase.LOAD:
                text = "The kernel copies and checks it now; this step cannot be cancelled"
                self.query_one("#hint", Text).show(text, layout=True)
        self._draw()

    def _draw(self) -> None:
        self._drawn = time.monotonic()
        lines = "\n".join(one.line() for one in self._stages.values())
        self.query_one("#phases", Text).show(lines, layout=True)

    def on_stage_done(self, event: StageDone) -> None:
        self.dismiss(event)

    def on_work_failed(self, event: WorkFailed) -> None:
        self.dismiss(event)

    def action_cancel(self) -> None:
        if not self._cancel.cancel():
            self.query_one("#hint", Text).show("Too late to cancel; unload it afterwards")
