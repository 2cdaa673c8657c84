"""The lines that stand on every screen: where we are, what is staged, which keys there are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from textual.content import Content
from textual.widgets import Static

from warmboot.core.architecture import of_machine
from warmboot.core.text import clock, duration, printable
from warmboot.tui.actions import key_line, key_of
from warmboot.tui.present.styled import Styled

if TYPE_CHECKING:
    from warmboot.core.session import Session
    from warmboot.core.session.status import Status


def harmless(text: str | Styled) -> Content:
    """Return text for the screen: no markup is read out of it, and no terminal codes are left."""
    content = Content(text) if isinstance(text, str) else Content.assemble(*text)
    plain = content.plain
    safe = "\n".join(printable(line, 1 << 16) for line in plain.split("\n"))
    return content if safe == plain else Content(safe)


class Text(Static):
    """Text that is shown as it is."""

    def __init__(self, text: str | Styled = "", **options: Any) -> None:
        self._shown = harmless(text)
        self._saved = False  # whether a change was shown without a new layout
        super().__init__(self._shown, **options)

    def show(self, text: str | Styled, *, layout: bool = False) -> None:
        """Replace the text; `layout` where its height may change. No change draws nothing."""
        content = harmless(text)
        if content != self._shown or content.spans != self._shown.spans:
            self._shown = content
            width, height = self.content_size
            same = bool(width) and content.get_height({}, width) == height
            self._saved = layout and same
            # Heights are remembered until this number changes; a second change before a layout is
            # not counted by Textual.
            self._layout_updates += 1
            self.update(content, layout=layout and not same)

    def on_resize(self) -> None:
        """Lay out what was changed without it: Textual remembers heights in widths seen before."""
        if self._saved:
            self._saved = False
            self.refresh(layout=True)


class Bar(Text):
    """A line that stands out from edge to edge, be it by a colour or by nothing but reverse."""

    _ends = ("", "")

    def show_bar(self, left: str, right: str = "") -> None:
        """Show texts at both ends of the line."""
        self._ends = (left, right)
        width = max(20, self.size.width - 2)
        self.show(f" {spread(left, right, width) if right else left.ljust(width)} ")

    def on_resize(self) -> None:
        self.show_bar(*self._ends)


class TopLine(Bar):
    """Which machine this is, whether it is a simulated one, and what runs on it since when."""

    def __init__(self) -> None:
        super().__init__(" warmboot", id="top")
        self._ends = ("warmboot", "")
        self._left: list[str] = []
        self._right: list[str] = []

    def show_session(self, session: Session) -> None:
        """Show the machine's name and architecture, the running kernel and how long it is up."""
        host = session.host
        architecture = of_machine(host.machine)
        self._left = ["SIMULATED"] if session.simulated else []
        self._left += [printable(host.name, 40), architecture or printable(host.machine, 20)]
        if session.foreign_root:
            self._left.append(f"images of {printable(str(session.root.path), 40)}")
        self._right = [f"runs {printable(host.release, 60)}"]
        self._right += [f"up {duration(host.uptime)}"] if host.uptime is not None else []
        self.set_class(session.simulated, "simulated")
        self._draw()

    def on_resize(self) -> None:
        self._draw()

    def _draw(self) -> None:
        """Show what there is room for: the host and what runs before everything else."""
        if not self._left:
            return
        width = max(20, self.size.width - 2)
        left, right = ["warmboot", *self._left], list(self._right)
        while len("  ".join(left)) + 2 + len(", ".join(right)) > width:
            if left[0] == "warmboot":
                left = left[1:]
            elif len(right) > 1:
                right = right[:1]
            elif len(left) > 1 + (left[0] == "SIMULATED"):
                left = left[:-1]
            else:
                break
        self.show_bar("  ".join(left), ", ".join(right))


def spread(left: str, right: str, width: int) -> str:
    """Return a line with one text at its beginning and another one at its end."""
    return f"{left}{' ' * max(2, width - len(left) - len(right))}{right}"


class StagedLine(Bar):
    """What is staged; hidden while nothing is."""

    def __init__(self) -> None:
        super().__init__(classes="staged")
        self.display = False

    def show_status(self, session: Session, status: Status) -> None:
        """Show or hide the line."""
        self.display = bool(status.staged)
        if not status.staged:
            return
        if status.countdown is not None:
            at, name = clock(status.countdown.at), staged_name(status, 25)
            key = key_of("entries", "cancel_restart")
            self.show_bar(f"RESTART at {at} into {name}   {key} on the list cancels it")
            return
        warning = "  (systemctl reboot starts it too)" if status.reboot_is_kexec else ""
        self.show_bar(f"STAGED {staged_name(status, 40)}{warning}")


def staged_name(status: Status, limit: int = 70) -> str:
    """Return what to call the staged kernel, at most `limit` characters."""
    what = status.what
    if status.interrupted:
        how = "was interrupted" if status.holder is None else "is under way"
        return f"not known: {status.interrupted} {how}"
    if what is None:
        return (
            "a kernel not staged by warmboot"
            if status.readable
            else "a kernel (root can see which)"
        )
    return printable(what.release or what.kernel, limit)


class KeyLine(Text):
    """The keys of a screen, at the bottom."""

    def __init__(self, screen: str) -> None:
        super().__init__("", classes="keys")
        self._screen_name = screen
        self._typing = False
        self._first: tuple[str, ...] = ()

    def show_keys(self, *, typing: bool, first: tuple[str, ...] | None = None) -> None:
        """Show the keys that work now, those of the actions `first` before all others."""
        self._typing = typing
        self._first = self._first if first is None else first
        self._draw()

    def on_resize(self) -> None:
        self._draw()

    def _draw(self) -> None:
        width = self.content_size.width
        first = self._first
        self.show(key_line(self._screen_name, typing=self._typing, first=first, width=width))
