"""An entry with what its image's header says: a line of a list."""

from __future__ import annotations

from warmboot.core.boot.entry import Entry
from warmboot.core.boot.root import BootRoot
from warmboot.core.errors import ImageError, WarmbootError
from warmboot.core.images import BootImage, Identity, ImageFile, identify
from warmboot.core.images.uki import Outline, Uki
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


class Headers:
    """The headers of kernels that a search opens anyway, so that a list reads no file twice."""

    def __init__(self) -> None:
        self._read: dict[str, tuple[BootImage, Identity]] = {}

    def keep(self, path: str, file: ImageFile, found: BootImage | Outline) -> None:
        """Keep what the open file at `path` says; what `found` leaves out is read."""
        try:
            image = Uki.complete(file.view, found) if isinstance(found, Outline) else found
        except ImageError:
            return  # whoever reads the header says what is wrong
        self._read[path] = image, file.identity

    def row(self, root: BootRoot, entry: Entry) -> ListedEntry:
        """As `read_header`, of what is kept where it is."""
        known = None if entry.problem else self._read.get(entry.kernel)
        if known is None:
            return read_header(root, entry)
        return ListedEntry(entry, known[0], None, known[1])


def read_header(root: BootRoot, entry: Entry) -> ListedEntry:
    """Return an entry with what its image's header says; never raises for a bad file."""
    if entry.problem:
        return ListedEntry(entry, None, entry.problem)
    try:
        with root.open(entry.kernel) as file:
            return ListedEntry(entry, identify(file.view), None, file.identity)
    except WarmbootError as error:
        return ListedEntry(entry, None, error.message)
