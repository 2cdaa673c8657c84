"""A question that is answered by typing a line."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from warmboot.tui.widgets.bars import Text


class AskScreen(ModalScreen[str | None]):
    """Answers with the line typed, None on Escape."""

    BINDINGS = [Binding("escape,ctrl+c", "leave", "Back", priority=True)]

    def __init__(self, title: str, text: str, value: str = "") -> None:
        super().__init__(classes="dialog")
        self._title = title
        self._text = text
        self._value = value

    def compose(self) -> ComposeResult:
        with Vertical(classes="box"):
            yield Text(self._title, classes="title")
            yield Text(self._text, classes="text")
            yield Input(self._value, id="answer", select_on_focus=False)

    def on_mount(self) -> None:
        field = self.query_one(Input)
        field.cursor_blink = False
        field.focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.dismiss(event.value.strip())

    def action_leave(self) -> None:
        self.dismiss(None)


def kernel_question() -> AskScreen:
    """Return the question for a kernel that no entry names."""
    text = "Path of a kernel on this machine. Enter opens its plan, Esc goes back."
    return AskScreen("Another kernel", text, "/")


def force_question(names: Sequence[str]) -> AskScreen:
    """Return the question which of the failing checks to go on against."""
    text = (
        f"Failing: {', '.join(names)}. Type the name of a check to go on despite it; "
        "that is recorded. Esc goes back."
    )
    return AskScreen("Go on despite a check", text)


def initrd_question(paths: tuple[str, ...]) -> AskScreen:
    """Return the question for initrds; `paths` are those in use now."""
    text = (
        "Paths of initrd files on this machine, separated by spaces, in order. "
        "An empty line means no initrd. Esc changes nothing."
    )
    return AskScreen("Initrd", text, shlex.join(paths))


def paths_of(answer: str) -> tuple[str, ...]:
    """Return the paths in an answer: quotes keep blanks inside a path, as in a shell."""
    try:
        return tuple(shlex.split(answer))
    except ValueError:
        return (answer,)  # an unpaired quote: no such file, which is then said
