"""What is known about the entry under the cursor, and the reading of what is not known yet."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

from textual import work
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.timer import Timer

from warmboot.core.boot.listed_entry import ListedEntry
from warmboot.core.errors import Cancelled
from warmboot.core.images import Identity
from warmboot.core.progress import Cancel
from warmboot.core.session import Session
from warmboot.core.text import printable
from warmboot.tui.actions import key_of
from warmboot.tui.present.layout import lines, styled, wrap
from warmboot.tui.present.verdict import Known
from warmboot.tui.screens.messages import EntryRead
from warmboot.tui.screens.workers import read_entry
from warmboot.tui.widgets.bars import Text

_REST = 0.15  # seconds the cursor rests before its entry's details follow

_Key = tuple[str, Identity | None]


class DetailsPane(VerticalScroll, can_focus=False):
    """Shows one entry; reads all kernels in the background, the one that is shown first.

    What was read is posted as EntryRead, and kept as long as the file stays the same. One kernel is
    read at a time, and reading gives way to an entry that the cursor rests on.
    """

    def __init__(self) -> None:
        super().__init__(id="side")
        self.session: Session | None = None
        self.staged: str | None = None
        self._row: ListedEntry | None = None
        self._rows: tuple[ListedEntry, ...] = ()
        self._known: dict[_Key, Known] = {}
        self._reading: _Key | None = None
        self._stopped = False
        self._cancel = Cancel()
        self._timer: Timer | None = None

    def compose(self) -> ComposeResult:
        yield Text("Looking for boot images", id="details")

    def on_unmount(self) -> None:
        self.stop()

    def on_resize(self) -> None:
        if self._row is not None:
            self.show_row(self._row)

    # What is known ------------------------------------------------------------------------

    def known(self, row: ListedEntry) -> Known:
        """Return what was found out about an entry, as long as its file stays the same."""
        return self._known.get(_key(row), Known())

    def sha256(self, entry: str, file: Identity | None) -> str | None:
        """Return the digest of the kernel in a file as it was shown, None where it was not."""
        return self._known.get((entry, file), Known()).sha256

    def learn(self, news: Iterable[tuple[ListedEntry, Known]]) -> None:
        """Take in what was found out, beside what is known already."""
        for row, found in news:
            new = {name: value for name, value in found._asdict().items() if value is not None}
            self._known[_key(row)] = self.known(row)._replace(**new)

    # Showing ------------------------------------------------------------------------------

    def show_text(self, text: str) -> None:
        """Show a text instead of an entry."""
        self._row = None
        self.border_title = None
        self.query_one("#details", Text).show("\n".join(wrap(text, self._width)), layout=True)

    def show_row(self, row: ListedEntry) -> None:
        """Show an entry at once, as it is known by now."""
        from warmboot.tui.present.entry_text import groups, summary

        row = next((one for one in self._rows if one.entry is row.entry), row)
        if self._row is None or row.entry.id != self._row.entry.id:
            self.scroll_home(animate=False)
        self._row = row
        known, host = self.known(row), self.session.host if self.session else None
        staged = row.entry.id == self.staged
        if self.screen.has_class("beside"):
            shown = groups(row, known, host, staged=staged)
        else:
            shown = [summary(row, known, host)]
        self.border_title = Content(f" {printable(row.entry.title, 200)} ")
        self.query_one("#details", Text).show(styled(lines(shown, self._width)), layout=True)

    @property
    def _width(self) -> int:
        return max(20, self.scrollable_content_region.width - 1)  # none beside the scroll bar

    def follow(self, row: ListedEntry | None) -> None:
        """Show an entry once the cursor rests on it, and read it then."""
        if self._timer is not None:
            self._timer.stop()
        if row is not None:
            self._timer = self.set_timer(_REST, lambda: self._rested(row))

    def _rested(self, row: ListedEntry) -> None:
        if getattr(self.app, "slow_line", False):
            if self._row is None or self._row.entry is not row.entry:
                key = key_of("entries", "show")
                self.show_text(f"{key} shows the details: the line is slow.")
        else:
            self.show_row(row)
        if self._reading not in (None, _key(row)) and self._wanted(row):
            self._cancel.cancel()
        self._read_next()

    # Reading ------------------------------------------------------------------------------

    def read_all(self, rows: Iterable[ListedEntry]) -> None:
        """Read the kernels of these entries, one after the other."""
        self._rows, self._stopped = tuple(rows), False
        self._read_next()

    def stop(self) -> None:
        """Stop reading until `read_all`."""
        self._stopped = True
        self._cancel.cancel()
        if self._timer is not None:
            self._timer.stop()

    def _wanted(self, row: ListedEntry) -> bool:
        return row.image is not None and not self.known(row).read

    def _read_next(self) -> None:
        """Read the entry that is shown, else the next of which it has not been done."""
        if self.session is None or self._reading is not None or self._stopped:
            return
        first = (self._row,) if self._row is not None else ()
        row = next((row for row in (*first, *self._rows) if self._wanted(row)), None)
        if row is not None:
            self._reading, self._cancel = _key(row), Cancel()
            self._read(self.session, row, self._cancel)

    @work(thread=True, group="details")
    def _read(self, session: Session, row: ListedEntry, cancel: Cancel) -> None:
        known: Known | None = None
        with contextlib.suppress(Cancelled):
            known = read_entry(session, row, cancel)
        self.post_message(EntryRead(row, known))

    def on_entry_read(self, event: EntryRead) -> None:
        self._reading = None
        if event.known is None:
            event.stop()
        else:
            self.learn([(event.row, event.known)])
            if self._row is not None and self._row.entry.id == event.row.entry.id:
                self.show_row(self._row)
        self._read_next()


def _key(row: ListedEntry) -> _Key:
    return row.entry.id, row.identity
