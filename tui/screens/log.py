"""What the kernel and warmboot logged since the program was started."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.screen import Screen

from warmboot.core.session import Session
from warmboot.core.session.log import SessionLog
from warmboot.core.session.status import Status
from warmboot.themes import STYLE
from warmboot.tui.actions import bindings
from warmboot.tui.present.styled import Styled
from warmboot.tui.screens.dialogs import help_box
from warmboot.tui.widgets.bars import KeyLine, StagedLine, Text, TopLine


class LogScreen(Screen[None]):
    """Two logs, the kernel's above warmboot's own; what is newest stands last."""

    CSS_PATH = STYLE
    BINDINGS = bindings("log")
    AUTO_FOCUS = "#log-scroll"

    def __init__(self, session: Session, status: Status, log: SessionLog) -> None:
        super().__init__()
        self._session = session
        self._status = status
        self._log = log

    def compose(self) -> ComposeResult:
        yield TopLine()
        yield StagedLine()
        with VerticalScroll(id="log-scroll"):
            yield Text("", id="log-text")
        yield KeyLine("log")

    def on_mount(self) -> None:
        self.query_one(TopLine).show_session(self._session)
        self.query_one(StagedLine).show_status(self._session, self._status)
        self.action_again()

    def action_again(self) -> None:
        """Read what came since."""
        kernel, own = self._log.kernel(), self._log.own()
        none = "  nothing was logged" if self._log.readable else "  not readable by this user"
        parts: Styled = [("The kernel's log since warmboot was started\n", "bold")]
        parts += [f"  {line}\n" for line in kernel] or [f"{none}\n"]
        parts.append(("\nWhat warmboot did (milliseconds since its start)\n", "bold"))
        parts += [f"  {line}\n" for line in own] or ["  nothing yet\n"]
        self.query_one("#log-text", Text).show(parts, layout=True)
        self.query_one("#log-scroll").scroll_end(animate=False)

    def action_help(self) -> None:
        self.app.push_screen(help_box("log"))

    def action_back(self) -> None:
        self.dismiss(None)
