"""The plan for one entry: what would be loaded, how, and what stands against it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, VerticalScroll
from textual.screen import Screen
from textual.widgets import Button

from warmboot.core.boot import presets
from warmboot.core.boot.cmdline import reusable
from warmboot.core.errors import WarmbootError
from warmboot.core.kexec import (
    CommandLine,
    Machine,
    Origin,
    Plan,
    Status,
    Verdict,
    choose_cmdline,
    make_plan,
)
from warmboot.core.kexec.review import review
from warmboot.core.text import printable
from warmboot.tui.actions import NOT_WHILE_TYPING, bindings
from warmboot.tui.plantext import difference, plan_text, presets_text, summary
from warmboot.tui.screens.ask import force_question, initrd_question, paths_of
from warmboot.tui.screens.dialogs import failure_box, help_box, message
from warmboot.tui.screens.staging import StagingScreen
from warmboot.tui.widgets.editor import LONGEST, CommandLineEditor
from warmboot.tui.widgets.lines import KeyLine, StagedLine, Text, TopLine
from warmboot.tui.work import SelectionOpened, StageDone, WorkFailed, open_files


class PlanScreen(Screen[StageDone | None]):
    """Shows a plan, lets its command line be edited, and stages it."""

    BINDINGS = [
        *bindings("plan"),
        *(Binding(str(n), f"preset({n})", show=False, priority=True) for n in range(1, 10)),
    ]
    AUTO_FOCUS = "#plan-scroll"

    def __init__(
        self, machine: Machine, status: Status, opened: SelectionOpened, seen: str | None = None
    ) -> None:
        super().__init__()
        self._machine = machine
        self._status = status
        self._entry = entry = opened.entry
        self._selection = selection = opened.selection
        self._scene = opened.scene
        self._seen = seen
        self._forced: tuple[str, ...] = ()
        self._first = _visible(
            choose_cmdline(entry, selection.image, machine.host, unified=selection.unified)
        )
        self._staging = False
        self._plan = self._make_plan(self._first)

    def compose(self) -> ComposeResult:
        yield TopLine()
        yield StagedLine()
        yield Text(summary(self._plan, self._entry), id="plan-top")
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
        self.query_one(TopLine).show_machine(self._machine)
        self.query_one(StagedLine).show_status(self._machine, self._status)
        editor = self.query_one(CommandLineEditor)
        editor.cursor_blink = False
        editor.move_cursor(editor.document.end)
        self._show()

    def on_unmount(self) -> None:
        if not self._staging:  # else the program is ending, and the thread still reads them
            self._selection.close()

    def on_text_area_changed(self) -> None:
        text = self.query_one(CommandLineEditor).text
        known = (self._first, self._reused())
        line = next((k for k in known if k.text == text), CommandLine(text, Origin.TYPED))
        self._plan = self._make_plan(line)
        self._show()

    def on_descendant_focus(self) -> None:
        typing = isinstance(self.focused, CommandLineEditor)
        self.query_one(KeyLine).show_keys(typing=typing)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        if event.button.id == "stage":
            self.action_stage()
        else:
            self.dismiss(None)

    def action_stage(self) -> None:
        if self._plan.failures:
            self.query_one("#plan-scroll").scroll_home(animate=False)
            self.app.bell()
            return
        self._staging = True
        screen = StagingScreen(self._machine, self._plan, self._selection, self._seen)
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
        if number > len(self._scene.presets):
            return
        preset, editor = self._scene.presets[number - 1], self.query_one(CommandLineEditor)
        if presets.active(editor.text, preset):
            editor.text = presets.remove(editor.text, preset, self._first.text)
        else:
            editor.text = presets.apply(editor.text, preset)

    def action_force(self) -> None:
        names = [finding.check for finding in self._plan.failures if finding.forceable]
        if not names:
            text = (
                "No check that fails can be overruled: the kernel would refuse, or harm would come."
            )
            self.app.push_screen(message("Not to be forced", text))
            return

        def answered(name: str | None) -> None:
            if name in names:
                self._forced = (*self._forced, name)
                self._plan = self._make_plan(self._plan.choices.cmdline)
                self._show()
            elif name:
                self.app.push_screen(message("Not forced", f"No failing check is called {name}."))

        self.app.push_screen(force_question(names), answered)

    def action_original(self) -> None:
        self.query_one(CommandLineEditor).text = self._first.text

    def action_running(self) -> None:
        self.query_one(CommandLineEditor).text = self._reused().text

    def action_initrd(self) -> None:
        def answered(answer: str | None) -> None:
            if answer is not None:
                kernel = None if self._entry else self._selection.kernel.name
                files = (self._entry, kernel, paths_of(answer))
                self._reopen(partial(open_files, self._machine, *files))

        names = tuple(self._path(file.name) for file in self._selection.initrds or ())
        self.app.push_screen(initrd_question(names), answered)

    def _path(self, name: str) -> str:
        """Return the path on this machine of a file inside the boot root."""
        root = str(self._machine.root.path)
        return name if name.startswith(root) else os.path.join(root, name.lstrip("/"))

    @work(thread=True, exclusive=True)
    def _reopen(self, opener: Callable[[], SelectionOpened]) -> None:
        try:
            opened = opener()
        except WarmbootError as error:
            self.post_message(WorkFailed(error.message, error.hint))
            return
        if not self.post_message(opened):
            opened.selection.close()

    def on_selection_opened(self, event: SelectionOpened) -> None:
        event.stop()
        if self._staging:
            event.selection.close()
            return
        self._selection.close()
        self._selection, self._scene = event.selection, event.scene
        self._plan = self._make_plan(self._plan.choices.cmdline)
        self.query_one("#plan-top", Text).show(summary(self._plan, self._entry), layout=True)
        self._show()

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

    def _reused(self) -> CommandLine:
        return _visible(CommandLine(reusable(self._machine.host.cmdline), Origin.RUNNING))

    def _make_plan(self, line: CommandLine) -> Plan:
        machine, selection = self._machine, self._selection
        choices = selection.choices(self._entry, line, foreign_root=machine.foreign_root)
        plan = make_plan(
            replace(choices, forced=self._forced),
            selection.image,
            selection.initrd_bytes,
            machine.host,
            machine.loader.name,
            self._scene.around,
            self._scene.dialect,
        )
        return review(plan, self._scene.devices)

    def _show(self) -> None:
        """Draw what depends on the command line."""
        line, failures = self._plan.choices.cmdline, self._plan.failures
        used = next(f for f in self._plan.findings if f.check == "command-line")
        count = len(line.text.encode("utf-8", "surrogateescape")) + 1
        shown = used.text if used.verdict is Verdict.PASS else f"{count} bytes"
        shown = f"{shown}, {line.origin.value}{difference(line.text, self._reused().text)}"
        self.query_one("#plan-count", Text).show(shown, layout=True)
        self.query_one("#plan-presets", Text).show(presets_text(self._scene.presets, line.text))
        self.query_one("#plan-text", Text).show(plan_text(self._plan), layout=True)
        self.query_one("#stage", Button).disabled = bool(failures)
        self.query_one("#plan-why-not", Text).show(f"FAIL {failures[0].text}" if failures else "")


def _visible(line: CommandLine) -> CommandLine:
    """Return a command line that is staged as it is shown: odd characters become escapes."""
    return CommandLine(printable(line.text, LONGEST), line.origin)
