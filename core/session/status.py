"""What is staged now, what is about to happen, and what the last restart did."""

from __future__ import annotations

from warmboot.core.hints import TYPE_CHECKING
from warmboot.core.host import read_host
from warmboot.core.host.hardware import Watchdog, read_watchdogs
from warmboot.core.host.systemd import reboot_is_kexec
from warmboot.core.plan.staged import Staged
from warmboot.core.plan.trial.trial import read_mark
from warmboot.core.plan.trial.watchdog import BEFORE
from warmboot.core.record.leftover import read_leftover
from warmboot.core.record.lock import Holder, read_holder
from warmboot.core.record.outcome import Attempt, Outcome, last_attempt, last_restart
from warmboot.core.record.trial_outcome import TrialOutcome, TrialState, last_trial
from warmboot.core.restart import schedule
from warmboot.core.restart.schedule import Countdown, read_countdown
from warmboot.core.values import NamedTuple

if TYPE_CHECKING:
    from warmboot.core.restart.trial.host import Timer
    from warmboot.core.session.machine import Machine


class Status(NamedTuple):
    """What is staged now. `staged` is None where the kernel does not tell; `what` is what the
    journal knows of it, None where warmboot did not stage it.

    `interrupted` names a step (``staging``, ``unloading``) that began and has no end: whether it
    took effect is not known. `attempt` is a restart that was begun or set in this boot and has not
    taken place. `reboot_is_kexec`: ``systemctl reboot`` would start what is staged. `readable`:
    this user may read the records; else `what`, `countdown` and the like are not known. `problems`
    are records that were set aside, as they are damaged. `trial` is the last restart on trial,
    `left_over` what one that was interrupted may have left, by name. Of a system that
    is on trial now, `timer` is the dead-man timer, and `watchdog_at` when the watchdog that counts
    through the jump resets it, in seconds since the epoch, where that is known.
    """

    staged: bool | None
    what: Staged | None
    interrupted: str | None = None
    countdown: Countdown | None = None
    last_restart: Outcome | None = None
    attempt: Attempt | None = None
    watchdogs: tuple[Watchdog, ...] = ()
    reboot_is_kexec: bool = False
    holder: Holder | None = None
    readable: bool = True
    problems: tuple[str, ...] = ()
    trial: TrialOutcome | None = None
    left_over: tuple[str, ...] = ()
    timer: Timer | None = None
    watchdog_at: float | None = None

    @property
    def on_trial(self) -> bool:
        """Whether the system that runs is on trial, and not confirmed yet."""
        return self.trial is not None and self.trial.state is TrialState.PENDING

    @property
    def goes_back_at(self) -> float | None:
        """When a system on trial goes back by itself; None where it does not, or it is not known.

        That is by its timer, or by the watchdog where its way to the timer took long.
        """
        ends = (self.timer.ends if self.timer is not None else None, self.watchdog_at)
        return min((end for end in ends if end is not None), default=None)


def read_status(machine: Machine) -> Status:
    """Read it for a machine, whose facts are read anew."""
    prefix, journal = machine.host.prefix, machine.journal
    host = read_host(prefix)
    lines = journal.lines()
    countdown, holder = read_countdown(prefix), read_holder(prefix)
    known = journal.known(host.boot_id)
    begun = known.interrupted.get("event") if known.interrupted and host.staged else None
    attempt = last_attempt(lines, host.boot_id, set_now=countdown is not None)
    trial = last_trial(lines, host)
    pending = trial if trial and trial.state is TrialState.PENDING else None
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
        readable=journal.readable(),
        problems=tuple(filter(None, (journal.problem(), schedule.problem(prefix)))),
        trial=trial,
        timer=machine.trial_host.timer() if pending else None,
        watchdog_at=_watchdog_at(host.cmdline, pending),
        left_over=() if holder else read_leftover(lines, host.boot_id).names,
    )


def _watchdog_at(cmdline: str, pending: TrialOutcome | None) -> float | None:
    """Return when it fires at the earliest: it counts from when the old system is left."""
    mark = read_mark(cmdline)
    if pending is None or pending.at is None or mark is None or mark.watchdog is None:
        return None
    return pending.at + mark.seconds + BEFORE
