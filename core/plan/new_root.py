"""Which tree the new system will have as its root: the one that runs now, another deployment, none.

The same file system may hold several. Sources: ostree-prepare-root(1); btrfs(5) for subvol= and
subvolid=; systemd-veritysetup-generator(8); systemd-fstab-generator(8) for mount.usr=.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from warmboot.core.boot.cmdline import Word, last_value, parse
from warmboot.core.boot.root import BootRoot
from warmboot.core.debug import debug
from warmboot.core.errors import WarmbootError
from warmboot.core.host.file_systems import content_of
from warmboot.core.host.root_stack import RootStack
from warmboot.core.plan.context import PlanContext
from warmboot.core.values import NamedTuple

#: Words that name a tree beside root=: two systems that differ in one have not the same /usr.
_NAMING = ("ostree", "composefs", "roothash", "usrhash", "mount.usr", "mount.usrflags")
_SUBVOLUMES = ("subvol", "subvolid")


class NewRoot(NamedTuple):
    """`root` is the tree, None where it is another than all that can be looked at here.

    `certain`: the command line says so itself; without root= it is what the initrd decides.
    """

    root: BootRoot | None
    certain: bool = True


def read_new_root(cmdline: str, context: PlanContext, root: BootRoot) -> NewRoot:
    """Return the tree that `cmdline` mounts, `root` being that of the boot entries.

    Another system's is taken to be where its entries are. Raises nothing.
    """
    new, now = parse(cmdline), parse(context.host.cmdline)
    certain = True
    if not context.foreign_root:
        wanted, mounted = last_value(new, "root"), last_value(now, "root")
        certain = wanted is not None or mounted is None
        if wanted is not None and not _same_device(wanted, mounted, context):
            return NewRoot(None)
        if _named(new) == _named(now):
            return NewRoot(root, certain)
    deployment = last_value(new, "ostree")
    if deployment is not None:
        return NewRoot(_below(root, deployment), certain)
    return NewRoot(root if context.foreign_root else None, certain)


def other_block(cmdline: str, context: PlanContext, stack: RootStack) -> str | None:
    """Return the name of the block device that `cmdline` has as root where it is another than the
    running root, which `stack` is; None for the same, and for one that is not there."""
    known, wanted = context.cmdline, last_value(parse(cmdline), "root")
    if known is None or wanted is None or stack.block is None:
        return None
    device = known.real(wanted)
    mounted = last_value(parse(context.host.cmdline), "root")
    name = device.removeprefix("/dev/")
    if name in stack.blocks or (mounted is not None and known.real(mounted) == device):
        return None
    return name if content_of(context.host.prefix, name) is not None else None


def _same_device(wanted: str, mounted: str | None, context: PlanContext) -> bool:
    if wanted == mounted:
        return True
    known = context.cmdline
    if mounted is None or known is None:
        return False
    real = known.real(wanted)
    return real == known.real(mounted) and real.startswith("/dev/")


def _named(words: Sequence[Word]) -> dict[str, str | None]:
    """Return what names a tree on a file system; init= does where it is in a store of systems."""
    found = {name: last_value(words, name) for name in _NAMING}
    init = last_value(words, "init")
    found["init"] = init if init is not None and "store" in init.split("/") else None
    flags = dict(
        flag.partition("=")[::2] for flag in (last_value(words, "rootflags") or "").split(",")
    )
    for name in _SUBVOLUMES:
        found[name] = flags[name].strip("/") if name in flags else None
    return found


def _below(root: BootRoot, deployment: str) -> BootRoot | None:
    """Return the tree of an OSTree deployment, None where it is not there."""
    try:
        fd = root.find(deployment, os.O_DIRECTORY)
    except (OSError, ValueError):
        return None
    try:
        path = os.readlink(f"/proc/self/fd/{fd}")
        debug("the deployment %s is %s", deployment, path)
        return BootRoot(Path(path))
    except (OSError, WarmbootError):
        return None
    finally:
        os.close(fd)
