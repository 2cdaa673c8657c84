"""The step that cannot be taken back: the operator types the name of the machine."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.widgets import Input

from warmboot.core.errors import WarmbootError
from warmboot.core.plan.checks.base import Finding
from warmboot.core.plan.trial.trial import TrialPlan
from warmboot.core.session import Session
from warmboot.core.session.status import Status
from warmboot.core.text import printable
from warmboot.tui.present.finding_text import finding_text
from warmboot.tui.present.layout import Line, lines, styled
from warmboot.tui.present.restart_text import restart_groups, trial_groups
from warmboot.tui.screens.dialogs import SCROLLING, Dialog, Scrolled
from warmboot.tui.widgets.bars import Text, staged_name


class RestartScreen(Dialog[float | None]):
    """Says what ends; answers once the host's name was typed: with the time wanted, 0 for now.

    `away` says how long restarts took, `concerns` what stands against coming back from this one.
    `trial`: it goes back by itself, as that says; it is for now only.
    """

    BINDINGS = [Binding("escape,ctrl+c", "leave", "Back", priority=True), *SCROLLING]

    def __init__(
        self,
        session: Session,
        status: Status,
        away: str,
        concerns: tuple[Finding, ...] = (),
        trial: TrialPlan | None = None,
    ) -> None:
        super().__init__()
        self._trial = trial
        self._session = session
        self._status = status
        self._away = away
        self._concerns = concerns
        self._host = printable(session.host.name)

    def compose(self) -> ComposeResult:
        kind = "simulated machine" if self._session.simulated else "machine"
        trial = " on trial" if self._trial else ""
        with Vertical(classes="box"):
            yield Text(f"Restart the {kind} {self._host}{trial}", classes="title")
            yield Scrolled("")
            later = "" if self._trial else f", or {self._host} in 10m for later,"
            yield Text(f"Type {self._host}{later} and press Enter; Esc goes back", id="ask")
            with Horizontal(classes="line"):
                yield Text("Name")
                yield Input(id="name")

    def on_mount(self) -> None:
        field = self.query_one(Input)
        field.cursor_blink = False
        field.focus()

    def on_resize(self) -> None:
        self.call_after_refresh(self._show)

    def _show(self) -> None:
        """Say everything, however long: against coming back first, then into what, what ends."""
        text = self.query_one(Scrolled)
        width = max(20, text.size.width - 1)
        found: list[Line] = []
        for concern in self._concerns:
            found += finding_text(concern._replace(forceable=False), width)
        into = staged_name(self._status)
        method = self._session.restarts.method().text
        groups = restart_groups(self._session.host, self._status, into, method, self._away)
        if self._trial is not None:
            groups = (*trial_groups(self._trial), *groups)
        for group in groups:
            found += [*([()] if found and group.heading else []), *lines((group,), width)]
        text.show(styled(found))
        self.fit()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        name, later, delay = event.value.strip().partition(" in ")
        if name.strip() != self._host:
            self._answer(f"That is not this machine's name. Type {self._host}, or Esc to go back.")
            return
        if later and self._trial is not None:
            self._answer("A restart on trial is for now: somebody has to be there to confirm it.")
            return
        try:
            self.dismiss(self._session.restarts.when(None, delay) if later else 0.0)
        except WarmbootError as error:
            self._answer(f"{error.message}. For example: {self._host} in 10m")

    def _answer(self, text: str) -> None:
        self.query_one("#ask", Text).show(text, layout=True)
        self.fit()

    def action_leave(self) -> None:
        self.dismiss(None)
