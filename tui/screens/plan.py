"""The plan: what would happen, and what stands in the way?"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.screen import Screen

from warmboot.core.errors import Cancelled, WarmbootError
from warmboot.core.plan.checks.base import Verdict
from warmboot.core.plan.request import Origin, PlanRequest
from warmboot.core.progress import Cancel
from warmboot.core.session import Session
from warmboot.core.session.status import Status
from warmboot.themes import STYLE
from warmboot.tui.actions import NOT_WHILE_TYPING, bindings, key_of
from warmboot.tui.present import plan_text
from warmboot.tui.present.cmdline_text import difference, word_lines
from warmboot.tui.present.finding_text import STYLES, finding_text, worst_first
from warmboot.tui.present.layout import Group, lines, styled
from warmboot.tui.present.styled import Styled
from warmboot.tui.screens.ask import force_question, initrd_question, paths_of
from warmboot.tui.screens.checks import ChecksScreen
from warmboot.tui.screens.dialogs import failure_box, help_box, message
from warmboot.tui.screens.messages import PlanOpened, StageDone, WorkFailed
from warmboot.tui.screens.presets import PresetsScreen
from warmboot.tui.screens.staging import StagingScreen
from warmboot.tui.screens.workers import open_plan
from warmboot.tui.widgets.bars import KeyLine, StagedLine, Text, TopLine, spread
from warmboot.tui.widgets.editor import CommandLineEditor

_LEAST = 12  # columns of a text that are worth showing
_MARGIN = 3  # columns: of a blank on each side, and the scroll bar
_LINT = ("command-line", "remote-login")  # checks of the line itself


class PlanScreen(Screen[StageDone | None]):
    """Shows a plan, lets its command line be edited, and stages it."""

    CSS_PATH = STYLE
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
        self._away = event.away
        self._asked = event.opened.plan.request
        self._seen = seen
        self._first = event.opened.plan.cmdline
        self._staging = self._on_trial = False
        self._why = False
        self._cancel = Cancel()  # of the reading of other initrds

    def compose(self) -> ComposeResult:
        yield TopLine()
        yield StagedLine()
        yield Text("", id="plan-steps")
        yield Text("", id="plan-verdict")
        with VerticalScroll(id="plan-scroll"):
            yield Text("", id="plan-against")
            yield Text("", id="plan-files")
            yield CommandLineEditor(self._first.text, id="plan-editor", tab_behavior="focus")
            yield Text("", id="plan-hint")
            yield Text("", id="plan-words")
            yield Text("", id="plan-more")
        yield KeyLine("plan")

    def on_mount(self) -> None:
        self.query_one(TopLine).show_session(self._session)
        self.query_one(StagedLine).show_status(self._session, self._status)

    def on_resize(self) -> None:
        self._show()

    def on_unmount(self) -> None:
        self._cancel.cancel()
        if not self._staging:  # else the program is ending, and the thread still reads them
            self._opened.close()

    @property
    def _editor(self) -> CommandLineEditor:
        return self.query_one(CommandLineEditor)

    @property
    def _typing(self) -> bool:
        return isinstance(self.focused, CommandLineEditor)

    def on_text_area_changed(self) -> None:
        self._change(self._with_line(self._editor.text))

    def on_command_line_editor_moved(self) -> None:
        self._show_hint()

    def on_descendant_focus(self) -> None:
        self.query_one(KeyLine).show_keys(typing=self._typing)
        self._show_hint()

    # Keys ---------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Let letters be letters while the command line is edited."""
        return not (self._typing and action in NOT_WHILE_TYPING)

    def action_stage(self, *, trial: bool = False) -> None:
        if text := self._standing_text():
            self.query_one("#plan-scroll").scroll_home(animate=False)
            self.app.push_screen(message("Not staged", text))
            return
        self._staging, self._on_trial = True, trial
        screen = StagingScreen(self._session, self._opened, self._seen)
        self.app.push_screen(screen, self._staged)

    def _standing_text(self) -> str:
        return plan_text.standing_text(self._opened.plan, key_of("plan", "force"))

    def _staged(self, result: StageDone | WorkFailed | None) -> None:
        """Leave with what is staged; stay, command line and all, where it did not come to that."""
        self._staging = False
        if isinstance(result, WorkFailed):
            self.app.push_screen(failure_box("Not staged", result))
        else:
            if result is not None:
                result.trial = self._on_trial
            self.dismiss(result)

    def action_trial(self) -> None:
        """Stage it, and go on to a restart that goes back by itself unless it is confirmed."""
        self.action_stage(trial=True)

    def action_stage_now(self) -> None:
        self.action_stage()

    def action_edit(self) -> None:
        self.set_focus(self._editor)
        self._editor.to_end()

    def action_undo(self) -> None:
        self._editor.undo()

    def action_preset(self, number: int = 1) -> None:
        """Describe the presets, the one of this number first, and apply or remove the chosen."""
        opened = self._opened
        if number > len(opened.context.presets):
            return

        def answered(line: str | None) -> None:
            if line is not None:
                self._editor.set_line(line)

        screen = PresetsScreen(opened, self._editor.text, self._first.text, number - 1)
        self.app.push_screen(screen, answered)

    def action_why(self) -> None:
        """Show the steps and the reasons for the way, or hide them again."""
        self._why = not self._why
        self._show()
        if self._why:
            self.query_one("#plan-scroll").scroll_end(animate=False)

    def action_checks(self) -> None:
        """Explain every check of the plan."""
        screen = ChecksScreen(self._session, self._status, self._opened.plan.findings)
        self.app.push_screen(screen)

    def action_force(self) -> None:
        names = [finding.check for finding in self._opened.plan.failures if finding.forceable]
        if not names:
            text = self._standing_text() or "No check fails."
            self.app.push_screen(message("Not forced", text))
            return

        def answered(name: str | None) -> None:
            if name in names:
                forced = (*self._opened.plan.request.forced, name)
                self._change(self._opened.plan.request._replace(forced=forced))
            elif name:
                self.app.push_screen(message("Not forced", f"No failing check is called {name}."))

        self.app.push_screen(force_question(names), answered)

    def action_original(self) -> None:
        self._editor.set_line(self._first.text)

    def action_running(self) -> None:
        self._editor.set_line(self._opened.running_line.text)

    def action_initrd(self) -> None:
        def answered(answer: str | None) -> None:
            if answer is not None:
                request = self._opened.plan.request._replace(initrds=paths_of(answer))
                self._reopen(partial(open_plan, self._session, request, self._cancel))

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
        except Cancelled:
            return
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
        self._change(self._with_line(self._editor.text))

    def on_work_failed(self, event: WorkFailed) -> None:
        event.stop()
        self.app.push_screen(failure_box("That did not work", event))

    def action_help(self) -> None:
        self.app.push_screen(help_box("plan"))

    def action_back(self) -> None:
        if self._typing:
            self.set_focus(self.query_one("#plan-scroll"))
        else:
            self.dismiss(None)

    # What is planned ------------------------------------------------------------------------

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
        """Draw what depends on the plan; lines that stay the same cost nothing."""
        plan, width = self._opened.plan, max(20, self.size.width - _MARGIN)
        name = plan_text.title(plan, self._entry)
        self._put("#plan-steps", _beside(plan_text.step_words("plan"), name, width + 1))
        text, worst = plan_text.verdict_text(plan)
        self._put("#plan-verdict", [(_beside(text, "v explains", width + 1), STYLES[worst])])
        self._put("#plan-against", styled(plan_text.against(plan, width)))
        line = plan_text.row("Line", plan_text.line_text(plan))
        files = plan_text.files_group(plan)
        self._put(
            "#plan-files", styled(lines((files._replace(items=(*files.items, line)),), width))
        )
        running = self._opened.running_line.text
        words = difference(plan.cmdline.text, running, width - plan_text.COLUMN)
        self._put("#plan-words", styled(((" " * plan_text.COLUMN, ""), *line) for line in words))
        presets = plan_text.presets_text(self._opened.context.presets, plan.cmdline.text)
        group = Group(
            "", (plan_text.row("Presets", presets), *plan_text.prospect(plan, self._away).items)
        )
        found = [*lines((group,), width)]
        for part in plan_text.reasons(plan) if self._why else ():
            found += [(), *lines((part,), width)]
        self._put("#plan-more", styled(found))
        self._show_hint()

    def _show_hint(self) -> None:
        """Say what the word at the cursor does, or may become, while the line is edited."""
        hint = self.query_one("#plan-hint", Text)
        hint.display = self._typing
        if self._typing:
            editor, plan = self._editor, self._opened.plan
            width = max(20, self.size.width - _MARGIN - plan_text.COLUMN)
            rows = word_lines(editor.explained, editor.offered, width)
            lint = [f for f in plan.findings if f.check.startswith(_LINT)]
            worst = next((f for f in worst_first(lint) if f.verdict is not Verdict.PASS), None)
            said = finding_text(worst, width) if worst else ()
            hint.show(styled((*rows, *said)), layout=True)

    def _put(self, name: str, text: Styled | str) -> None:
        widget = self.query_one(name, Text)
        widget.display = bool(text)
        widget.show(text, layout=True)


def _beside(left: str, right: str, width: int) -> str:
    """Return a line with two texts; where there is no room for all of the second one, a part."""
    room = width - len(left) - 2
    if len(right) > room:
        right = f"{right[: room - 2]}.." if room > _LEAST else ""
    return spread(left, right, width) if right else left
