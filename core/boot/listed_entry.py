"""An entry with what its image's header says: a line of a list."""

from __future__ import annotations

from warmboot.core.boot.entry import Entry
from warmboot.core.boot.root import BootRoot
from warmboot.core.errors import WarmbootError
from warmboot.core.images import BootImage, Identity, identify
from warmboot.core.values import NamedTuple


class ListedEntry(NamedTuple):
    """An entry with its image's header, or why there is none; neither before it was read.

    `identity` is that of the file the header was read from. `obstacle` says in a phrase why the
    entry cannot be started on this machine; None where nothing is known to stand against it.
    `brief` says the same in few words.
    """

    entry: Entry
    image: BootImage | None = None
    problem: str | None = None
    identity: Identity | None = None
    obstacle: str | None = None
    brief: str | None = None

    @property
    def read(self) -> bool:
        """Whether the file was looked at."""
        return self.image is not None or self.problem is not None


def read_header(root: BootRoot, entry: Entry) -> ListedEntry:
    """Return an entry with what its image's header says; never raises for a bad file."""
    if entry.problem:
        return ListedEntry(entry, None, entry.problem)
    try:
        with root.open(entry.kernel) as file:
            return ListedEntry(entry, identify(file.view), None, file.identity)
    except WarmbootError as error:
        return ListedEntry(entry, None, error.message)
