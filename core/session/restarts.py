"""Restarts into what is staged: now, at a later time, and when that time has come."""

from __future__ import annotations

import time
from collections.abc import Callable

from warmboot.core.errors import Blocked, NotFound, NothingStaged, WarmbootError
from warmboot.core.host import read_staged
from warmboot.core.host.jobs import Job
from warmboot.core.plan.checks.base import Finding
from warmboot.core.plan.staged import Staged
from warmboot.core.plan.trial.trial import read_mark
from warmboot.core.record.lock import only_one, undisturbed
from warmboot.core.record.recorder import note, recorded
from warmboot.core.restart import schedule
from warmboot.core.restart.execute import RestartMethod, carry_out, choose_method
from warmboot.core.restart.schedule import Countdown
from warmboot.core.session.machine import Machine
from warmboot.core.text import clock
from warmboot.core.values import NamedTuple, asdict


class Executed(NamedTuple):
    """What came of a restart that returned: systemd's jobs, and a warning about the journal."""

    method: RestartMethod
    jobs: tuple[Job, ...]
    warning: str | None


class Restarts:
    """The restarts of one machine. Each is recorded, and the other sessions are told."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    @staticmethod
    def when(at: str | None, delay: str | None) -> float | None:
        """Return when a restart is wanted, in seconds since the epoch; None for now.

        `at` and `delay` are as an operator types them; raises WrongArgument.
        """
        if at is not None:
            return schedule.parse_time(at, time.time())
        return None if delay is None else schedule.Moment.after(schedule.parse_delay(delay))

    def method(self, *, now: bool = False) -> RestartMethod:
        """Return how a restart would end the running system."""
        return choose_method(self._machine.host, simulated=self._machine.simulated, now=now)

    def target(self, *, whatever: bool = False, trial: bool = False) -> Staged | None:
        """Return what a restart would start, as the journal knows it; `trial`: a restart on trial.

        Raises NothingStaged, and Blocked where the system that runs is on trial itself, or the
        journal does not say for sure what is staged; `whatever` goes on with that all the same, and
        returns None then.
        """
        machine = self._machine
        if read_staged(machine.host.prefix) is not True:
            raise NothingStaged("No kernel is staged", hint="Stage one first: warmboot stage.")
        self._check_confirmed()
        known = machine.journal.known(machine.host.boot_id)
        if known.staged is not None and known.interrupted is None:
            if known.staged.trial is not None and not trial:
                raise Blocked(
                    "What is staged is for a restart on trial, which did not begin",
                    hint="Begin it with warmboot exec --trial, or stage again for a restart "
                    "without.",
                )
            return known.staged
        if whatever:
            return None
        if known.interrupted is not None:
            step = known.interrupted.get("event")
            why = f"{step} was interrupted, so it is not known what is staged now"
        else:
            why = "the staged kernel was not staged by warmboot"
        raise Blocked(
            f"No restart: {why}",
            hint="Stage it again, or start what is there: warmboot exec --whatever-is-staged.",
        )

    def _check_confirmed(self) -> None:
        """Raise Blocked in a system on trial: what counts to its end would end the next one."""
        host = self._machine.host
        if read_mark(host.cmdline) is None:
            return
        from warmboot.core.record.trial_outcome import TrialState, last_trial

        trial = last_trial(self._machine.journal.lines(), host)
        if trial is not None and trial.state is TrialState.PENDING:
            raise Blocked(
                "This system is on trial itself, and not confirmed yet",
                hint="warmboot confirm keeps it, warmboot confirm --revert goes back.",
            )

    def concerns(self, staged: Staged | None) -> tuple[Finding, ...]:
        """Return what stands against coming back over the network from a restart into `staged`.

        It is judged by the login that asks now, which need not be the one that staged it.
        """
        from warmboot.core.plan.checks.registry import judge_login

        return judge_login(staged.cmdline, self._machine.host) if staged is not None else ()

    def execute(self, *, now: bool = False, whatever: bool = False) -> Executed:
        """Restart into what is staged; `now` leaves services running to the end.

        Returns on a simulated machine only, or where systemd does the restart in its own time.
        Raises what `target` raises, Refused, WarmbootError.
        """
        with only_one(self._machine.host.prefix, "warmboot exec"), undisturbed():
            return self.execute_locked(self.target(whatever=whatever), now=now)

    def execute_locked(
        self, staged: Staged | None, *, now: bool = False, last: Callable[[], None] | None = None
    ) -> Executed:
        """Do what `execute` does for one who holds the machine's lock.

        `last` is as in warmboot.core.restart.execute.carry_out.
        """
        machine, host = self._machine, self._machine.host
        method = self.method(now=now)
        record = staged.fields() if staged else None
        intent = {"way": method, "staged": record, "running": host.release}
        if staged is not None and staged.trial is not None:
            intent["trial"] = staged.trial
        with recorded(machine.journal, host, "executing", **intent) as warnings:
            jobs = self._end(method, staged, last)
        event = "executed" if machine.simulated else "handed-over"
        note(warnings, lambda: machine.journal.append(event, host.boot_id, way=method))
        return Executed(method, jobs, warnings[0] if warnings else None)

    def set(
        self, at: float, *, now: bool = False, whatever: bool = False
    ) -> tuple[Countdown, str | None]:
        """Have the restart happen at `at`, in seconds since the epoch, into what is staged now.

        Returns what is set, and a warning where that could not be recorded where it belongs.
        Raises Blocked where a restart is set already, WarmbootError where nothing can wait; then
        none is set.
        """
        machine, host = self._machine, self._machine.host
        staged = self.target(whatever=whatever)
        wanted = schedule.make(at, staged.sha256 if staged else None, staged.at if staged else None)
        command = schedule.restart_command(machine.root.path, wanted.id, now=now, whatever=whatever)
        intent = {"at": wanted.at, "id": wanted.id}
        with only_one(host.prefix, "warmboot exec"), undisturbed():
            with recorded(machine.journal, host, "setting", countdown=intent) as warnings:
                made = schedule.begin(host.prefix, wanted, command)
            record = asdict(made)
            note(warnings, lambda: machine.journal.append("set", host.boot_id, countdown=record))
        machine.tell(f"{host.name} restarts into another kernel at {clock(made.at)}.")
        return made, warnings[0] if warnings else None

    def cancel(self) -> tuple[Countdown, str | None]:
        """End the countdown; returns what was cancelled and a warning as `set` does.

        Raises NotFound where none is set, WarmbootError where it cannot be ended. It waits for no
        lock: what is due meanwhile is either cancelled or begun, and this says which.
        """
        machine, host = self._machine, self._machine.host
        warnings: list[str] = []
        with undisturbed():
            ended = schedule.cancel(host.prefix)
            if ended is None:
                raise NotFound("No restart is scheduled, so there is nothing to cancel")
            name = ended.id
            note(
                warnings,
                lambda: machine.journal.append("cancelled", host.boot_id, countdown=name),
            )
        machine.tell(f"The restart of {host.name} at {clock(ended.at)} is cancelled.")
        return ended, warnings[0] if warnings else None

    def due(self, identity: str, *, now: bool, whatever: bool) -> Executed:
        """Carry out the restart `identity`, for which the time has come; see `execute`.

        What is staged must be what was staged when the time was set. Raises NotFound where it was
        cancelled; where it does not begin for another reason, that is recorded.
        """
        with undisturbed():
            claimed = schedule.claim(self._machine.host.prefix, identity)
            if claimed is None:
                raise NotFound("This restart was cancelled")
            try:
                _check_same(self.target(whatever=whatever), claimed)
                return self.execute(now=now, whatever=whatever)
            except WarmbootError as error:
                self._not_begun(error.message)
                raise

    def _end(
        self, method: RestartMethod, staged: Staged | None, last: Callable[[], None] | None
    ) -> tuple[Job, ...]:
        """Tell everybody, and jump; where that fails, tell everybody so."""
        machine = self._machine
        what = (staged.release or staged.kernel) if staged else "the staged kernel"
        machine.tell(f"{machine.host.name} restarts into {what} now.")
        try:
            return carry_out(method, machine.loader, last)
        except WarmbootError:
            machine.tell(f"{machine.host.name} does not restart: the attempt failed.")
            raise

    def _not_begun(self, why: str) -> None:
        """Record why a restart that was due did not begin, where its own step has not done so."""
        journal, boot = self._machine.journal, self._machine.host.boot_id
        for line in journal.lines(1):
            if line.get("event") in ("failed", "refused") and line.get("step") == "executing":
                return
        note([], lambda: journal.append("failed", boot, step="executing", message=why))


def _check_same(staged: Staged | None, claimed: Countdown) -> None:
    found = (staged.sha256, staged.at) if staged else (None, None)
    if found != (claimed.sha256, claimed.staged_at):
        raise WarmbootError(
            "What is staged changed after the restart was scheduled, so it was not carried out",
            hint="Schedule it again.",
        )
