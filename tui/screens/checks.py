"""Checks and their findings, worst first, the chosen one explained; doctor runs them again."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events, work
from textual.app import ComposeResult
from textual.containers import Container, VerticalScroll
from textual.content import Content
from textual.screen import Screen
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from warmboot.core.errors import WarmbootError
from warmboot.core.plan.checks.base import Finding, Verdict
from warmboot.core.session import Session
from warmboot.core.session.status import Status
from warmboot.core.text import plural
from warmboot.themes import STYLE
from warmboot.tui.actions import bindings
from warmboot.tui.present.finding_text import STYLES, count_text, explanation, worst_first
from warmboot.tui.present.layout import lines, styled
from warmboot.tui.screens.dialogs import failure_box, help_box
from warmboot.tui.screens.messages import Examined, WorkFailed
from warmboot.tui.screens.workers import examine_here
from warmboot.tui.widgets.bars import KeyLine, StagedLine, Text, TopLine, harmless
from warmboot.tui.widgets.marked_list import MarkedList

_BESIDE = 100  # columns from which on the explanation stands beside the list
_NAME = 21  # columns for a check's name
_FOLDED = "passed"


class ChecksScreen(Screen[None]):
    """The findings of a plan; those that pass are folded to a count that opens."""

    CSS_PATH = STYLE
    NAME = "checks"
    BINDINGS = bindings("checks")
    AUTO_FOCUS = "#checks"

    def __init__(self, session: Session, status: Status, findings: Sequence[Finding]) -> None:
        super().__init__()
        self._session = session
        self._status = status
        self._findings = worst_first(findings)
        self._open = all(finding.verdict is Verdict.PASS for finding in findings)

    def compose(self) -> ComposeResult:
        yield TopLine()
        yield StagedLine()
        yield Text("", id="checks-count")
        with Container(id="checks-body"):
            yield MarkedList("checks")
            with VerticalScroll(id="checks-side", can_focus=False):
                yield Text("", id="checks-text")
        yield KeyLine(self.NAME)

    def on_mount(self) -> None:
        self.query_one(TopLine).show_session(self._session)
        self.query_one(StagedLine).show_status(self._session, self._status)
        self._fill()

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.width >= _BESIDE, "beside")
        self.call_after_refresh(self._explain)

    def _fill(self) -> None:
        """List the findings anew; the cursor stays in its place."""
        found = self.query_one(MarkedList)
        place = found.highlighted or 0
        found.clear_options()
        passed = [one for one in self._findings if one.verdict is Verdict.PASS]
        for number, finding in enumerate(self._findings):
            if finding.verdict is not Verdict.PASS:
                found.add_option(Option(_row(finding), id=str(number)))
        if passed:
            how = "Enter folds them" if self._open else "Enter shows them"
            found.add_option(Option(f" {plural(len(passed), 'check')} passed: {how}", id=_FOLDED))
        if self._open:
            first = len(self._findings) - len(passed)
            rows = enumerate(passed, first)
            found.add_options(Option(_row(one), id=str(number)) for number, one in rows)
        found.highlighted = min(place, found.option_count - 1) if found.option_count else None
        self.query_one("#checks-count", Text).show(count_text(self._findings))

    def on_option_list_option_highlighted(self) -> None:
        self._explain()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        if event.option_id == _FOLDED:
            self._open = not self._open
            self._fill()

    def _explain(self) -> None:
        """Say of the chosen check what it asks, what it found, what that means, what to do."""
        found, side = self.query_one(MarkedList), self.query_one("#checks-side")
        option = found.highlighted_option
        text = self.query_one("#checks-text", Text)
        if option is None or option.id is None or option.id == _FOLDED:
            text.show("Nothing stands against these.", layout=True)
        else:
            width = max(20, side.size.width - 1)
            text.show(
                styled(lines((explanation(self._findings[int(option.id)]),), width)), layout=True
            )
        side.scroll_home(animate=False)

    def action_help(self) -> None:
        self.app.push_screen(help_box(self.NAME))

    def action_back(self) -> None:
        self.dismiss(None)


class DoctorScreen(ChecksScreen):
    """The checks of the machine, which can be run again."""

    NAME = "doctor"
    BINDINGS = bindings("doctor")

    def action_again(self) -> None:
        """Read the machine anew and run every check."""
        self.query_one("#checks-count", Text).show("Looking again")
        self._run()

    @work(thread=True, exclusive=True)
    def _run(self) -> None:
        try:
            self.post_message(examine_here(self._session))
        except WarmbootError as error:
            self.post_message(WorkFailed(error.message, error.hint))

    def on_examined(self, event: Examined) -> None:
        event.stop()
        self._findings = worst_first(event.findings)
        self._fill()
        self._explain()

    def on_work_failed(self, event: WorkFailed) -> None:
        event.stop()
        self.app.push_screen(failure_box("That did not work", event))


def _row(finding: Finding) -> Content:
    word = finding.verdict.upper()
    return harmless(
        [
            (f" {word} ", f"bold {STYLES[finding.verdict]}"),
            f"{finding.check.ljust(_NAME)} {finding.text}",
        ]
    )
