"""Questions and messages in a box. None is answered by the key that brought it up."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Button

from warmboot.tui.actions import help_rows
from warmboot.tui.widgets.lines import Text


class Choice(ModalScreen[str]):
    """A text and some buttons; answers with the pressed button's id, "" on Escape.

    The first button has the focus: let it be the harmless one.
    """

    BINDINGS = [
        Binding("escape", "leave", "Back"),
        Binding("right,down", "app.focus_next", show=False),
        Binding("left,up", "app.focus_previous", show=False),
    ]

    def __init__(self, title: str, text: str, buttons: tuple[tuple[str, str], ...]) -> None:
        super().__init__(classes="dialog")
        self._title = title
        self._text = text
        self._buttons = buttons

    def compose(self) -> ComposeResult:
        with Vertical(classes="box"):
            yield Text(self._title, classes="title")
            with VerticalScroll(classes="box-scroll", can_focus=False):
                yield Text(self._text, classes="text")
            with Horizontal(classes="buttons"):
                for name, label in self._buttons:
                    yield Button(label, id=name)

    def on_mount(self) -> None:
        self.query(Button).first().focus()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id or "")

    def action_leave(self) -> None:
        self.dismiss("")


def message(title: str, text: str) -> Choice:
    """Return a box that only wants to be read."""
    return Choice(title, text, (("ok", "OK"),))


def help_box() -> Choice:
    """Return the box with all keys."""
    rows = "\n".join(f"{key:>6}  {tip}" for key, tip in help_rows())
    moving = "arrows  choose an entry, scroll\n   Tab  next part of the screen"
    return message("Keys", f"{moving}\n{rows}")
