"""The main screen: what is installed on the left, what is inside on the right."""

from __future__ import annotations

from pathlib import Path

from textual import work
from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets.option_list import Option

from warmboot.core.errors import Cancelled, WarmbootError
from warmboot.core.kexec import Machine, Status
from warmboot.core.progress import Cancel
from warmboot.tui.actions import bindings
from warmboot.tui.describe import details_text, looked_text, prompt
from warmboot.tui.facts import Row
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
from warmboot.tui.widgets.lines import KeyLine, StagedLine, Text, TopLine
from warmboot.tui.work import (
    DetailsRead,
    EntriesFound,
    MachineRead,
    Restarted,
    SelectionOpened,
    StageDone,
    WorkFailed,
    open_selection,
    read_details,
    read_entries,
    read_machine,
    restart,
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
        self._rows: tuple[Row, ...] = ()
        self._details: dict[str, DetailsRead] = {}
        self._cancel = Cancel()
        self._settle: Timer | None = None

    def compose(self) -> ComposeResult:
        yield TopLine()
        yield StagedLine(keys=True)
        yield Text("", id="notice")
        with Horizontal(id="body"):
            yield EntryList(id="entries", markup=False)
            with VerticalScroll(id="side"):
                yield Text("Looking for boot images", id="details")
        yield Text("", id="empty")
        yield KeyLine("entries")

    def on_mount(self) -> None:
        self.query_one("#notice").display = False
        self.query_one("#empty").display = False
        self.query_one(EntryList).focus()
        self._read()

    def on_unmount(self) -> None:
        self._cancel.cancel()

    # Reading, in threads ------------------------------------------------------------------

    @work(thread=True, group="read", exclusive=True)
    def _read(self) -> None:
        try:
            found = read_machine(self._root)
            self.post_message(found)
            self.post_message(read_entries(found.machine))
        except WarmbootError as error:
            self.post_message(WorkFailed(error.message, error.hint))

    @work(thread=True, group="details")
    def _read_details(self, machine: Machine, row: Row, cancel: Cancel) -> None:
        try:
            self.post_message(read_details(machine, row.entry, cancel))
        except Cancelled:
            pass
        except WarmbootError as error:
            self.post_message(DetailsRead(row.entry, (), error.message))

    @work(thread=True, group="open")
    def _open(self, machine: Machine, row: Row) -> None:
        try:
            opened = open_selection(machine, row.entry)
        except WarmbootError as error:
            self.post_message(WorkFailed(error.message, error.hint))
            return
        if not self.post_message(opened):
            opened.selection.close()

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
        for index in range(len(self._rows)):
            self._draw_row(index)

    def on_entries_found(self, event: EntriesFound) -> None:
        entries = self.query_one(EntryList)
        highlighted = entries.highlighted
        self._rows = event.rows
        self._details.clear()
        entries.clear_options()
        entries.add_options([Option(self._prompt(row)) for row in event.rows])
        self.query_one("#body").display = bool(event.rows)
        empty = self.query_one("#empty", Text)
        empty.display = not event.rows
        if not event.rows:
            empty.show(looked_text(event.listing), layout=True)
            return
        entries.highlighted = min(highlighted or 0, len(event.rows) - 1)
        entries.focus()

    def on_option_list_option_highlighted(self) -> None:
        self._cancel.cancel()
        if self._settle is not None:
            self._settle.stop()
        self._settle = self.set_timer(_PAUSE, self._paused)

    def _paused(self) -> None:
        self._show_details()
        self._settle = self.set_timer(_SETTLE, self._settled)

    def _settled(self) -> None:
        row = self._row()
        if row is None or row.entry.id in self._details or self._machine is None:
            return
        if row.image is not None and row.image.stream is not None:
            self._cancel = Cancel()
            self._read_details(self._machine, row, self._cancel)

    def on_details_read(self, event: DetailsRead) -> None:
        self._details[event.entry.id] = event
        for index, listed in enumerate(self._rows):
            if listed.entry.id == event.entry.id:
                self._draw_row(index)
        row = self._row()
        if row is not None and row.entry.id == event.entry.id:
            self._show_details()

    def on_selection_opened(self, event: SelectionOpened) -> None:
        if self._machine is None or self.app.screen is not self:
            event.selection.close()
            return
        screen = PlanScreen(self._machine, self._status, event.entry, event.selection)
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
        row = self._row()
        if row is None or self._machine is None:
            return
        if row.problem:
            self.app.push_screen(message("This entry cannot be used", row.problem))
            return
        self._cancel.cancel()
        self._open(self._machine, row)

    def action_facts(self) -> None:
        row = self._row()
        if row is not None and self._machine is not None:
            text = details_text(row, self._details.get(row.entry.id))
            self.app.push_screen(FactsScreen(self._machine, self._status, text.plain))

    def action_refresh(self) -> None:
        self._read()

    def action_help(self) -> None:
        self.app.push_screen(help_box())

    def action_execute(self) -> None:
        machine = self._machine
        if machine is None or not self._allowed(machine):
            return

        def answered(confirmed: bool | None) -> None:
            if confirmed:
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

        self.app.push_screen(leave_box(machine, self._status), answered)

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

    def _row(self) -> Row | None:
        index = self.query_one(EntryList).highlighted
        return self._rows[index] if index is not None and index < len(self._rows) else None

    def _draw_row(self, index: int) -> None:
        self.query_one(EntryList).draw(index, self._prompt(self._rows[index]))

    def _prompt(self, row: Row) -> Content:
        running = self._machine.host.release if self._machine else None
        what, details = self._status.what, self._details.get(row.entry.id)
        staged = what is not None and what.entry == row.entry.id
        return prompt(row, details, running=running, staged=staged)

    def _show_details(self) -> None:
        row = self._row()
        if row is not None:
            text = details_text(row, self._details.get(row.entry.id))
            self.query_one("#details", Text).show(text, layout=True)
            self.query_one("#side").scroll_home(animate=False)
