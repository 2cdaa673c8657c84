"""A question that is answered by typing a line."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from textual import events, work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Input

from warmboot.core.session.paths import Paths, complete_path
from warmboot.core.text import printable
from warmboot.themes import STYLE
from warmboot.tui.widgets.bars import Text

_SHOWN = 5  # lines of names


class AskScreen(ModalScreen[str | None]):
    """Answers with the line typed, None on Escape."""

    CSS_PATH = STYLE
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


class PathScreen(AskScreen):
    """A question for a path: shows what is there, and Tab completes it.

    `several`: paths are separated by blanks, and quoted where they hold one.
    """

    class Found(Message):
        """What is there for the path `begun`; `complete`: Tab was pressed for it."""

        def __init__(self, begun: str, paths: Paths, *, complete: bool) -> None:
            super().__init__()
            self.begun, self.paths, self.complete = begun, paths, complete

    def __init__(self, title: str, text: str, value: str = "", *, several: bool = False) -> None:
        super().__init__(title, text, value)
        self._several = several

    def compose(self) -> ComposeResult:
        with Vertical(classes="box"):
            yield Text(self._title, classes="title")
            yield Text(self._text, classes="text")
            yield Input(self._value, id="answer", select_on_focus=False)
            yield Text("", id="there")

    @property
    def _begun(self) -> tuple[str, str]:
        """What stands before the path at the end of the line, and that path without quotes."""
        value = self.query_one(Input).value
        return _last_path(value) if self._several else ("", value)

    def on_input_changed(self) -> None:
        self._look(self._begun[1], complete=False)

    def on_key(self, event: events.Key) -> None:
        if event.key == "tab":
            event.prevent_default()
            event.stop()
            self._look(self._begun[1], complete=True)

    @work(thread=True, exclusive=True)
    def _look(self, begun: str, *, complete: bool) -> None:
        self.post_message(self.Found(begun, complete_path(begun), complete=complete))

    def on_path_screen_found(self, event: Found) -> None:
        before, begun = self._begun
        if event.begun != begun:
            return  # typed on meanwhile
        longest, names, more = event.paths
        if event.complete and longest != begun:
            field = self.query_one(Input)
            shown = shlex.quote(longest) if self._several else longest
            if self._several and shown != longest and len(names) != 1:
                shown = shown.removesuffix("'")  # goes on inside the quotes
            field.replace(shown, len(before), len(field.value))
            field.action_end()
        self.query_one("#there", Text).show(there_text(names, self._width, more=more), layout=True)

    @property
    def _width(self) -> int:
        return max(20, self.query_one(Input).size.width)


def there_text(names: Sequence[str], width: int, *, more: bool = False) -> str:
    """Return names in columns, and how many there are beyond the lines there is room for."""
    if not names:
        return "Nothing there starts with that"
    shown = [printable(name, width) for name in names]
    column = min(width, max(map(len, shown)) + 2)
    across = max(1, width // column)
    rows = [shown[at : at + across] for at in range(0, len(shown), across)]
    room = len(rows) if len(rows) <= _SHOWN else _SHOWN - 1
    lines = ["".join(name.ljust(column) for name in row).rstrip() for row in rows[:room]]
    left = len(shown) - across * room
    if left > 0 or more:
        lines.append(f"and {left} more; Tab completes" if not more else "and many more")
    return "\n".join(lines)


def _last_path(line: str) -> tuple[str, str]:
    """Return what stands before the last path of a line, and that path without its quotes."""
    start, quote = 0, ""
    for place, char in enumerate(line):
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char.isspace():
            start = place + 1
    path = line[start:]
    return line[:start], path.replace("'", "").replace('"', "")


def kernel_question() -> AskScreen:
    """Return the question for a kernel that no entry names."""
    text = "Path of a kernel on this machine. Tab completes, Enter opens its plan, Esc goes back."
    return PathScreen("Another kernel", text, "/")


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
        "Paths of initrd files on this machine, separated by spaces, in order. Tab completes. "
        "An empty line means no initrd. Esc changes nothing."
    )
    return PathScreen("Initrd", text, shlex.join(paths), several=True)


def paths_of(answer: str) -> tuple[str, ...]:
    """Return the paths in an answer: quotes keep blanks inside a path, as in a shell."""
    try:
        return tuple(shlex.split(answer))
    except ValueError:
        return (answer,)  # an unpaired quote: no such file, which is then said
