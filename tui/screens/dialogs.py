"""Questions and messages in a box. None is answered by the key that brought it up."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Button

from warmboot.core.text import plural
from warmboot.themes import STYLE
from warmboot.tui.actions import help_rows, key_of
from warmboot.tui.present.marks import marks
from warmboot.tui.present.styled import Styled
from warmboot.tui.screens.messages import Restarted, StageDone, WorkFailed
from warmboot.tui.widgets.bars import Text, staged_name

if TYPE_CHECKING:
    from warmboot.core.session import Session
    from warmboot.core.session.status import Status

Answer = TypeVar("Answer")

_LOW = 20  # lines below which a box has no empty lines

SCROLLING: list[BindingType] = [
    Binding("up", "scroll(-1)", show=False),
    Binding("down", "scroll(1)", show=False),
    Binding("pageup", "page(-1)", show=False),
    Binding("pagedown", "page(1)", show=False),
]


class _Body(Text):
    """A text whose height has become known: the box gives it its lines anew."""

    def on_resize(self) -> None:
        if isinstance(self.screen, Dialog):
            self.screen.fit()


class Scrolled(Vertical):
    """The text of a box; where there is no room for all of it, it says which `keys` scroll it."""

    def __init__(self, text: str | Styled, keys: str = "Up, Down, PageUp, PageDown") -> None:
        super().__init__(classes="scrolled")
        self._text = text
        self._keys = keys

    def compose(self) -> ComposeResult:
        with VerticalScroll(can_focus=False):
            yield _Body(self._text, classes="text")
        yield Text("", classes="more")

    def show(self, text: str | Styled) -> None:
        """Replace the text, and begin at its top."""
        self.query_one(".text", Text).show(text, layout=True)
        self.query_one(VerticalScroll).scroll_home(animate=False)

    @property
    def page(self) -> int:
        """How many lines of the text are seen at a time."""
        return max(1, self.query_one(VerticalScroll).size.height)

    def move(self, lines: int, *, around: bool = False) -> None:
        """Move the text; `around`: forward from its end leads back to its beginning."""
        part = self.query_one(VerticalScroll)
        if around and part.scroll_offset.y >= part.max_scroll_y:
            part.scroll_home(animate=False)
        else:
            part.scroll_relative(y=lines, animate=False)

    def limit(self, height: int) -> None:
        """Be at most so many lines high, and say so where that is too few."""
        part, more = self.query_one(VerticalScroll), self.query_one(".more", Text)
        count = part.virtual_size.height
        more.display = count > height
        more.show(f"{count} lines; scroll with {self._keys}")
        part.styles.max_height = max(1, height - more.display)


class Dialog(ModalScreen[Answer]):
    """A box over the screen below it. Its `Scrolled` text gets the lines that are left, so that
    what stands below the text is seen on every terminal."""

    CSS_PATH = STYLE

    def __init__(self) -> None:
        super().__init__(classes="dialog")

    def on_resize(self) -> None:
        self.fit()

    def fit(self) -> None:
        """Give the text the lines that nothing else needs, once the rest is laid out."""
        self.set_class(self.size.height < _LOW, "tight")
        self.call_after_refresh(self._fit)

    def _fit(self) -> None:
        for text in self.query(Scrolled):
            box = text.parent
            if not isinstance(box, Vertical) or not box.is_mounted:
                continue
            others = (child for child in box.children if child is not text and child.display)
            taken = sum(child.outer_size.height + child.styles.margin.height for child in others)
            frame = box.outer_size.height - box.size.height + box.styles.margin.height
            frame += text.styles.margin.height
            text.limit(max(1, self.size.height - taken - frame))

    def action_scroll(self, lines: int) -> None:
        for text in self.query(Scrolled):
            text.move(lines)

    def action_page(self, pages: int) -> None:
        for text in self.query(Scrolled):
            text.move(pages * text.page)


class Choice(Dialog[str]):
    """A text and some buttons; answers with the pressed button's id, "" on Escape.

    The first button has the focus: let it be the harmless one.
    """

    BINDINGS = [
        Binding("escape,ctrl+c", "leave", "Back"),
        Binding("right", "app.focus_next", show=False),
        Binding("left", "app.focus_previous", show=False),
        *SCROLLING,
    ]

    def __init__(
        self, title: str, text: str | Styled, buttons: tuple[tuple[str, str], ...]
    ) -> None:
        super().__init__()
        self._title = title
        self._text = text
        self._buttons = buttons

    def compose(self) -> ComposeResult:
        with Vertical(classes="box"):
            yield Text(self._title, classes="title")
            yield Scrolled(self._text)
            with Horizontal(classes="buttons"):
                for name, label in self._buttons:
                    yield Button(label, id=name)

    def on_mount(self) -> None:
        for button in self.query(Button)[:1]:
            button.focus()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id or "")

    def action_leave(self) -> None:
        self.dismiss("")


def message(title: str, text: str | Styled) -> Choice:
    """Return a box that only wants to be read."""
    return Choice(title, text, (("ok", "OK"),))


def help_box(screen: str) -> Choice:
    """Return the box with all keys of a screen, and what its marks mean."""
    keys = [("arrows", "choose, scroll; also PageUp, PageDown, Home and End")]
    parts: Styled = [("Keys\n", "bold")]
    parts += [f"{key:>6}  {tip}\n" for key, tip in (*keys, *help_rows(screen))]
    for heading, rows in marks(screen):
        width = max(len(mark) for mark, _ in rows)
        parts += ["\n", (f"{heading}\n", "bold")]
        parts += [f"  {mark:<{width}}  {text}\n" for mark, text in rows]
    return message("Help", parts)


def failure_box(title: str, failure: WorkFailed) -> Choice:
    """Return the box that says what did not work, and what to do next."""
    return message(title, failure.message + (f"\n\n{failure.hint}" if failure.hint else ""))


def staged_box(done: StageDone) -> Choice:
    """Return the box that says what is staged now, and what is next."""
    staged = done.staged
    execute, unload = (key_of("entries", name) for name in ("execute", "unload"))
    next_keys = f"{execute} restarts into it"
    if done.left != 0:
        next_keys += f", {unload} takes it out again"
    lines = [
        f"{staged.release or staged.kernel} is staged. The running system goes on.",
        f"{next_keys}.",
    ]
    if done.left is not None and done.left >= 0:
        allowed = plural(done.left, "more load or unload", "more loads and unloads")
        lines.append(f"The kernel allows {allowed}.")
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


def again_text(limit: int | None) -> str:
    """Say whether it can be staged again, where the kernel allows so many loads and unloads yet."""
    if limit is None or limit < 0:
        return "It can be staged again at any time."
    if limit == 0:
        return "The kernel allows no more loads or unloads: it refuses this, too."
    left = limit - 1
    if not left:
        return "This is the last load or unload that the kernel allows: nothing can be staged then."
    return f"Unloading takes one of the {limit} loads and unloads that the kernel still allows."


def unload_box(status: Status, load_limit: int | None) -> Choice:
    """Return the question before an unload: ``unload`` or anything else."""
    text = f"It will not be started. {again_text(load_limit)}"
    buttons = (("keep", "Keep it staged"), ("unload", "Unload"))
    return Choice(f"Unload {staged_name(status)}?", text, buttons)


def keep_box(session: Session) -> Choice:
    """Return the question before a trial is confirmed: ``keep`` or anything else."""
    text = "It stays, and nothing restarts it any more: no watchdog, no timer."
    buttons = (("later", "Not yet"), ("keep", "Keep it"))
    return Choice(f"Keep {session.host.release} on {session.host.name}?", text, buttons)


def revert_box(session: Session) -> Choice:
    """Return the question before a trial is given up: ``back`` or anything else."""
    text = (
        f"{session.host.name} restarts through firmware into the system before this one. "
        "All sessions end, this one too."
    )
    buttons = (("stay", "Stay here"), ("back", "Go back now"))
    return Choice(f"Go back from {session.host.release}?", text, buttons)


def leave_box(status: Status) -> Choice:
    """Return the question before leaving with something staged, or while the system is on trial:
    ``quit``, ``unload`` or stay."""
    title, texts, buttons = "", [], [("stay", "Stay here"), ("quit", "Quit")]
    if status.on_trial:
        from warmboot.tui.present.trial_text import pending_texts

        trial, deadline = pending_texts(status)
        title = "Still on trial"
        texts.append(f"{trial}, not confirmed yet. {deadline} warmboot confirm keeps it.")
    if status.staged:
        title = f"Still staged: {staged_name(status)}"
        texts.append("It stays staged. warmboot exec starts it; warmboot unload takes it out.")
        buttons.append(("unload", "Unload and quit"))
    if status.reboot_is_kexec:
        texts.append("systemctl reboot starts it too.")
    return Choice(title, "\n".join(texts), tuple(buttons))
