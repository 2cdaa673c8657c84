"""An image by what the operator typed: a path, or the name of an entry."""

from __future__ import annotations

import os

from warmboot.core.boot.choose import choose
from warmboot.core.boot.find import find_entries
from warmboot.core.images import ImageFile
from warmboot.core.kexec import Machine


def open_named(machine: Machine, name: str) -> ImageFile:
    """Open the file `name`, or else the kernel of the entry called so; raises WarmbootError."""
    if os.sep in name or os.path.lexists(name):
        return ImageFile.open(name)
    return machine.root.open(choose(find_entries(machine.root), name).kernel)
