"""What a screen does with a machine: restart it, unload what is staged, leave."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from textual import work
from textual.message import Message
from textual.screen import Screen

from warmboot.core.errors import Cancelled, WarmbootError
from warmboot.core.text import printable
from warmboot.tui.actions import key_of
from warmboot.tui.screens.dialogs import (
    keep_box,
    leave_box,
    message,
    restarted_box,
    revert_box,
    unload_box,
)
from warmboot.tui.screens.messages import (
    ActionDone,
    PlanOpened,
    Restarted,
    RestartLookedAt,
    Unloaded,
    WorkFailed,
)
from warmboot.tui.screens.workers import (
    cancel_restart,
    confirm_trial,
    look_before_restart,
    look_before_trial,
    read_machine,
    restart,
    restart_later,
    restart_on_trial,
    revert_trial,
    unload,
)
from warmboot.tui.widgets.bars import Text, staged_name

if TYPE_CHECKING:
    from warmboot.core.session import Session
    from warmboot.core.session.status import Status


class MachineScreen(Screen[None]):
    """A screen that acts on a machine; the session is None until the machine was read.

    `problems` are what is wrong with the configuration: told, and no reason to do nothing.
    """

    def __init__(self, root: Path, problems: tuple[str, ...] = ()) -> None:
        super().__init__()
        self._problems = problems
        self._root = root
        self._session: Session | None = None
        self._status: Status  # comes with the session

    def notice(self, text: str) -> None:
        """Show what must be seen at once, below the first line, before problems."""
        line = self.query_one("#notice", Text)
        shown = "\n".join(filter(None, (text, *self._problems)))
        line.show(shown, layout=True)
        line.display = bool(shown)

    def read_again(self) -> None:
        """Read the machine and all that is installed on it."""
        raise NotImplementedError

    @work(thread=True, group="act")
    def _do(self, action: Callable[[], Message]) -> None:
        try:
            result = action()
        except Cancelled:
            return
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

    def on_restarted(self, event: Restarted) -> None:
        self.read_again()
        self.app.push_screen(restarted_box(event))

    def on_unloaded(self, event: Unloaded) -> None:
        if event.leave:
            self.app.exit()
            return
        self._refresh_machine()
        if event.warning:
            self.app.push_screen(message("Unloaded", event.warning))

    def action_cancel_restart(self) -> None:
        if self._session is not None:
            self._do(partial(cancel_restart, self._session))

    def on_action_done(self, event: ActionDone) -> None:
        self._refresh_machine()
        self.app.push_screen(message(event.title, event.text))

    def action_execute(self) -> None:
        if self._session is not None:
            self._do(partial(look_before_restart, self._session))

    def action_trial(self) -> None:
        if self._session is not None:
            self._do(partial(look_before_trial, self._session))

    def on_restart_looked_at(self, event: RestartLookedAt) -> None:
        """Ask for the host's name; what there is to say was read for it just now."""
        session, self._status = event.session, event.status
        if self.app.screen is not self or not self._allowed(session):
            return

        def answered(at: float | None) -> None:
            if at:
                self._do(partial(restart_later, session, at))
            elif at is not None:
                name, into = printable(session.host.name, 60), staged_name(event.status, 40)
                text = "Your line will drop; warmboot status tells afterwards."
                self.notice(f"Restarting {name} into {into}. {text}")
                trial = event.trial
                again = partial(restart_on_trial, session, trial) if trial else None
                self._do(again or partial(restart, session))

        from warmboot.tui.screens.restart import RestartScreen

        screen = RestartScreen(session, event.status, event.away, event.concerns, event.trial)
        self.app.push_screen(screen, answered)

    def action_keep(self) -> None:
        """Confirm the trial that goes on, once more asked."""
        session = self._session
        if session is None or not self._on_trial():
            return

        def answered(answer: str | None) -> None:
            if answer == "keep":
                self._do(partial(confirm_trial, session))

        self.app.push_screen(keep_box(session), answered)

    def action_revert(self) -> None:
        """End the trial that goes on by a restart into the old system, once more asked."""
        session = self._session
        if session is None or not self._on_trial():
            return

        def answered(answer: str | None) -> None:
            if answer == "back":
                self._do(partial(revert_trial, session))

        self.app.push_screen(revert_box(session), answered)

    def _on_trial(self) -> bool:
        """Whether the system that runs is on trial; says so where it is not."""
        if self._status.on_trial:
            return True
        key = key_of("entries", "trial")
        text = f"No system is on trial here. {key} restarts into what is staged, on trial."
        self.app.push_screen(message("Not now", text))
        return False

    def action_unload(self) -> None:
        session = self._session
        if session is None or not self._allowed(session):
            return

        def answered(answer: str | None) -> None:
            if answer == "unload":
                self._do(partial(unload, session))

        self.app.push_screen(unload_box(self._status, session.host.load_limit), answered)

    def action_leave(self) -> None:
        session = self._session
        if session is None or not (self._status.staged or self._status.on_trial):
            self.app.exit()
            return

        def answered(answer: str | None) -> None:
            if answer == "quit":
                self.app.exit()
            elif answer == "unload":
                self._do(partial(unload, session, leave=True))

        self.app.push_screen(leave_box(self._status), answered)

    def _allowed(self, session: Session) -> bool:
        """Whether there is something staged that this user may act on; says why not."""
        if not self._status.staged:
            text = "Nothing is staged. Choose an entry and press Enter to plan it."
        elif not session.host.privileged:
            text = "This needs root. Leave with q and start again with sudo warmboot."
        else:
            return True
        self.app.push_screen(message("Not now", text))
        return False
