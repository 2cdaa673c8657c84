"""The main screen: what is installed on the left, what is inside on the right."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from textual import work
from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.screen import Screen
from textual.timer import Timer

from warmboot.core.errors import Cancelled, WarmbootError
from warmboot.core.images import Identity
from warmboot.core.kexec import Machine, Status
from warmboot.core.progress import Cancel
from warmboot.tui.actions import NOT_WHILE_TYPING, bindings
from warmboot.tui.describe import details_text, looked_text, prompt
from warmboot.tui.facts import Row
from warmboot.tui.screens.ask import kernel_question
from warmboot.tui.screens.dialogs import (
    failure_box,
    help_box,
    leave_box,
    message,
    restarted_box,
    staged_box,
    unload_box,
)
from warmboot.tui.screens.execute import ExecuteScreen
from warmboot.tui.screens.facts import FactsScreen
from warmboot.tui.screens.plan import PlanScreen
from warmboot.tui.widgets.entry_list import EntryList
from warmboot.tui.widgets.filter import FilterLine
from warmboot.tui.widgets.lines import KeyLine, StagedLine, Text, TopLine
from warmboot.tui.work import (
    DetailsRead,
    EntriesFound,
    Examined,
    MachineRead,
    Restarted,
    RowsRead,
    SelectionOpened,
    StageDone,
    Told,
    WorkFailed,
    cancel_restart,
    examine_here,
    open_files,
    open_selection,
    read_details,
    read_entries,
    read_machine,
    restart,
    restart_later,
    write_report,
)

_PAUSE = 0.05  # seconds the cursor rests before its entry's details are drawn
_SETTLE = 0.2  # seconds the cursor rests before a kernel is unpacked for its details


class EntriesScreen(Screen[None]):
    """Lists the entries of a boot root; every other screen is reached from here."""

    BINDINGS = bindings("entries")

    def __init__(self, root: Path) -> None:
        super().__init__()
        self._root = root
        self._machine: Machine | None = None
        self._status = Status(None, None)
        self._details: dict[tuple[str, Identity | None], DetailsRead] = {}
        self._cancel = Cancel()
        self._settle: Timer | None = None

    def compose(self) -> ComposeResult:
        yield TopLine()
        yield StagedLine(keys=True)
        yield Text("", id="notice")
        with Horizontal(id="body"):
            yield EntryList(self._prompt)
            with VerticalScroll(id="side"):
                yield Text("Looking for boot images", id="details")
        yield Text("", id="empty")
        yield FilterLine(id="filter")
        yield KeyLine("entries")

    def on_mount(self) -> None:
        self.query_one("#notice").display = False
        self.query_one("#empty").display = False
        self._list.focus()
        self._read()

    def on_unmount(self) -> None:
        self._cancel.cancel()

    @property
    def _list(self) -> EntryList:
        return self.query_one(EntryList)

    @work(thread=True, group="read", exclusive=True)
    def _read(self) -> None:
        try:
            found = read_machine(self._root)
            self.post_message(found)
            for news in read_entries(found.machine):
                self.post_message(news)
        except WarmbootError as error:
            self.post_message(WorkFailed(error.message, error.hint))

    @work(thread=True, group="details")
    def _read_details(self, machine: Machine, row: Row, cancel: Cancel) -> None:
        try:
            self.post_message(read_details(machine, row, cancel))
        except Cancelled:
            pass
        except WarmbootError as error:
            self.post_message(DetailsRead(row, (), error.message))

    @work(thread=True, group="act")
    def _do(self, action: Callable[[], Message]) -> None:
        try:
            result = action()
        except WarmbootError as error:
            self.post_message(WorkFailed(error.message, error.hint))
            return
        if not self.post_message(result) and isinstance(result, SelectionOpened):
            result.selection.close()

    @work(thread=True, group="act")
    def _execute(self, machine: Machine) -> None:
        try:
            self.post_message(restart(machine))
        except WarmbootError as error:
            self.post_message(WorkFailed(error.message, error.hint))
            self._post_machine()

    @work(thread=True, group="act")
    def _unload(self, machine: Machine, *, leave: bool) -> None:
        try:
            machine.unload()
        except WarmbootError as error:
            self.post_message(WorkFailed(error.message, error.hint))
        else:
            if leave:
                self.app.call_from_thread(self.app.exit)
                return
        self._post_machine()

    @work(thread=True, group="machine", exclusive=True)
    def _refresh_machine(self) -> None:
        self._post_machine()

    def _post_machine(self) -> None:
        """Read the machine anew; for a worker's thread."""
        try:
            self.post_message(read_machine(self._root))
        except WarmbootError as error:
            self.post_message(WorkFailed(error.message, error.hint))

    # What came back -----------------------------------------------------------------------

    def on_machine_read(self, event: MachineRead) -> None:
        self._machine, self._status = event.machine, event.status
        self.query_one(TopLine).show_machine(event.machine)
        self.query_one(StagedLine).show_status(event.machine, event.status)
        notice = self.query_one("#notice", Text)
        notice.display = not event.machine.host.privileged
        notice.show("Not root: you can look at everything; staging and restarting need root.")
        self._list.draw()

    def on_entries_found(self, event: EntriesFound) -> None:
        self.query_one("#body").display = bool(event.rows)
        empty = self.query_one("#empty", Text)
        empty.display = not event.rows
        if not event.rows:
            empty.show(looked_text(event.listing), layout=True)
        self._list.show_rows(event.rows)
        if not self._typing:
            self._list.focus()

    def on_rows_read(self, event: RowsRead) -> None:
        self._list.update_rows(event.rows)
        self._show_details()
        self._wait_to_settle()

    def on_option_list_option_highlighted(self) -> None:
        self._cancel.cancel()
        if self._settle is not None:
            self._settle.stop()
        self._settle = self.set_timer(_PAUSE, self._paused)

    def _paused(self) -> None:
        self._show_details()
        self._wait_to_settle()

    def _wait_to_settle(self) -> None:
        if self._settle is not None:
            self._settle.stop()
        self._settle = self.set_timer(_SETTLE, self._settled)

    def _settled(self) -> None:
        row = self._list.row
        if row is None or row.image is None or self._machine is None or self._known(row):
            return
        self._cancel.cancel()
        self._cancel = Cancel()
        self._read_details(self._machine, row, self._cancel)

    def _known(self, row: Row) -> DetailsRead | None:
        """What reading the whole image showed, as long as the file is the same."""
        return self._details.get((row.entry.id, row.identity))

    def on_details_read(self, event: DetailsRead) -> None:
        self._details[event.row.entry.id, event.row.identity] = event
        self._list.draw()
        self._show_details()

    def on_selection_opened(self, event: SelectionOpened) -> None:
        if self._machine is None or self.app.screen is not self:
            event.selection.close()
            return
        name = event.entry.id if event.entry else ""
        details = self._details.get((name, event.selection.kernel.identity))
        seen = details.sha256 if details else None
        screen = PlanScreen(self._machine, self._status, event, seen)
        self.app.push_screen(screen, self._planned)

    def _planned(self, result: StageDone | None) -> None:
        self._refresh_machine()
        if result is None:
            return
        self.app.push_screen(staged_box(result))

    def on_restarted(self, event: Restarted) -> None:
        self._read()
        self.app.push_screen(restarted_box(event))

    def on_work_failed(self, event: WorkFailed) -> None:
        if self._machine is None:
            self.query_one("#details", Text).show(event.message, layout=True)
        self.app.push_screen(failure_box("That did not work", event))

    # Keys ---------------------------------------------------------------------------------

    def on_option_list_option_selected(self) -> None:
        row = self._list.row
        if row is None or self._machine is None:
            return
        if row.problem:
            self.app.push_screen(message("This entry cannot be used", row.problem))
            return
        self._cancel.cancel()
        self._do(partial(open_selection, self._machine, row))

    def action_other(self) -> None:
        machine = self._machine
        if machine is None:
            return

        def answered(path: str | None) -> None:
            if path:
                self._do(partial(open_files, machine, None, path, None))

        self.app.push_screen(kernel_question(), answered)

    def action_facts(self) -> None:
        row = self._list.row
        if row is not None and self._machine is not None:
            text = details_text(row, self._known(row))
            self.app.push_screen(FactsScreen(self._machine, self._status, text.plain))

    def action_doctor(self) -> None:
        if self._machine is not None:
            self._do(partial(examine_here, self._machine))

    def on_examined(self, event: Examined) -> None:
        if self._machine is not None and self.app.screen is self:
            self.app.push_screen(FactsScreen(self._machine, self._status, event.text))

    def action_report(self) -> None:
        if self._machine is not None:
            self._do(partial(write_report, self._machine, self._list.row))

    def action_cancel_restart(self) -> None:
        if self._machine is not None:
            self._do(partial(cancel_restart, self._machine))

    def on_told(self, event: Told) -> None:
        self._refresh_machine()
        self.app.push_screen(message(event.title, event.text))

    def action_refresh(self) -> None:
        self._read()

    def action_help(self) -> None:
        self.app.push_screen(help_box("entries"))

    def action_execute(self) -> None:
        machine = self._machine
        if machine is None or not self._allowed(machine):
            return

        def answered(delay: float | None) -> None:
            if delay:
                self._do(partial(restart_later, machine, delay))
            elif delay is not None:
                notice = self.query_one("#notice", Text)
                notice.display = True
                notice.show("Restarting: what is in memory goes to the disks first.")
                self._execute(machine)

        self.app.push_screen(ExecuteScreen(machine, self._status), answered)

    def action_unload(self) -> None:
        machine = self._machine
        if machine is None or not self._allowed(machine):
            return

        def answered(answer: str | None) -> None:
            if answer == "unload":
                self._unload(machine, leave=False)

        self.app.push_screen(unload_box(self._status), answered)

    def action_leave(self) -> None:
        machine = self._machine
        if machine is None or not self._status.staged:
            self.app.exit()
            return

        def answered(answer: str | None) -> None:
            if answer == "quit":
                self.app.exit()
            elif answer == "unload":
                self._unload(machine, leave=True)

        self.app.push_screen(leave_box(self._status), answered)

    # Drawing ------------------------------------------------------------------------------

    def _allowed(self, machine: Machine) -> bool:
        """Whether there is something staged that this user may act on; says why not."""
        if not self._status.staged:
            text = "Nothing is staged. Choose an entry and press Enter to plan it."
        elif not machine.host.privileged:
            text = "This needs root. Leave with q and start again with sudo warmboot."
        else:
            return True
        self.app.push_screen(message("Not now", text))
        return False

    def _prompt(self, row: Row) -> Content:
        what = self._status.what
        staged = what is not None and what.entry == row.entry.id
        return prompt(row, self._known(row), staged=staged)

    def _show_details(self) -> None:
        row = self._list.row
        if row is not None:
            text = details_text(row, self._known(row))
            self.query_one("#details", Text).show(text, layout=True)
        elif self._list.counts[1]:
            self.query_one("#details", Text).show("No entry has all these words", layout=True)

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

    def action_all(self) -> None:
        """Show every entry again."""
        if self.query_one(FilterLine).display:
            self._list.focus()
            self.query_one(FilterLine).end()
