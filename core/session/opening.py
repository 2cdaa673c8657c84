"""From a boot root to its session: of this machine, of another system's root, of a sandbox."""

from __future__ import annotations

import os
from pathlib import Path

from warmboot.core.boot.root import BootRoot
from warmboot.core.debug import debug
from warmboot.core.hints import TYPE_CHECKING
from warmboot.core.sandbox.marker import TRIAL, is_sandbox
from warmboot.core.session.session import Session

if TYPE_CHECKING:
    from warmboot.core.session.images import Images


def open_session(root: Path) -> Session:
    """Return the session for a boot root: of a sandbox, else of the machine in front of us.

    A root that is no sandbox (/mnt/sysroot) is where images come from; they are staged here.
    Raises NotFound where it is no directory, Blocked where it cannot be told which of them it is.
    """
    from warmboot.core.host import read_host

    boot_root = BootRoot(root)
    if is_sandbox(root):
        debug("%s is a sandbox: its simulated kernel is asked", root)
        real = Path(os.path.realpath(root))
        if (real / TRIAL).exists():
            from warmboot.core.sandbox.trial_host import settle

            settle(real)
        return Session(BootRoot(real), read_host(real), simulated=True, foreign_root=False)
    foreign = not os.path.samestat(os.stat(root), os.stat("/"))
    debug("%s is %s", root, "another system's root" if foreign else "this system's root")
    return Session(boot_root, read_host(Path("/")), simulated=False, foreign_root=foreign)


def open_images(root: Path) -> Images:
    """Return the images for a boot root; its machine is read only where an entry is named.

    Raises as open_session.
    """
    from warmboot.core.session.images import Images

    boot_root, simulated = BootRoot(root), is_sandbox(root)
    if simulated:
        boot_root = BootRoot(Path(os.path.realpath(root)))
    return Images(boot_root, lambda name: open_session(root).entry(name), simulated=simulated)


def make_sandbox(path: Path, *, kexec_bpf: str | None = None) -> tuple[Session, bool]:
    """Make a simulated machine in `path`, unless one is there; return it, and whether it is new.

    `kexec_bpf` ("v6", "v7") gives its kernel that dialect of the parser interface. Raises
    WarmbootError where `path` holds something else, or cannot be written.
    """
    from warmboot.core.sandbox.tree import create_sandbox

    created = create_sandbox(path, kexec_bpf=kexec_bpf)
    return open_session(path), created
