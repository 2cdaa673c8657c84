"""What is installed under a boot root: entries, initrds and command lines."""

from warmboot.core.boot.choose import choose
from warmboot.core.boot.entry import Entry, Found, Kind, Listing, Looked
from warmboot.core.boot.find import arrange, discover, find_entries
from warmboot.core.boot.loadervars import Running
from warmboot.core.boot.root import BootRoot

__all__ = [
    "BootRoot",
    "Entry",
    "Found",
    "Kind",
    "Listing",
    "Looked",
    "Running",
    "arrange",
    "choose",
    "discover",
    "find_entries",
]
