"""The machine that is worked on: its boot root, its facts, its kernel, its journal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from warmboot.core.boot import BootRoot, Running
from warmboot.core.errors import WarmbootError
from warmboot.core.host import Host, read_host
from warmboot.core.kexec.journal import Journal
from warmboot.core.kexec.loader import Loader
from warmboot.core.kexec.native import NativeLoader
from warmboot.core.kexec.simulator import Simulator
from warmboot.core.kexec.stage import Prepared, Staged, commit
from warmboot.core.progress import Report, ignore
from warmboot.core.sandbox.marker import is_sandbox


@dataclass(frozen=True, slots=True)
class Status:
    """What is staged now. `staged` is None where the kernel does not tell; `what` is what the
    journal knows of it, None where something else staged it."""

    staged: bool | None
    what: Staged | None


@dataclass(frozen=True, slots=True)
class Machine:
    """Where images are looked for and which kernel is asked to load them."""

    root: BootRoot
    host: Host
    loader: Loader
    journal: Journal
    foreign_root: bool

    @property
    def simulated(self) -> bool:
        """Whether everything happens in a sandbox."""
        return self.loader.simulated

    def running(self) -> Running | None:
        """Return what runs now, None where the root is that of another system."""
        if self.foreign_root:
            return None
        return Running.read(self.host.prefix, self.host.release, self.host.cmdline)

    def refreshed(self) -> Machine:
        """Return the machine with its facts read anew."""
        return replace(self, host=read_host(self.host.prefix))

    def status(self) -> Status:
        """Return what is staged now."""
        host = read_host(self.host.prefix)
        what = self.journal.current(host.boot_id) if host.staged else None
        return Status(host.staged, what)

    def commit(self, prepared: Prepared, *, report: Report = ignore) -> tuple[Staged, str | None]:
        """Stage what is prepared and record it.

        Returns what is staged, and a warning where the journal could not be written: the kernel
        is staged all the same. Raises Refused, ImageError.
        """
        staged = commit(prepared, self.loader, self.host, report=report)
        return staged, self._record(lambda: self.journal.staged(staged))

    def unload(self, *, panic: bool = False) -> str | None:
        """Take out what is staged, or the crash kernel; returns a warning as commit does.

        Raises Refused.
        """
        self.loader.unload(panic=panic)
        name = "crash-unloaded" if panic else "unloaded"
        return self._record(lambda: self.journal.event(name, self.host.boot_id))

    def execute(self, *, now: bool = False) -> str | None:
        """Restart into what is staged; `now` leaves services running to the end.

        Returns on a simulated machine only, or where systemd does the restart in its own time.
        Raises NothingStaged, Refused, WarmbootError.
        """
        warning = self._record(lambda: self.journal.event("executed", self.host.boot_id))
        if now and isinstance(self.loader, NativeLoader):
            self.loader.execute_now()
        else:
            self.loader.execute()
        return warning

    @staticmethod
    def _record(write: Callable[[], None]) -> str | None:
        try:
            write()
        except WarmbootError as error:
            return error.message
        return None


def open_machine(root: Path) -> Machine:
    """Return the machine for a boot root: simulated in a sandbox, else the one in front of us.

    A root that is no sandbox (/mnt/sysroot) is where images come from; they are staged here.
    """
    boot_root = BootRoot(root)
    if is_sandbox(root):
        simulator = Simulator(root)
        return Machine(boot_root, read_host(root), simulator, Journal(root), False)
    host = read_host(Path("/"))
    foreign = root.resolve() != Path("/")
    return Machine(boot_root, host, NativeLoader(host), Journal(Path("/")), foreign)
