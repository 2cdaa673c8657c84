"""What the system to be tried is made of: its initrd's kind, and the versions of its systemd."""

from __future__ import annotations

from collections.abc import Iterable

from warmboot.core.expression import expression
from warmboot.core.fit.initramfs import Initramfs, made_by
from warmboot.core.host.systemd import systemd_version
from warmboot.core.images import View
from warmboot.core.payload.initrd import read_initrd
from warmboot.core.plan.boot_files import BootFiles
from warmboot.core.plan.new_root import NewRoot
from warmboot.core.rooted import rooted
from warmboot.core.values import dataclass

_NAMES = 1 << 16  # of an archive; Debian's have 3,000
_BYTES = 1 << 30
_LIBRARY = expression(r"(?:usr/)?lib(?:64)?/(?:[^/]+/)?systemd/libsystemd-shared-(\d{1,4})")
#: What runs as process 1; its library comes along with udev, without it.
_PROGRAMS = ("usr/lib/systemd/systemd", "lib/systemd/systemd")

#: What lets dracut-initqueue.service run; modules for volumes and networks bring it.
_QUEUE = ("usr/lib/dracut/need-initqueue", "lib/dracut/need-initqueue")


@dataclass(frozen=True, slots=True)
class TargetSystem:
    """The system to be tried. Versions of systemd are None where there is none, or not known.

    `initrd_systemd` is of the one that is process 1 there. `root_known`: its root file system is
    one that was looked at here. `waits_for_ever`: the initrd of dracut gives a missing device up
    only by rd.timeout=, as it has no queue (which does by rd.retry=).
    """

    initramfs: Initramfs
    initrd_systemd: int | None
    root_systemd: int | None
    root_known: bool
    waits_for_ever: bool = False


def read_target(files: BootFiles, new: NewRoot) -> TargetSystem:
    """Read it from the initrds and from the tree that the command line names.

    An initrd that is damaged is of another kind: what it holds is not known.
    """
    kind, inside, queue = _initrd(_views(files))
    tree = new.root if new.certain else None
    root = None if tree is None else systemd_version(rooted(tree.path))
    waits = kind is Initramfs.DRACUT and not queue
    return TargetSystem(kind, inside, root, tree is not None, waits)


def _views(files: BootFiles) -> list[View]:
    if files.initrds is not None:
        return [file.view for file in files.initrds]
    return [files.part(part) for part in files.parts.initrds] if files.parts else []


def _initrd(views: Iterable[View]) -> tuple[Initramfs, int | None, bool]:
    """Return what made it, the version of its systemd, and whether dracut's queue runs there."""
    kind, version, runs, queue = Initramfs.NONE, None, False, False
    for view in views:
        found = read_initrd(view, head=_NAMES, limit=_BYTES)
        names = [name for part in found.segments for name in part.names]
        if kind in (Initramfs.NONE, Initramfs.OTHER):
            kind = made_by(names)
        for name in names:
            library = _LIBRARY.match(name)
            version = int(library[1]) if library else version
            runs = runs or name in _PROGRAMS
            queue = queue or name in _QUEUE
    return kind, version if runs else None, queue
