"""The plan for one entry: what would be loaded, how, and what stands against it."""

from __future__ import annotations

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Button, TextArea

from warmboot.core.boot import Entry
from warmboot.core.boot.cmdline import reusable, split_words
from warmboot.core.kexec import (
    CommandLine,
    Machine,
    Origin,
    Plan,
    Selection,
    Status,
    Verdict,
    choose_cmdline,
    make_plan,
)
from warmboot.core.text import printable
from warmboot.tui.actions import NOT_WHILE_TYPING, bindings
from warmboot.tui.screens.dialogs import failure_box, help_box
from warmboot.tui.screens.staging import StagingScreen
from warmboot.tui.widgets.lines import KeyLine, StagedLine, Text, TopLine
from warmboot.tui.work import StageDone, WorkFailed

_LONGEST = 65536  # characters; no kernel takes more
_STYLES = {Verdict.PASS: "$success", Verdict.WARN: "$warning", Verdict.FAIL: "$error"}


class CommandLineEditor(TextArea):
    """A command line: long ones wrap, but there is only one line."""

    async def _on_key(self, event: events.Key) -> None:
        if event.key in ("enter", "shift+enter", "ctrl+j"):
            event.prevent_default()
            event.stop()
            return
        await super()._on_key(event)

    async def _on_paste(self, event: events.Paste) -> None:
        event.text = printable(event.text, _LONGEST)
        await super()._on_paste(event)


class PlanScreen(Screen[StageDone | None]):
    """Shows a plan, lets its command line be edited, and stages it."""

    BINDINGS = bindings("plan")
    AUTO_FOCUS = "#plan-scroll"

    def __init__(
        self, machine: Machine, status: Status, entry: Entry, selection: Selection
    ) -> None:
        super().__init__()
        self._machine = machine
        self._status = status
        self._entry = entry
        self._selection = selection
        self._first = _visible(
            choose_cmdline(entry, selection.image, machine.host, unified=selection.unified)
        )
        self._staging = False
        self._plan = self._make_plan(self._first)

    def compose(self) -> ComposeResult:
        yield TopLine()
        yield StagedLine()
        yield Text(self._summary(), id="plan-top")
        yield Text("Command line", classes="label")
        yield CommandLineEditor(self._first.text, id="plan-editor", tab_behavior="focus")
        yield Text("", id="plan-count")
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
        screen = StagingScreen(self._machine, self._plan, self._selection)
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

    def action_original(self) -> None:
        self.query_one(CommandLineEditor).text = self._first.text

    def action_running(self) -> None:
        self.query_one(CommandLineEditor).text = self._reused().text

    def action_help(self) -> None:
        self.app.push_screen(help_box())

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
        return make_plan(
            choices, selection.image, selection.initrd_bytes, machine.host, machine.loader.name
        )

    def _summary(self) -> str:
        choices, image = self._plan.choices, self._plan.image
        initrds = "inside the image" if choices.initrds is None else " + ".join(choices.initrds)
        release = self._entry.version or image.release or "release not known yet"
        return "\n".join(
            (
                f"{printable(self._entry.title, 70)}  ({printable(release, 60)})",
                f"Kernel  {choices.kernel}  ({image.format}, {image.architecture or '?'})",
                f"Initrd  {initrds or 'none'}",
            )
        )

    def _show(self) -> None:
        """Draw what depends on the command line."""
        line, failures = self._plan.choices.cmdline, self._plan.failures
        used = next(f for f in self._plan.findings if f.check == "command-line")
        count = len(line.text.encode("utf-8", "surrogateescape")) + 1
        shown = used.text if used.verdict is Verdict.PASS else f"{count} bytes"
        shown = f"{shown}, {line.origin.value}{self._difference(line.text)}"
        self.query_one("#plan-count", Text).show(shown, layout=True)
        self.query_one("#plan-text", Text).show(self._body(), layout=True)
        self.query_one("#stage", Button).disabled = bool(failures)
        self.query_one("#plan-why-not", Text).show(f"FAIL {failures[0].text}" if failures else "")

    def _difference(self, text: str) -> str:
        """Say how the command line differs from the running kernel's."""
        new, old = split_words(text), split_words(self._reused().text)
        added = [word for word in new if word not in old]
        missing = [word for word in old if word not in new]
        if not added and not missing:
            return ", as the running kernel's"
        parts = ["+ " + " ".join(added)] if added else []
        parts += ["- " + " ".join(missing)] if missing else []
        return "; against the running kernel's:\n" + printable("  ".join(parts), 300)

    def _body(self) -> Content:
        plan = self._plan
        parts: list[Content | tuple[str, str]] = []
        failures = [f for f in plan.findings if f.verdict is Verdict.FAIL]
        warnings = [f for f in plan.findings if f.verdict is Verdict.WARN]
        if failures:
            parts.append(("This cannot be staged\n", "bold"))
        for finding in (*failures, *warnings):
            parts.append((f"{finding.verdict.upper()} ", f"bold {_STYLES[finding.verdict]}"))
            parts.append(Content(f"{finding.text}\n"))
            if finding.hint:
                parts.append(Content(f"     {finding.hint}\n"))
        parts.append(("What staging will do\n", "bold"))
        parts += [Content(f" {number}. {step}\n") for number, step in enumerate(plan.steps, 1)]
        if not plan.steps:
            parts.append(Content(f" Nothing: {plan.why}\n"))
        parts.append(("Why this way\n", "bold"))
        parts.append(Content(f" {plan.strategy.value}: {plan.why}\n"))
        for other in plan.alternatives:
            parts.append(Content(f" not {other.strategy.value}: {other.why_not}\n"))
        if plan.call is not None:
            parts.append(Content(f" {plan.loader}: {plan.why_loader}\n"))
        for loader in plan.other_loaders:
            parts.append(Content(f" not {loader.loader.value}: {loader.why_not}\n"))
        parts.append(("Checks passed\n", "bold"))
        passed = (f.text for f in plan.findings if f.verdict is Verdict.PASS)
        parts += [Content(f" PASS {text}\n") for text in passed]
        return Content.assemble(*parts)


def _visible(line: CommandLine) -> CommandLine:
    """Return a command line that is staged as it is shown: odd characters become escapes."""
    return CommandLine(printable(line.text, _LONGEST), line.origin)
