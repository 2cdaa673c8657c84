"""The plan for one entry: what would be loaded, how, and what stands against it."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, VerticalScroll
from textual.screen import Screen
from textual.widgets import Button

from warmboot.core.errors import WarmbootError
from warmboot.core.plan.checks.base import Verdict
from warmboot.core.plan.request import Origin, PlanRequest
from warmboot.core.session import Session
from warmboot.core.session.status import Status
from warmboot.tui.actions import NOT_WHILE_TYPING, bindings
from warmboot.tui.present.plan_text import difference, plan_text, presets_text, summary
from warmboot.tui.screens.ask import force_question, initrd_question, paths_of
from warmboot.tui.screens.dialogs import failure_box, help_box, message
from warmboot.tui.screens.messages import PlanOpened, StageDone, WorkFailed
from warmboot.tui.screens.staging import StagingScreen
from warmboot.tui.screens.workers import open_plan
from warmboot.tui.widgets.bars import KeyLine, StagedLine, Text, TopLine
from warmboot.tui.widgets.editor import CommandLineEditor


class PlanScreen(Screen[StageDone | None]):
    """Shows a plan, lets its command line be edited, and stages it."""

    BINDINGS = [
        *bindings("plan"),
        *(Binding(str(n), f"preset({n})", show=False, priority=True) for n in range(1, 10)),
    ]
    AUTO_FOCUS = "#plan-scroll"

    def __init__(
        self, session: Session, status: Status, event: PlanOpened, seen: str | None = None
    ) -> None:
        super().__init__()
        self._session = session
        self._status = status
        self._entry = event.entry
        self._opened = event.opened
        self._asked = event.opened.plan.request
        self._seen = seen
        self._first = event.opened.plan.cmdline
        self._staging = False

    def compose(self) -> ComposeResult:
        yield TopLine()
        yield StagedLine()
        yield Text(summary(self._opened.plan, self._entry), id="plan-top")
        yield Text("Command line", classes="label")
        yield CommandLineEditor(self._first.text, id="plan-editor", tab_behavior="focus")
        yield Text("", id="plan-count")
        yield Text("", id="plan-presets")
        with VerticalScroll(id="plan-scroll"):
            yield Text("", id="plan-text")
        with Horizontal(id="plan-buttons"):
            yield Button("Stage", id="stage")
            yield Button("Back", id="back")
            yield Text("", id="plan-why-not")
        yield KeyLine("plan")

    def on_mount(self) -> None:
        self.query_one(TopLine).show_session(self._session)
        self.query_one(StagedLine).show_status(self._session, self._status)
        editor = self.query_one(CommandLineEditor)
        editor.cursor_blink = False
        editor.move_cursor(editor.document.end)
        self._show()

    def on_unmount(self) -> None:
        if not self._staging:  # else the program is ending, and the thread still reads them
            self._opened.close()

    def on_text_area_changed(self) -> None:
        self._change(self._with_line(self.query_one(CommandLineEditor).text))

    def on_descendant_focus(self) -> None:
        typing = isinstance(self.focused, CommandLineEditor)
        self.query_one(KeyLine).show_keys(typing=typing)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        if event.button.id == "stage":
            self.action_stage()
        else:
            self.dismiss(None)

    def action_stage(self) -> None:
        if self._opened.plan.failures:
            self.query_one("#plan-scroll").scroll_home(animate=False)
            self.app.bell()
            return
        self._staging = True
        screen = StagingScreen(self._session, self._opened, self._seen)
        self.app.push_screen(screen, self._staged)

    def _staged(self, result: StageDone | WorkFailed | None) -> None:
        """Leave with what is staged; stay, command line and all, where it did not come to that."""
        self._staging = False
        if isinstance(result, WorkFailed):
            self.app.push_screen(failure_box("Not staged", result))
        else:
            self.dismiss(result)

    def action_stage_now(self) -> None:
        self.action_stage()

    def action_edit(self) -> None:
        self.set_focus(self.query_one(CommandLineEditor))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Let letters be letters while the command line is edited."""
        typing = isinstance(self.focused, CommandLineEditor)
        return not (typing and action in NOT_WHILE_TYPING)

    def action_preset(self, number: int) -> None:
        """Put a preset's words into the command line, or take them out again."""
        if number > len(self._opened.context.presets):
            return
        preset, editor = self._opened.context.presets[number - 1], self.query_one(CommandLineEditor)
        editor.text = self._opened.toggle(preset, editor.text, self._first.text)

    def action_force(self) -> None:
        names = [finding.check for finding in self._opened.plan.failures if finding.forceable]
        if not names:
            text = (
                "None of the failing checks can be overruled: the kernel would refuse, or going on "
                "is not safe."
            )
            self.app.push_screen(message("Cannot be forced", text))
            return

        def answered(name: str | None) -> None:
            if name in names:
                forced = (*self._opened.plan.request.forced, name)
                self._change(self._opened.plan.request._replace(forced=forced))
            elif name:
                self.app.push_screen(message("Not forced", f"No failing check is called {name}."))

        self.app.push_screen(force_question(names), answered)

    def action_original(self) -> None:
        self.query_one(CommandLineEditor).text = self._first.text

    def action_running(self) -> None:
        self.query_one(CommandLineEditor).text = self._opened.running_line.text

    def action_initrd(self) -> None:
        def answered(answer: str | None) -> None:
            if answer is not None:
                request = self._opened.plan.request._replace(initrds=paths_of(answer))
                self._reopen(partial(open_plan, self._session, request))

        names = tuple(self._path(file.name) for file in self._opened.files.initrds or ())
        self.app.push_screen(initrd_question(names), answered)

    def _path(self, name: str) -> str:
        """Return the path on this machine of a file inside the boot root."""
        root = str(self._session.root.path)
        return name if name.startswith(root) else os.path.join(root, name.lstrip("/"))

    @work(thread=True, exclusive=True)
    def _reopen(self, opener: Callable[[], PlanOpened]) -> None:
        try:
            event = opener()
        except WarmbootError as error:
            self.post_message(WorkFailed(error.message, error.hint))
            return
        if not self.post_message(event):
            event.opened.close()

    def on_plan_opened(self, event: PlanOpened) -> None:
        event.stop()
        if self._staging:
            event.opened.close()
            return
        self._opened.close()
        self._opened = event.opened
        self._asked = self._asked._replace(initrds=event.opened.plan.request.initrds)
        self.query_one("#plan-top", Text).show(summary(self._opened.plan, self._entry), layout=True)
        self._change(self._with_line(self.query_one(CommandLineEditor).text))

    def on_work_failed(self, event: WorkFailed) -> None:
        event.stop()
        self.app.push_screen(failure_box("That did not work", event))

    def action_help(self) -> None:
        self.app.push_screen(help_box("plan"))

    def action_back(self) -> None:
        if self.query_one(CommandLineEditor).has_focus:
            self.set_focus(self.query_one("#plan-scroll"))
        else:
            self.dismiss(None)

    def _with_line(self, text: str) -> PlanRequest:
        """Return the request for a command line in the editor, known by where it comes from."""
        request = self._asked._replace(forced=self._opened.plan.request.forced)
        if text == self._first.text:
            return request
        if text == self._opened.running_line.text:
            return request._replace(cmdline=None, cmdline_from=Origin.RUNNING)
        return request._replace(cmdline=text)

    def _change(self, request: PlanRequest) -> None:
        self._opened.change(request)
        self._show()

    def _show(self) -> None:
        """Draw what depends on the command line."""
        plan = self._opened.plan
        line, failures = plan.cmdline, plan.failures
        used = next(f for f in plan.findings if f.check == "command-line")
        count = len(line.text.encode("utf-8", "surrogateescape")) + 1
        shown = used.text if used.verdict is Verdict.PASS else f"{count} bytes"
        shown = (
            f"{shown}, {line.origin.value}{difference(line.text, self._opened.running_line.text)}"
        )
        self.query_one("#plan-count", Text).show(shown, layout=True)
        self.query_one("#plan-presets", Text).show(
            presets_text(self._opened.context.presets, line.text)
        )
        self.query_one("#plan-text", Text).show(plan_text(plan), layout=True)
        self.query_one("#stage", Button).disabled = bool(failures)
        self.query_one("#plan-why-not", Text).show(f"FAIL {failures[0].text}" if failures else "")
