"""The step that cannot be taken back: the operator types the name of the machine."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from warmboot.core.errors import WarmbootError
from warmboot.core.session import Session
from warmboot.core.session.status import Status
from warmboot.core.text import printable
from warmboot.tui.present.facts import ending_lines
from warmboot.tui.screens.dialogs import SCROLLING, Box
from warmboot.tui.widgets.bars import Text, staged_name


class RestartScreen(ModalScreen[float | None]):
    """Says what ends; answers once the host's name was typed: with the time wanted, 0 for now."""

    BINDINGS = [Binding("escape,ctrl+c", "leave", "Back", priority=True), *SCROLLING]

    def __init__(self, session: Session, status: Status) -> None:
        super().__init__(classes="dialog")
        self._session = session
        self._status = status
        self._host = printable(session.host.name)

    def compose(self) -> ComposeResult:
        kind = "simulated machine" if self._session.simulated else "machine"
        with Vertical(classes="box"):
            yield Text(f"Restart the {kind} {self._host}", classes="title")
            yield Box("\n".join(self._lines()))
            later = f"{self._host} in 10m does it later"
            yield Text(f"Type {self._host} and press Enter; {later}. Esc goes back.", id="ask")
            yield Input(id="name")

    def on_mount(self) -> None:
        field = self.query_one(Input)
        field.cursor_blink = False
        field.focus()

    def _lines(self) -> list[str]:
        host, what = self._session.host, self._status.what
        lines = [f"Into     {staged_name(self._status)}"]
        if what:
            lines.append(f"         {printable(what.cmdline, 400) or '(empty command line)'}")
        lines.append(f"How      {self._session.restarts.method().text}")
        first, *others = ending_lines(host)
        lines.append(f"Ends     {first}")
        return [*lines, *(f"         {line}" for line in others)]

    def on_input_submitted(self, event: Input.Submitted) -> None:
        name, later, delay = event.value.strip().partition(" in ")
        if name.strip() != self._host:
            self.query_one("#ask", Text).show(
                f"That is not this machine's name. Type {self._host}, or Esc to go back."
            )
            return
        try:
            self.dismiss(self._session.restarts.when(None, delay) if later else 0.0)
        except WarmbootError as error:
            self.query_one("#ask", Text).show(f"{error.message}. For example: {self._host} in 10m")

    def action_scroll(self, lines: int) -> None:
        self.query_one(Box).scroll_relative(y=lines, animate=False)

    def action_leave(self) -> None:
        self.dismiss(None)
