"""The first screen: what is here, what runs, what comes next, and is it safe?

Others are imported where they are opened: this one does not wait for their code.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

from textual import events, work
from textual.app import ComposeResult
from textual.containers import Container

from warmboot.core.boot.listed_entry import ListedEntry
from warmboot.core.errors import WarmbootError
from warmboot.core.plan.request import PlanRequest
from warmboot.core.progress import Cancel
from warmboot.core.session import open_session
from warmboot.tui.actions import NOT_WHILE_TYPING, bindings, key_of
from warmboot.tui.present.entry_row import Row, make_row
from warmboot.tui.screens.details import DetailsPane
from warmboot.tui.screens.dialogs import (
    failure_box,
    help_box,
    message,
    staged_box,
)
from warmboot.tui.screens.messages import (
    EntriesFound,
    JudgingDone,
    MachineJudged,
    MachineRead,
    PlanOpened,
    RowsJudged,
    RowsRead,
    StageDone,
    WorkFailed,
)
from warmboot.tui.screens.records import RecordKeys
from warmboot.tui.screens.workers import (
    judge_entries,
    open_plan,
    read_entries,
    write_report,
)
from warmboot.tui.widgets.bars import KeyLine, Text, TopLine
from warmboot.tui.widgets.entry_list import EntryList
from warmboot.tui.widgets.filter import FilterLine
from warmboot.tui.widgets.state_line import StateLine

BESIDE = 120  # columns from which on the details stand beside the list, and both have room
#: Actions that are nothing without the machine: entries are shown before it is read.
_OF_THE_MACHINE = (
    *("open_kernel", "execute", "trial", "keep", "revert", "unload", "inside", "compare", "doctor"),
    *("history", "log", "report", "cancel_restart"),
)
_SEEN = 0.2  # seconds that the first drawing of entries may take before the work goes on
LOW = 20  # lines below which only what must be seen is shown


class EntriesScreen(RecordKeys):
    """Lists the entries of a boot root; every other screen is reached from here."""

    BINDINGS = bindings("entries")

    def __init__(self, root: Path, problems: tuple[str, ...] = ()) -> None:
        super().__init__(root, problems)
        self._opening = Cancel()
        self._seen = threading.Event()  # the entries are on the screen
        self._waiting: Callable[[], object] | None = None  # for the machine: the last key
        self._against = ""  # what stands in the way of any restart

    def compose(self) -> ComposeResult:
        self._read()  # while the screen is put together: a fast disk has the entries by then
        yield TopLine()
        yield Text("", id="notice")
        with Container(id="body"):
            yield EntryList(self._make_row)
            yield DetailsPane()
        yield Text("", id="empty")
        yield FilterLine("Show only")
        yield StateLine()
        yield KeyLine("entries")

    def on_mount(self) -> None:
        self.notice("")
        self.query_one("#empty").display = False
        self._list.focus()

    @property
    def _list(self) -> EntryList:
        return self.query_one(EntryList)

    @property
    def _pane(self) -> DetailsPane:
        return self.query_one(DetailsPane)

    def read_again(self) -> None:
        self._read()

    @work(thread=True, group="read", exclusive=True)
    def _read(self) -> None:
        try:
            session = open_session(self._root)
            rows: tuple[ListedEntry, ...] = ()
            self._seen.clear()
            for news in read_entries(session):  # what one came for is seen first
                self.post_message(news)
                rows += news.rows if isinstance(news, RowsRead) else ()
            self._seen.wait(_SEEN)  # what follows would only keep the screen from drawing them
            self.post_message(MachineRead(session, session.status()))
            self.post_message(MachineJudged(session.doctor()))
            for judged in judge_entries(session, rows):
                self.post_message(judged)
            self.post_message(JudgingDone())
        except WarmbootError as error:
            self.post_message(WorkFailed(error.message, error.hint))

    # What came back -----------------------------------------------------------------------

    def on_machine_read(self, event: MachineRead) -> None:
        self._session, self._status = event.session, event.status
        what = event.status.what
        self._pane.session = event.session
        self._log.watch(event.session.host.prefix)
        self._pane.staged = what.entry if what else None
        self.query_one(TopLine).show_session(event.session)
        self.query_one(StateLine).show_status(event.status)
        self.query_one(KeyLine).show_keys(typing=self._typing, first=self._first_keys)
        self._list.draw()
        self._show_notice()
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            self.call_later(waiting)

    @property
    def _first_keys(self) -> tuple[str, ...]:
        """The actions that come before all others: those for a trial, and for what is staged."""
        if self._status.on_trial:
            return ("keep", "revert")
        if not self._status.staged:
            return ()
        return ("cancel_restart" if self._status.countdown else "execute", "unload")

    def on_machine_judged(self, event: MachineJudged) -> None:
        from warmboot.tui.present.finding_text import standing_in_the_way

        self._against = standing_in_the_way(event.findings, key_of("entries", "doctor"))
        self._show_notice()

    def _show_notice(self) -> None:
        """Say what must be seen at once: a trial that goes on, else what stands in the way."""
        said = self._against
        if self._status.on_trial:
            from warmboot.tui.present.trial_text import pending_texts

            keep, revert = (key_of("entries", name) for name in ("keep", "revert"))
            trial, deadline = pending_texts(self._status)
            said = f"{trial}: {keep} keeps it, {revert} goes back now. {deadline}"
        self.notice(said)

    def on_entries_found(self, event: EntriesFound) -> None:
        self.query_one("#body").display = bool(event.rows)
        empty = self.query_one("#empty", Text)
        empty.display = not event.rows
        if not event.rows:
            from warmboot.tui.present.entry_text import searched_text

            key = key_of("entries", "open_kernel")
            empty.show(searched_text(event.listing, key), layout=True)
        self._list.show_rows(event.rows)
        self.query_one(StateLine).show_rows(event.rows, foreign=event.foreign)
        if not self._typing:
            self._list.focus()

    def on_rows_read(self, event: RowsRead) -> None:
        self._list.update_rows(event.rows)
        self.call_after_refresh(self._seen.set)

    def on_rows_judged(self, event: RowsJudged) -> None:
        self._pane.learn(event.news)
        self._list.draw()

    def on_judging_done(self) -> None:
        self._pane.read_all(self._list.rows)
        self._pane.follow(self._list.row)

    def on_entry_list_moved(self) -> None:
        self._pane.follow(self._list.row)

    def on_entry_read(self) -> None:
        self._list.draw()

    def on_screen_resume(self) -> None:
        self._pane.read_all(self._list.rows)

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.width >= BESIDE, "beside")
        self.set_class(event.size.height < LOW, "low")

    def on_plan_opened(self, event: PlanOpened) -> None:
        if self._session is None or self.app.screen is not self:
            event.opened.close()
            return
        name = event.entry.id if event.entry else ""
        seen = self._pane.sha256(name, event.opened.files.kernel.identity)
        from warmboot.tui.screens.plan import PlanScreen

        screen = PlanScreen(self._session, self._status, event, seen)
        self.app.push_screen(screen, self._planned)

    def _planned(self, result: StageDone | None) -> None:
        self._refresh_machine()
        if result is not None and result.trial:
            self.action_trial()
        elif result is not None:
            self.app.push_screen(staged_box(result))

    def on_work_failed(self, event: WorkFailed) -> None:
        if self._session is None:
            self._pane.show_text(event.message)
        self.app.push_screen(failure_box("That did not work", event))

    # Keys ---------------------------------------------------------------------------------

    def on_entry_list_chosen(self) -> None:
        row = self._list.row
        if self._session is None:
            self._waiting = self.on_entry_list_chosen
        if row is None or self._session is None:
            return
        problem = row.problem
        if damage := self._pane.known(row).damage:
            key = key_of("entries", "refresh")
            problem = f"{damage}.\n\nInstall this kernel again; then {key} looks again."
        if problem:
            self.app.push_screen(message("This entry cannot be used", problem))
            return
        self._pane.stop()
        request = PlanRequest(entry=row.entry.id)
        self._do(partial(open_plan, self._session, request, self._begin(), row))

    def action_open_kernel(self) -> None:
        session = self._session
        if session is None:
            return

        def answered(path: str | None) -> None:
            if path:
                self._do(partial(open_plan, session, PlanRequest(kernel=path), self._begin()))

        from warmboot.tui.screens.ask import kernel_question

        self.app.push_screen(kernel_question(), answered)

    def _begin(self) -> Cancel:
        """Return what breaks the opening of a plan off: Esc, or leaving."""
        self._opening.cancel()
        self._opening = Cancel()
        return self._opening

    def action_leave(self) -> None:
        self._opening.cancel()
        self._pane.stop()
        super().action_leave()

    def action_inside(self) -> None:
        self._look_inside(1)

    def action_compare(self) -> None:
        self._look_inside(2)

    def _look_inside(self, tab: int) -> None:
        row = self._list.row
        if row is not None and self._session is not None:
            self._pane.stop()
            from warmboot.tui.screens.inside import InsideScreen, Subject

            subject = Subject(self._session, row, self._pane.known(row))
            self.app.push_screen(InsideScreen(subject, self._status, tab))

    def action_show(self) -> None:
        self._show_details()

    def action_report(self) -> None:
        if self._session is not None:
            self._do(partial(write_report, self._session, self._list.row))

    def action_refresh(self) -> None:
        self._read()

    def action_help(self) -> None:
        self.app.push_screen(help_box("entries"))

    # Drawing ------------------------------------------------------------------------------

    def _make_row(self, row: ListedEntry) -> Row:
        return make_row(row, self._pane.known(row), staged=self._pane.staged == row.entry.id)

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
        """Let letters be letters while words are typed; what needs the machine waits for it."""
        if not self.is_mounted:
            return True
        if self._typing and action in NOT_WHILE_TYPING:
            return False
        if self._session is None and action in _OF_THE_MACHINE and self._list.rows:
            self._waiting = partial(self.run_action, action)
            return False
        return True

    async def action_filter(self) -> None:
        await self.query_one(FilterLine).begin()

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
        """Show every entry again; open no plan that is being opened."""
        self._opening.cancel()
        self._pane.read_all(self._list.rows)
        if self.query_one(FilterLine).display:
            self._list.focus()
            self.query_one(FilterLine).end()
