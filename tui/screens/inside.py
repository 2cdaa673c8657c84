"""What is inside one entry: details, comparison, initrd, PE headers and checks, a tab for each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.message import Message
from textual.screen import Screen

from warmboot.core.boot.listed_entry import ListedEntry
from warmboot.core.errors import Cancelled, WarmbootError
from warmboot.core.plan.request import PlanRequest
from warmboot.core.progress import Cancel
from warmboot.core.session import Session
from warmboot.core.session.status import Status
from warmboot.core.text import printable
from warmboot.themes import STYLE
from warmboot.tui.actions import NOT_WHILE_TYPING, bindings
from warmboot.tui.present.entry_text import groups
from warmboot.tui.present.inside_text import (
    comparison_lines,
    finding_lines,
    header_lines,
    initrd_lines,
)
from warmboot.tui.present.layout import Group, Item, Line, lines
from warmboot.tui.present.verdict import Known
from warmboot.tui.screens.dialogs import help_box
from warmboot.tui.screens.workers import read_entry
from warmboot.tui.widgets.bars import KeyLine, StagedLine, Text, TopLine
from warmboot.tui.widgets.filter import FilterLine
from warmboot.tui.widgets.text_view import TextView

#: What makes the lines of a tab for a width in columns.
Maker = Callable[[int], Iterable[Line]]


class Subject(NamedTuple):
    """The entry that is looked into."""

    session: Session
    row: ListedEntry
    known: Known


def _details(subject: Subject, cancel: Cancel) -> Maker:
    session, row, known = subject
    if row.image is not None and not known.read:
        known = read_entry(session, row, cancel)._replace(last=known.last)
    return partial(lines, groups(row, known, session.host))


def _compare(subject: Subject, cancel: Cancel) -> Maker:
    found = subject.session.until(cancel).compare(PlanRequest(entry=subject.row.entry.id))
    return partial(comparison_lines, found)


def _initrd(subject: Subject, cancel: Cancel) -> Maker:
    found = tuple(subject.session.images.contents(subject.row.entry, cancel))
    return partial(initrd_lines, found)


def _headers(subject: Subject, _: Cancel) -> Maker:
    return partial(header_lines, subject.session.images.headers(subject.row.entry))


def _checks(subject: Subject, cancel: Cancel) -> Maker:
    found = subject.session.until(cancel).doctor(PlanRequest(entry=subject.row.entry.id))
    return partial(finding_lines, found)


class Tab(NamedTuple):
    """A tab: its name, and what reads it in a thread; raises WarmbootError."""

    name: str
    read: Callable[[Subject, Cancel], Maker]


TABS = (
    Tab("Details", _details),
    Tab("Compare", _compare),
    Tab("Initrd", _initrd),
    Tab("PE", _headers),
    Tab("Checks", _checks),
)


class InsideScreen(Screen[None]):
    """Shows one tab at a time; each is read when it is first asked for."""

    CSS_PATH = STYLE
    BINDINGS = [
        *bindings("inside"),
        *(Binding(str(n), f"tab({n})", show=False, priority=True) for n in range(1, len(TABS) + 1)),
        Binding("tab,right", "tab(0, 1)", show=False, priority=True),
        Binding("shift+tab,left", "tab(0, -1)", show=False, priority=True),
    ]

    @dataclass
    class TabRead(Message):
        """The lines of a tab can be made."""

        tab: int
        make: Maker

    def __init__(self, subject: Subject, status: Status, tab: int = 1) -> None:
        super().__init__()
        self._subject = subject
        self._status = status
        self._tab = tab
        self._made: dict[int, Maker] = {}
        self._cancel = Cancel()

    def compose(self) -> ComposeResult:
        yield TopLine()
        yield StagedLine()
        yield Text(printable(self._subject.row.entry.title, 200), classes="label")
        yield Text("", id="tabs")
        yield TextView("inside")
        yield FilterLine("Find")
        yield KeyLine("inside")

    def on_mount(self) -> None:
        self.query_one(TopLine).show_session(self._subject.session)
        self.query_one(StagedLine).show_status(self._subject.session, self._status)
        self.query_one(TextView).focus()
        self.action_tab(self._tab)

    def on_unmount(self) -> None:
        self._cancel.cancel()

    def action_tab(self, tab: int, step: int = 0) -> None:
        """Show a tab, or turn to another; read it where that has not been done."""
        tab = tab or (self._tab - 1 + step) % len(TABS) + 1
        self._tab = tab
        names = (
            f"[{n} {one.name}]" if n == tab else f" {n} {one.name} "
            for n, one in enumerate(TABS, 1)
        )
        self.query_one("#tabs", Text).show("".join(names))
        self._cancel.cancel()
        if tab in self._made:
            self.query_one(TextView).show(self._made[tab])
            return
        self.query_one(TextView).show(lambda _: [(("Reading", ""),)])
        self._cancel = Cancel()
        self._read(tab, self._cancel)

    @work(thread=True, group="inside")
    def _read(self, tab: int, cancel: Cancel) -> None:
        try:
            make = TABS[tab - 1].read(self._subject, cancel)
        except Cancelled:
            return
        except WarmbootError as error:
            make = partial(_problem, error.message, error.hint)
        self.post_message(self.TabRead(tab, make))

    def on_inside_screen_tab_read(self, event: TabRead) -> None:
        self._made[event.tab] = event.make
        if event.tab == self._tab:
            self.query_one(TextView).show(event.make)

    # Finding ------------------------------------------------------------------------------

    @property
    def _typing(self) -> bool:
        return self.query_one(FilterLine).typing

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Let letters be letters while words are typed."""
        return not (self.is_mounted and self._typing and action in NOT_WHILE_TYPING)

    def on_descendant_focus(self) -> None:
        self.query_one(KeyLine).show_keys(typing=self._typing)

    async def action_find(self) -> None:
        await self.query_one(FilterLine).begin()

    def action_next(self) -> None:
        self._found(self.query_one(TextView).next(1))

    def action_previous(self) -> None:
        self._found(self.query_one(TextView).next(-1))

    def on_filter_line_changed(self, event: FilterLine.Changed) -> None:
        self._found(self.query_one(TextView).find(event.text))

    def _found(self, counts: tuple[int, int]) -> None:
        self.query_one(FilterLine).show_counts(*counts)

    def on_filter_line_ended(self) -> None:
        self.query_one(TextView).focus()

    def action_back(self) -> None:
        """Leave the search, or this screen."""
        search = self.query_one(FilterLine)
        if search.display:
            search.end()
            self.query_one(TextView).focus()
        else:
            self.dismiss(None)

    def action_help(self) -> None:
        self.app.push_screen(help_box("inside"))


def _problem(message: str, hint: str | None, width: int) -> Iterator[Line]:
    items = [Item("", message, "$warning"), *([Item("", hint)] if hint else [])]
    yield from lines([Group("", tuple(items))], width)
