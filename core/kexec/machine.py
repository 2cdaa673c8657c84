"""The machine that is worked on: its boot root, its facts, its kernel, its journal."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from warmboot.core.boot import BootRoot, Running
from warmboot.core.bpf.abi import Dialect
from warmboot.core.errors import Blocked, NothingStaged, WarmbootError
from warmboot.core.host import Host, read_host, read_staged
from warmboot.core.kexec.journal import Journal
from warmboot.core.kexec.loader import Loader
from warmboot.core.kexec.lock import Holder, only_one, read_holder, undisturbed
from warmboot.core.kexec.stage import Prepared, Staged, commit
from warmboot.core.kexec.steps import note, recorded
from warmboot.core.progress import Report, ignore
from warmboot.core.sandbox.marker import is_sandbox

if TYPE_CHECKING:  # what only some commands do is imported where it is done
    from warmboot.core.host.jobs import Job
    from warmboot.core.kexec.around import Watchdog
    from warmboot.core.kexec.arrival import Arrival, Attempt
    from warmboot.core.kexec.countdown import Countdown
    from warmboot.core.kexec.execute import Way

_CHANGED = (
    "A file changed while the kernel read it, so what is staged is not known for sure. "
    "Stage it again."
)


@dataclass(frozen=True, slots=True)
class Status:
    """What is staged now. `staged` is None where the kernel does not tell; `what` is what the
    journal knows of it, None where something else staged it.

    `interrupted` names a step (``staging``, ``unloading``) that began and has no end: whether it
    took effect is not known. `attempt` is a restart that was begun or set in this boot and has not
    taken place. `reboot_is_kexec`: ``systemctl reboot`` would start what is staged. `readable`:
    this user may read the records; else `what`, `countdown` and the like are not known.
    """

    staged: bool | None
    what: Staged | None
    interrupted: str | None = None
    countdown: Countdown | None = None
    last_restart: Arrival | None = None
    attempt: Attempt | None = None
    watchdogs: tuple[Watchdog, ...] = ()
    reboot_is_kexec: bool = False
    holder: Holder | None = None
    readable: bool = True


@dataclass(frozen=True, slots=True)
class Executed:
    """What came of a restart that returned: systemd's jobs, and a warning about the journal."""

    way: Way
    jobs: tuple[Job, ...]
    warning: str | None


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

    def dialect(self) -> Dialect | None:
        """Return what the running kernel's parser interface speaks, None where it has none."""
        if self.host.option("KEXEC_BPF") is False:
            return None
        from warmboot.core.bpf.detect import detect  # reads megabytes; few kernels have it

        return detect(self.host.prefix, self.host.config).dialect

    def refreshed(self) -> Machine:
        """Return the machine with its facts read anew."""
        return replace(self, host=read_host(self.host.prefix))

    def status(self) -> Status:
        """Return what is staged now, what is about to happen, and what the last restart did."""
        from warmboot.core.kexec.around import read_watchdogs, reboot_is_kexec
        from warmboot.core.kexec.arrival import last_attempt, last_restart
        from warmboot.core.kexec.countdown import read_countdown

        prefix = self.host.prefix
        host = read_host(prefix)
        lines = self.journal.lines()
        countdown, holder = read_countdown(prefix), read_holder(prefix)
        known = self.journal.known(host.boot_id)
        begun = known.interrupted.get("event") if known.interrupted and host.staged else None
        attempt = last_attempt(lines, host.boot_id, set_now=countdown is not None)
        return Status(
            staged=host.staged,
            what=known.staged if host.staged and begun is None else None,
            interrupted=str(begun) if begun else None,
            countdown=countdown,
            last_restart=last_restart(lines, host),
            attempt=None if holder else attempt,
            watchdogs=read_watchdogs(prefix),
            reboot_is_kexec=reboot_is_kexec(prefix, systemd=host.systemd, staged=host.staged),
            holder=holder,
            readable=self.journal.readable(),
        )

    def commit(self, prepared: Prepared, *, report: Report = ignore) -> tuple[Staged, str | None]:
        """Stage what is prepared and record it, with the checks that were overruled.

        Returns what is staged, and a warning where the journal could not be written where it
        belongs. Raises Refused (with what the kernel logged), ImageError, Blocked where another
        process works on this machine, WarmbootError where the journal can be written nowhere.
        """
        forced = list(prepared.plan.forced)
        intent = {**_summary(prepared), "forced": forced}
        with only_one(self.host.prefix, "warmboot stage"), undisturbed():
            step = "crash-staging" if prepared.plan.choices.panic else "staging"
            with recorded(self.journal, self.host, step, **intent) as warnings:
                staged = commit(prepared, self.loader, self.host, report=report)
            if staged.sha256 is None:
                warnings.append(_CHANGED)
            after = {"initrd_sha256": prepared.initrd_sha256, "forced": forced}
            note(warnings, lambda: self.journal.staged(staged, **after))
        return staged, warnings[0] if warnings else None

    def unload(self, *, panic: bool = False) -> str | None:
        """Take out what is staged, or the crash kernel; returns a warning as commit does.

        Raises Refused, and NothingStaged without asking the kernel: every call counts against
        kexec_load_limit_reboot.
        """
        with only_one(self.host.prefix, "warmboot unload"), undisturbed():
            there = self.host.crash_staged if panic else read_staged(self.host.prefix)
            if there is False:
                kind = "crash kernel" if panic else "kernel"
                raise NothingStaged(f"No {kind} is staged; there is nothing to unload")
            step = "crash-unloading" if panic else "unloading"
            with recorded(self.journal, self.host, step) as warnings:
                self.loader.unload(panic=panic)
            name = "crash-unloaded" if panic else "unloaded"
            note(warnings, lambda: self.journal.append(name, self.host.boot_id))
        return warnings[0] if warnings else None

    def way(self, *, now: bool = False) -> Way:
        """Return how a restart would end the running system."""
        from warmboot.core.kexec.execute import choose_way

        return choose_way(self.host, simulated=self.simulated, now=now)

    def executable(self, *, whatever: bool = False) -> Staged | None:
        """Return what a restart would start, as the journal knows it.

        Raises NothingStaged, and Blocked where the journal does not say for sure what is staged;
        `whatever` goes on all the same and returns None then.
        """
        if read_staged(self.host.prefix) is not True:
            raise NothingStaged("No kernel is staged", hint="Stage one first: warmboot stage.")
        known = self.journal.known(self.host.boot_id)
        if known.staged is not None and known.interrupted is None:
            return known.staged
        if whatever:
            return None
        if known.interrupted is not None:
            why = f"{known.interrupted.get('event')} was interrupted, so it is not known what is"
        else:
            why = "something else than warmboot put there what is"
        raise Blocked(
            f"No restart: {why} staged now",
            hint="Stage it again, or start what is there: warmboot exec --whatever-is-staged.",
        )

    def execute(self, *, now: bool = False, whatever: bool = False) -> Executed:
        """Restart into what is staged; `now` leaves services running to the end.

        Returns on a simulated machine only, or where systemd does the restart in its own time.
        Raises what `executable` raises, Refused, WarmbootError.
        """
        way = self.way(now=now)
        with only_one(self.host.prefix, "warmboot exec"), undisturbed():
            staged = self.executable(whatever=whatever)
            intent = {"staged": asdict(staged) if staged else None, "running": self.host.release}
            with recorded(self.journal, self.host, "executing", way=way, **intent) as warnings:
                jobs = self._end(way, staged)
            event = "executed" if self.simulated else "handed-over"
            note(warnings, lambda: self.journal.append(event, self.host.boot_id, way=way))
        return Executed(way, jobs, warnings[0] if warnings else None)

    def _end(self, way: Way, staged: Staged | None) -> tuple[Job, ...]:
        """Tell everybody, and jump; where that fails, tell everybody so."""
        if self.simulated:
            self.loader.execute()
            return ()
        from warmboot.core.kexec.execute import carry_out

        what = (staged.release or staged.kernel) if staged else "the staged kernel"
        self.tell(f"{self.host.name} restarts into {what} now.")
        try:
            return carry_out(way)
        except WarmbootError:
            self.tell(f"{self.host.name} does not restart: it failed.")
            raise

    def tell(self, text: str) -> None:
        """Tell the other sessions of a real machine; never an error."""
        if not self.simulated:
            from warmboot.core.kexec.around import tell_everybody

            tell_everybody(text, [session.terminal for session in self.host.sessions])


def open_machine(root: Path) -> Machine:
    """Return the machine for a boot root: simulated in a sandbox, else the one in front of us.

    A root that is no sandbox (/mnt/sysroot) is where images come from; they are staged here.
    """
    boot_root = BootRoot(root)
    if is_sandbox(root):
        from warmboot.core.kexec.simulator import Simulator

        return Machine(boot_root, read_host(root), Simulator(root), Journal(root), False)
    from warmboot.core.kexec.native import NativeLoader

    host = read_host(Path("/"))
    foreign = root.resolve() != Path("/")
    return Machine(boot_root, host, NativeLoader(host), Journal(Path("/")), foreign)


def _summary(prepared: Prepared) -> dict[str, object]:
    choices = prepared.plan.choices
    return {
        "kernel": choices.kernel,
        "initrds": list(choices.initrds or ()),
        "cmdline": choices.cmdline.text,
        "strategy": prepared.plan.strategy,
    }
