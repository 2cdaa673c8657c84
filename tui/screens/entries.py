"""The main screen: what is installed on the left, what is inside on the right."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from textual import work
from textual.app import ComposeResult
from textual.containers import Horizontal

from warmboot.core.boot.listed_entry import ListedEntry
from warmboot.core.errors import WarmbootError
from warmboot.core.plan.request import PlanRequest
from warmboot.core.session import Session
from warmboot.core.text import printable
from warmboot.tui.actions import NOT_WHILE_TYPING, bindings
from warmboot.tui.present.entry_text import details_text, prompt, searched_text
from warmboot.tui.present.styled import plain_text
from warmboot.tui.screens.ask import kernel_question
from warmboot.tui.screens.details import DetailsPane
from warmboot.tui.screens.dialogs import (
    failure_box,
    help_box,
    leave_box,
    message,
    restarted_box,
    staged_box,
    unload_box,
)
from warmboot.tui.screens.facts import FactsScreen
from warmboot.tui.screens.messages import (
    ActionDone,
    EntriesFound,
    MachineRead,
    PlanOpened,
    Restarted,
    RestartLookedAt,
    RowsRead,
    StageDone,
    Unloaded,
    WorkFailed,
)
from warmboot.tui.screens.plan import PlanScreen
from warmboot.tui.screens.records import RecordKeys
from warmboot.tui.screens.restart import RestartScreen
from warmboot.tui.screens.workers import (
    cancel_restart,
    look_before_restart,
    open_plan,
    read_entries,
    read_machine,
    restart,
    restart_later,
    unload,
    write_report,
)
from warmboot.tui.widgets.bars import KeyLine, StagedLine, Text, TopLine, staged_name
from warmboot.tui.widgets.entry_list import EntryList
from warmboot.tui.widgets.filter import FilterLine


class EntriesScreen(RecordKeys):
    """Lists the entries of a boot root; every other screen is reached from here."""

    BINDINGS = bindings("entries")

    def __init__(self, root: Path) -> None:
        super().__init__(root)

    def compose(self) -> ComposeResult:
        yield TopLine()
        yield StagedLine(keys=True)
        yield Text("", id="notice")
        with Horizontal(id="body"):
            yield EntryList(self._prompt)
            yield DetailsPane()
        yield Text("", id="empty")
        yield FilterLine(id="filter")
        yield KeyLine("entries")

    def on_mount(self) -> None:
        self.query_one("#notice").display = False
        self.query_one("#empty").display = False
        self._list.focus()
        self._read()

    @property
    def _list(self) -> EntryList:
        return self.query_one(EntryList)

    @property
    def _pane(self) -> DetailsPane:
        return self.query_one(DetailsPane)

    @work(thread=True, group="read", exclusive=True)
    def _read(self) -> None:
        try:
            found = read_machine(self._root)
            self.post_message(found)
            for news in read_entries(found.session):
                self.post_message(news)
        except WarmbootError as error:
            self.post_message(WorkFailed(error.message, error.hint))

    # What came back -----------------------------------------------------------------------

    def on_machine_read(self, event: MachineRead) -> None:
        self._session, self._status = event.session, event.status
        self._log.watch(event.session.host.prefix)
        self._pane.session = event.session
        self.query_one(TopLine).show_session(event.session)
        self.query_one(StagedLine).show_status(event.session, event.status)
        notice = self.query_one("#notice", Text)
        notice.display = not event.session.host.privileged
        notice.show("Not root: you can look at everything; staging and restarting need root.")
        self._list.draw()

    def on_entries_found(self, event: EntriesFound) -> None:
        self.query_one("#body").display = bool(event.rows)
        empty = self.query_one("#empty", Text)
        empty.display = not event.rows
        if not event.rows:
            empty.show(searched_text(event.listing), layout=True)
        self._list.show_rows(event.rows)
        if not self._typing:
            self._list.focus()

    def on_rows_read(self, event: RowsRead) -> None:
        self._list.update_rows(event.rows)
        self._show_details()
        self._pane.settle()

    def on_option_list_option_highlighted(self) -> None:
        self._pane.follow(self._list.row)

    def on_details_read(self) -> None:
        self._list.draw()

    def on_plan_opened(self, event: PlanOpened) -> None:
        if self._session is None or self.app.screen is not self:
            event.opened.close()
            return
        name = event.entry.id if event.entry else ""
        seen = self._pane.sha256(name, event.opened.files.kernel.identity)
        screen = PlanScreen(self._session, self._status, event, seen)
        self.app.push_screen(screen, self._planned)

    def _planned(self, result: StageDone | None) -> None:
        self._refresh_machine()
        if result is None:
            return
        self.app.push_screen(staged_box(result))

    def on_restarted(self, event: Restarted) -> None:
        self._read()
        self.app.push_screen(restarted_box(event))

    def on_unloaded(self, event: Unloaded) -> None:
        if event.leave:
            self.app.exit()
            return
        self._refresh_machine()
        if event.warning:
            self.app.push_screen(message("Unloaded", event.warning))

    def on_work_failed(self, event: WorkFailed) -> None:
        if self._session is None:
            self._pane.show_text(event.message)
        self.app.push_screen(failure_box("That did not work", event))

    # Keys ---------------------------------------------------------------------------------

    def on_option_list_option_selected(self) -> None:
        row = self._list.row
        if row is None or self._session is None:
            return
        if row.problem:
            self.app.push_screen(message("This entry cannot be used", row.problem))
            return
        self._pane.stop()
        self._do(partial(open_plan, self._session, PlanRequest(entry=row.entry.id), row))

    def action_open_kernel(self) -> None:
        session = self._session
        if session is None:
            return

        def answered(path: str | None) -> None:
            if path:
                self._do(partial(open_plan, session, PlanRequest(kernel=path)))

        self.app.push_screen(kernel_question(), answered)

    def action_facts(self) -> None:
        row = self._list.row
        if row is not None and self._session is not None:
            text = details_text(row, self._pane.known(row))
            self.app.push_screen(FactsScreen(self._session, self._status, plain_text(text)))

    def action_report(self) -> None:
        if self._session is not None:
            self._do(partial(write_report, self._session, self._list.row))

    def action_cancel_restart(self) -> None:
        if self._session is not None:
            self._do(partial(cancel_restart, self._session))

    def on_action_done(self, event: ActionDone) -> None:
        self._refresh_machine()
        self.app.push_screen(message(event.title, event.text))

    def action_refresh(self) -> None:
        self._read()

    def action_help(self) -> None:
        self.app.push_screen(help_box("entries"))

    def action_execute(self) -> None:
        session = self._session
        if session is None or not self._allowed(session):
            return

        self._do(partial(look_before_restart, session))

    def on_restart_looked_at(self, event: RestartLookedAt) -> None:
        """Ask for the host's name; what there is to say was read for it just now."""
        session = event.session
        if self.app.screen is not self:
            return

        def answered(at: float | None) -> None:
            if at:
                self._do(partial(restart_later, session, at))
            elif at is not None:
                into = staged_name(event.status, 40)
                notice = self.query_one("#notice", Text)
                notice.display = True
                notice.show(
                    f"Restarting {printable(session.host.name, 60)} into {into}. Your line will "
                    "drop; warmboot status tells afterwards."
                )
                self._do(partial(restart, session))

        screen = RestartScreen(session, event.status, event.away, event.concerns)
        self.app.push_screen(screen, answered)

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
        if session is None or not self._status.staged:
            self.app.exit()
            return

        def answered(answer: str | None) -> None:
            if answer == "quit":
                self.app.exit()
            elif answer == "unload":
                self._do(partial(unload, session, leave=True))

        self.app.push_screen(leave_box(self._status), answered)

    # Drawing ------------------------------------------------------------------------------

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

    def _prompt(self, row: ListedEntry) -> str:
        what = self._status.what
        staged = what is not None and what.entry == row.entry.id
        return prompt(row, self._pane.known(row), staged=staged)

    def _show_details(self) -> None:
        row = self._list.row
        if row is not None:
            self._pane.show_row(row)
        elif self._list.counts[1]:
            self._pane.show_text("No entry contains all these words")

    # Showing only some ----------------------------------------------------------------------

    @property
    def _typing(self) -> bool:
        return self.query_one(FilterLine).typing

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Let letters be letters while words are typed."""
        return not (self.is_mounted and self._typing and action in NOT_WHILE_TYPING)

    def action_filter(self) -> None:
        self.query_one(FilterLine).begin()

    def on_descendant_focus(self) -> None:
        self.query_one(KeyLine).show_keys(typing=self._typing)

    def on_filter_line_changed(self, event: FilterLine.Changed) -> None:
        self._list.show_only(event.text)
        self.query_one(FilterLine).show_counts(*self._list.counts)
        self._show_details()

    def on_filter_line_ended(self) -> None:
        if self._list.counts[0]:
            self._list.focus()

    def action_clear_filter(self) -> None:
        """Show every entry again."""
        if self.query_one(FilterLine).display:
            self._list.focus()
            self.query_one(FilterLine).end()
