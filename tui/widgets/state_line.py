"""The lines above the keys: what is staged, and what firmware would start instead."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Vertical

from warmboot.core.boot.entry import Entry
from warmboot.core.boot.listed_entry import ListedEntry
from warmboot.core.text import clock, printable
from warmboot.tui.widgets.bars import Bar, staged_name

if TYPE_CHECKING:
    from warmboot.core.session.status import Status


class StateLine(Vertical):
    """Says what comes next, whichever way the machine goes."""

    def __init__(self) -> None:
        super().__init__(id="state")
        self._status: Status | None = None
        self._rows: tuple[ListedEntry, ...] = ()
        self._foreign = False

    def compose(self) -> ComposeResult:
        yield Bar("", id="staged")
        yield Bar("", id="firmware")

    def show_status(self, status: Status) -> None:
        """Say what is staged."""
        self._status = status
        self._show()

    def show_rows(self, rows: Iterable[ListedEntry], *, foreign: bool) -> None:
        """Say what firmware starts; `foreign`: the entries are those of another system."""
        self._rows, self._foreign = tuple(rows), foreign
        self._show()

    def on_resize(self) -> None:
        self._show()

    def _show(self) -> None:
        status, width = self._status, max(20, self.size.width - 2)
        if status is None:
            return
        staged, firmware = staged_text(status), firmware_text(self._rows)
        if self._foreign:
            firmware = ""
        beside = not status.staged and len(staged) + 3 + len(firmware) <= width
        self.query_one("#staged", Bar).show_bar(staged, firmware if beside else "")
        firmware = "" if beside else firmware
        self.query_one("#staged").set_class(bool(status.staged), "something")
        self.query_one("#firmware", Bar).show_bar(firmware)
        self.query_one("#firmware").display = bool(firmware) and self.app.size.height >= 18


def staged_text(status: Status) -> str:
    """Return what is staged: its release and its command line, or when it will be started."""
    if status.staged is None:
        return "staged: nothing, as this kernel has no kexec"
    if not status.staged:
        return "staged: nothing"
    if status.countdown is not None:
        return f"RESTART at {clock(status.countdown.at)} into {staged_name(status, 25)}"
    text = f"STAGED {staged_name(status, 60)}"
    if status.reboot_is_kexec:
        text += "  (systemctl reboot starts it too)"
    if status.what is not None:
        text += f"  {printable(status.what.cmdline, 4096) or '(empty command line)'}"
    return text


def firmware_text(rows: Iterable[ListedEntry]) -> str:
    """Return what a restart through firmware would start, as the boot loader is set up."""
    entries = [row.entry for row in rows]
    once = next((entry for entry in entries if entry.next), None)
    default = next((entry for entry in entries if entry.default), None)
    if once is not None:
        return f"firmware would start, this once: {_name(once)}"
    if default is not None:
        return f"firmware would start: {_name(default)}"
    return "firmware would start: not known" if entries else ""


def _name(entry: Entry) -> str:
    return printable(entry.title, 44)
