"""The right half of the main screen: what is known about the entry under the cursor."""

from __future__ import annotations

from textual import work
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.timer import Timer

from warmboot.core.boot.listed_entry import ListedEntry
from warmboot.core.errors import Cancelled, WarmbootError
from warmboot.core.images import Identity
from warmboot.core.progress import Cancel
from warmboot.core.session import Session
from warmboot.tui.present.entry_text import EntryDetails, details_text
from warmboot.tui.screens.messages import DetailsRead
from warmboot.tui.screens.workers import read_details
from warmboot.tui.widgets.bars import Text

_PAUSE = 0.05  # seconds the cursor rests before its entry's details are drawn
_SETTLE = 0.2  # seconds the cursor rests before a kernel is unpacked for its details


class DetailsPane(VerticalScroll):
    """Shows one entry, and reads all of its kernel once the cursor rests on it.

    What was read is posted as DetailsRead, and kept as long as the file stays the same.
    """

    def __init__(self) -> None:
        super().__init__(id="side")
        self.session: Session | None = None
        self._row: ListedEntry | None = None
        self._details: dict[tuple[str, Identity | None], EntryDetails] = {}
        self._cancel = Cancel()
        self._timer: Timer | None = None

    def compose(self) -> ComposeResult:
        yield Text("Looking for boot images", id="details")

    def on_unmount(self) -> None:
        self.stop()

    def known(self, row: ListedEntry) -> EntryDetails | None:
        """Return what reading the whole image showed, where it was read."""
        return self._details.get((row.entry.id, row.identity))

    def sha256(self, entry: str, file: Identity | None) -> str | None:
        """Return the digest of the kernel in a file as it was shown, None where it was not."""
        details = self._details.get((entry, file))
        return details.sha256 if details else None

    def show_text(self, text: str) -> None:
        """Show a text instead of an entry."""
        self._row = None
        self.query_one("#details", Text).show(text, layout=True)

    def show_row(self, row: ListedEntry) -> None:
        """Show an entry at once."""
        self._row = row
        self.query_one("#details", Text).show(details_text(row, self.known(row)), layout=True)

    def follow(self, row: ListedEntry | None) -> None:
        """Show an entry once the cursor rests on it; what is read for another one stops."""
        self.stop()
        self._row = row
        self._timer = self.set_timer(_PAUSE, self._paused)

    def settle(self) -> None:
        """Read all of the entry that is shown, unless the cursor moves on."""
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(_SETTLE, self._settled)

    def stop(self) -> None:
        """Stop reading."""
        self._cancel.cancel()
        if self._timer is not None:
            self._timer.stop()

    def _paused(self) -> None:
        if self._row is not None:
            self.show_row(self._row)
        self.settle()

    def _settled(self) -> None:
        row = self._row
        if row is None or row.image is None or self.session is None or self.known(row):
            return
        self._cancel.cancel()
        self._cancel = Cancel()
        self._read(self.session, row, self._cancel)

    @work(thread=True, group="details")
    def _read(self, session: Session, row: ListedEntry, cancel: Cancel) -> None:
        try:
            self.post_message(read_details(session, row, cancel))
        except Cancelled:
            pass
        except WarmbootError as error:
            self.post_message(DetailsRead(row, EntryDetails((), error.message)))

    def on_details_read(self, event: DetailsRead) -> None:
        self._details[event.row.entry.id, event.row.identity] = event.details
        if self._row is not None:
            self.show_row(self._row)
