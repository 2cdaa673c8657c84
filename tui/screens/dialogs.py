"""Questions and messages in a box. None is answered by the key that brought it up."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Button

from warmboot.core.session.status import Status
from warmboot.tui.actions import help_rows
from warmboot.tui.screens.messages import Restarted, StageDone, WorkFailed
from warmboot.tui.widgets.bars import Text, staged_name


class Box(VerticalScroll, can_focus=False):
    """The text of a box; the keys of `SCROLLING` move it while something else has the focus."""

    def __init__(self, text: str) -> None:
        super().__init__(classes="box-scroll")
        self._text = text

    def compose(self) -> ComposeResult:
        yield Text(self._text, classes="text")


SCROLLING: list[BindingType] = [
    Binding("up", "scroll(-1)", show=False),
    Binding("down", "scroll(1)", show=False),
    Binding("pageup", "scroll(-10)", show=False),
    Binding("pagedown", "scroll(10)", show=False),
]


class Choice(ModalScreen[str]):
    """A text and some buttons; answers with the pressed button's id, "" on Escape.

    The first button has the focus: let it be the harmless one.
    """

    BINDINGS = [
        Binding("escape,ctrl+c", "leave", "Back"),
        Binding("right", "app.focus_next", show=False),
        Binding("left", "app.focus_previous", show=False),
        *SCROLLING,
    ]

    def __init__(self, title: str, text: str, buttons: tuple[tuple[str, str], ...]) -> None:
        super().__init__(classes="dialog")
        self._title = title
        self._text = text
        self._buttons = buttons

    def compose(self) -> ComposeResult:
        with Vertical(classes="box"):
            yield Text(self._title, classes="title")
            yield Box(self._text)
            with Horizontal(classes="buttons"):
                for name, label in self._buttons:
                    yield Button(label, id=name)

    def on_mount(self) -> None:
        for button in self.query(Button)[:1]:
            button.focus()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id or "")

    def action_scroll(self, lines: int) -> None:
        self.query_one(Box).scroll_relative(y=lines, animate=False)

    def action_leave(self) -> None:
        self.dismiss("")


def message(title: str, text: str) -> Choice:
    """Return a box that only wants to be read."""
    return Choice(title, text, (("ok", "OK"),))


def help_box(screen: str) -> Choice:
    """Return the box with all keys of a screen."""
    rows = "\n".join(f"{key:>6}  {tip}" for key, tip in help_rows(screen))
    marks = " marks  * runs now  S staged  d default  n next  1 tries left  - none left\n"
    moving = "arrows  choose, scroll; Tab goes to the next part"
    return message("Keys", f"{marks if screen == 'entries' else ''}{moving}\n{rows}")


def failure_box(title: str, failure: WorkFailed) -> Choice:
    """Return the box that says what did not work, and what to do next."""
    return message(title, failure.message + (f"\n\n{failure.hint}" if failure.hint else ""))


def staged_box(done: StageDone) -> Choice:
    """Return the box that says what is staged now, and what is next."""
    staged = done.staged
    lines = [
        f"{staged.release or staged.kernel} is staged. The running system goes on.",
        "x restarts into it, u takes it out again.",
    ]
    return message("Staged", "\n".join([*lines, *filter(None, (done.warning,))]))


def restarted_box(event: Restarted) -> Choice:
    """Return the box that says what became of a restart."""
    host = event.session.host
    if event.session.simulated:
        title, text = "Restarted", f"The simulated machine {host.name} now runs {host.release}."
    else:
        title = "Restarting"
        text = f"systemd is stopping services on {host.name}; the new kernel starts after that."
    return message(title, "\n".join([text, *filter(None, (event.warning,))]))


def unload_box(status: Status) -> Choice:
    """Return the question before an unload: ``unload`` or anything else."""
    text = "It will not be started. It can be staged again at any time."
    buttons = (("keep", "Keep it staged"), ("unload", "Unload"))
    return Choice(f"Unload {staged_name(status)}?", text, buttons)


def leave_box(status: Status) -> Choice:
    """Return the question before leaving with something staged: ``quit``, ``unload`` or stay."""
    text = "It stays staged. warmboot exec starts it; warmboot unload takes it out."
    if status.reboot_is_kexec:
        text += "\nsystemctl reboot starts it too."
    buttons = (("stay", "Stay here"), ("quit", "Quit"), ("unload", "Unload and quit"))
    return Choice(f"Still staged: {staged_name(status)}", text, buttons)
