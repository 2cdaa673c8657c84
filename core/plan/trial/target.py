"""What the system to be tried is made of: its initrd's kind, and the versions of its systemd."""

from __future__ import annotations

from warmboot.core.expression import expression
from warmboot.core.fit.initramfs import Initramfs
from warmboot.core.fit.initrd_contents import InitrdContents, read_contents
from warmboot.core.host.systemd import systemd_version
from warmboot.core.images import View
from warmboot.core.plan.boot_files import BootFiles
from warmboot.core.plan.new_root import NewRoot
from warmboot.core.rooted import rooted
from warmboot.core.values import dataclass

_LIBRARY = expression(r"lib(?:64)?/(?:[^/]+/)?systemd/libsystemd-shared-(\d{1,4})")
#: What runs as process 1; its library comes along with udev, without it.
_PROGRAM = "lib/systemd/systemd"
#: What lets dracut-initqueue.service run; modules for volumes and networks bring it.
_QUEUE = "lib/dracut/need-initqueue"


@dataclass(frozen=True)
class TargetSystem:
    """The system to be tried. Versions of systemd are None where there is none, or not known.

    `initrd_systemd` is of the one that is process 1 there. `root_known`: its root file system is
    one that was looked at here. `waits_for_ever`: the initrd is dracut's with systemd and without
    its queue: a missing device is given up by rd.timeout= only, not by rd.retry=.
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
    views = _views(files)
    initrd = read_contents(("the initrd", view) for view in views)
    tree = new.root if new.certain else None
    return TargetSystem(
        initramfs=initrd.made_by if views else Initramfs.NONE,
        initrd_systemd=_systemd(initrd),
        root_systemd=None if tree is None else systemd_version(rooted(tree.path)),
        root_known=tree is not None,
        waits_for_ever=_waits_for_ever(initrd),
    )


def _views(files: BootFiles) -> list[View]:
    if files.initrds is not None:
        return [file.view for file in files.initrds]
    return [files.part(part) for part in files.parts.initrds] if files.parts else []


def _waits_for_ever(initrd: InitrdContents) -> bool:
    """Whether dracut leaves the wait for the root's device to systemd; it has no end of its own."""
    return initrd.made_by is Initramfs.DRACUT and initrd.has(_PROGRAM) and not initrd.has(_QUEUE)


def _systemd(initrd: InitrdContents) -> int | None:
    """Return the version of the systemd that runs there, None without one."""
    if not initrd.has(_PROGRAM):
        return None
    found = (_LIBRARY.match(path) for path in initrd.paths)
    return next((int(library[1]) for library in found if library), None)
