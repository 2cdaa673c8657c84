"""What is installed under a boot root: entries, initrds and command lines.

Finding entries (warmboot.core.boot.find, warmboot.core.boot.resolve) is imported where it is done:
a kernel that is named by its path does not wait for it.
"""

from warmboot.core.boot.entry import Entry, Found, Kind, Listing, SearchedPlace
from warmboot.core.boot.loadervars import Running
from warmboot.core.boot.root import BootRoot

__all__ = ["BootRoot", "Entry", "Found", "Kind", "Listing", "Running", "SearchedPlace"]
