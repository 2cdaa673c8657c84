"""Who takes the running command line over, and with it the words of a trial, into other entries."""

from __future__ import annotations

from collections.abc import Iterable

from warmboot.core.boot.cmdline import installed
from warmboot.core.boot.entry import Entry, Kind
from warmboot.core.boot.root import BootRoot


def taken_over(root: BootRoot, entries: Iterable[Entry]) -> str | None:
    """Return what to say of kernels that are installed while the words are on the command line.

    kernel-install(8) gives them what runs, where no file says what. Each start of theirs would be
    on trial then. None where the entries are not of its making, or a file says it.
    """
    if installed(root) is not None or not root.exists("/usr/bin/kernel-install"):
        return None
    if not any(entry.kind in (Kind.BLS, Kind.UKI) for entry in entries):
        return None
    return (
        "A kernel that is installed now would get the words of the trial from kernel-install, as "
        "/proc/cmdline has them and there is no /etc/kernel/cmdline: write that first"
    )
