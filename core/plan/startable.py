"""Whether an entry can be started here, in one phrase: what a list says before any plan is made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from warmboot.core.architecture import of_machine
from warmboot.core.boot.entry import Entry
from warmboot.core.boot.listed_entry import ListedEntry
from warmboot.core.boot.merge import missing_files
from warmboot.core.boot.root import BootRoot
from warmboot.core.host import Host
from warmboot.core.images import BootImage
from warmboot.core.images.uboot import UImage
from warmboot.core.plan.route import Strategy
from warmboot.core.plan.way import Wanted, choose_way

if TYPE_CHECKING:
    from warmboot.core.bpf.abi import Dialect


def obstacle(row: ListedEntry, root: BootRoot, host: Host, dialect: Dialect | None) -> str | None:
    """Return why the entry cannot be started on this machine, None where nothing is known against.

    The checks of a plan say more; this is what its files and their headers tell, and the way that
    a plan would take. `dialect` is what the running kernel's parser interface speaks.
    """
    if row.problem is not None:
        return row.problem
    if row.image is not None:
        against = _image(row.image, row.entry, host, dialect)
        if against is not None:
            return against
    return next(missing_files(row.entry, root), None)


def _image(image: BootImage, entry: Entry, host: Host, dialect: Dialect | None) -> str | None:
    mine = of_machine(host.machine)
    if image.architecture is not None and image.architecture is not mine:
        return f"it is for {image.architecture}, this machine is {mine or host.machine}"
    if isinstance(image, UImage):
        return f"it is wrapped for U-Boot ({image.holds}), which kexec cannot load"
    wanted = Wanted(entry.devicetree, bool(entry.overlays))
    route = choose_way(image, wanted, host, mine, dialect).route
    return route.why if route.strategy is Strategy.NONE else None
