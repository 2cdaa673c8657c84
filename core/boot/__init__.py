"""What is installed under a boot root: entries, initrds and command lines."""

from warmboot.core.boot.choose import choose
from warmboot.core.boot.entry import Entry, Kind, Listing, Looked
from warmboot.core.boot.find import find_entries
from warmboot.core.boot.root import BootRoot

__all__ = ["BootRoot", "Entry", "Kind", "Listing", "Looked", "choose", "find_entries"]
