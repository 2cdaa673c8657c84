"""A machine with one entry for tests that write to its files, and a kernel that reads them."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from warmboot.core.load.loader import LoadRequest
from warmboot.core.plan.request import PlanRequest
from warmboot.core.sandbox.builders.bzimage import build_bzimage
from warmboot.core.sandbox.machine import SimulatedMachine, write_machine
from warmboot.core.sandbox.marker import write_marker
from warmboot.core.session import Session

ENTRY = "vmlinuz-6.12.1"
KERNEL = build_bzimage("6.12.1", body_size=300_000)
INITRD = b"\x7f" * 300_000


def write_root(root: Path) -> tuple[Path, Path]:
    """Make a machine below `root`; return its kernel and its initrd."""
    root.mkdir()
    write_marker(root)
    write_machine(root, SimulatedMachine("x86_64", "6.1.0", "root=/dev/vda2 ro"))
    kernel, initrd = root / "boot" / ENTRY, root / "boot/initrd.img-6.12.1"
    kernel.write_bytes(KERNEL)
    initrd.write_bytes(INITRD)
    for path in (kernel, initrd):
        path.chmod(0o644)
    return kernel, initrd


class Kernel:
    """Reads what it is given twice, as a kernel reads a file while others write to it."""

    name = "a kernel"
    simulated = True

    def __init__(self) -> None:
        self.got: list[tuple[str, str]] = []

    def load(self, request: LoadRequest) -> None:
        """Take the digests of kernel and initrd."""
        assert request.initrd_fd is not None
        self.got.append((digest_of(request.kernel_fd), digest_of(request.initrd_fd)))

    def loaded(self) -> bool:
        """Whether something was."""
        return bool(self.got)

    def unload(self, *, panic: bool = False) -> None:
        """Do nothing."""

    def execute(self) -> None:
        """Do nothing."""


def digest_of(fd: int) -> str:
    """Return the SHA-256 of what is behind a descriptor, in hex."""
    return hashlib.sha256(os.pread(fd, 1 << 30, 0)).hexdigest()


def stage(session: Session, loader: Kernel) -> tuple[str | None, str | None]:
    """Stage as a front end does; returns the digests that are recorded."""
    entry = PlanRequest(entry=ENTRY)
    session.__dict__["loader"] = loader
    with session.plan(entry) as opened, session.prepare(opened) as prepared:
        staged, _ = session.stage(prepared)
    line = session.records()[-1]
    assert line["event"] == "staged"
    return staged.sha256, line["initrd_sha256"]  # type: ignore[return-value]
