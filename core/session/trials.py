"""Restarts on trial: planned and begun in one system, confirmed or taken back in the next.

Arming goes step by step, and whatever fails takes back what was done before it; so does what stands
by, where this process is killed. A watchdog stops with this process until the restart cannot be
stopped any more.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from warmboot.core.boot.cmdline import reusable
from warmboot.core.boot.entry import Listing
from warmboot.core.boot.loadervars import read_loader_variables
from warmboot.core.errors import Blocked, NotFound, WarmbootError
from warmboot.core.host import read_staged
from warmboot.core.host.firmware import read_firmware
from warmboot.core.host.hardware import read_watchdog_core, read_watchdogs
from warmboot.core.host.mount_count import read_mount_count
from warmboot.core.load.stage import prepare
from warmboot.core.plan.new_root import read_new_root
from warmboot.core.plan.plan import check
from warmboot.core.plan.planner import OpenPlan
from warmboot.core.plan.request import PlanRequest, read_request
from warmboot.core.plan.staged import Staged
from warmboot.core.plan.trial.health import read_baseline
from warmboot.core.plan.trial.judge import TrialFacts, judge
from warmboot.core.plan.trial.taken_over import taken_over
from warmboot.core.plan.trial.target import read_target
from warmboot.core.plan.trial.trial import (
    CONFIRMED,
    UNIT,
    Mark,
    TrialPlan,
    TrialRequest,
    WayBack,
    read_mark,
)
from warmboot.core.plan.trial.way_back import BootFacts, predict
from warmboot.core.record.leftover import MODULES, STAGED, Leftover, read_leftover
from warmboot.core.record.lock import only_one, undisturbed
from warmboot.core.record.recorder import note, recorded
from warmboot.core.record.trial_outcome import last_trial
from warmboot.core.restart.execute import RestartMethod, stopping
from warmboot.core.restart.trial.guard import guarded
from warmboot.core.restart.trial.one_shot import choose, grubenv_path, take_back
from warmboot.core.rooted import rooted
from warmboot.core.session.machine import Machine
from warmboot.core.session.restarts import Executed, Restarts
from warmboot.core.session.staging import stage_locked, unload_locked
from warmboot.core.session.undo import Undo
from warmboot.core.statefile import replace_state
from warmboot.core.values import NamedTuple

_ID_BYTES = 4


class Ended(NamedTuple):
    """A trial that was confirmed, or is being taken back; a warning about the journal."""

    id: str
    warning: str | None


class Trials:
    """The restarts on trial of one machine."""

    def __init__(
        self,
        machine: Machine,
        restarts: Restarts,
        plan: Callable[[PlanRequest], OpenPlan],
        entries: Callable[[], Listing],
    ) -> None:
        self._machine = machine
        self._restarts = restarts
        self._plan = plan
        self._entries = entries

    def plan(self, asked: TrialRequest) -> TrialPlan:
        """Return what a restart on trial into what is staged would be; nothing is changed.

        What stands against it is in its `refusals`. Raises NothingStaged, Blocked where it is not
        known what is staged, WrongArgument for a health check that cannot run there.
        """
        machine = self._machine
        staged = self._restarts.target(trial=True)
        if staged is None or staged.sha256 is None:
            raise Blocked(
                "What is staged cannot be staged again as it is: it is not known exactly",
                hint="Stage it anew: warmboot stage.",
            )
        request = self._request(staged)
        with self._plan(request) as opened:
            host, context, line = machine.host, opened.context, opened.plan.cmdline.text
            new = read_new_root(line, context, machine.root)
            target = read_target(opened.files, new)
            tree = new.root.path if new.root is not None and new.certain else None
            same = tree is not None and not context.foreign_root
            facts = TrialFacts(
                target=target,
                watchdogs=read_watchdogs(host.prefix),
                core=read_watchdog_core(host.prefix, host.cmdline),
                way_back=self._way_back(),
                baseline=read_baseline(host.prefix, tree),
                root_mounts=read_mount_count(host.prefix) if same else None,
            )
            name = secrets.token_hex(_ID_BYTES)
            return judge(name, asked, opened.plan, opened.files.options, facts)

    def execute(self, trial: TrialPlan, *, now: bool = False) -> Executed:
        """Arm and restart; where anything fails, what was armed is taken back, and that is said.

        Returns on a simulated machine only, or where systemd does the restart in its own time.
        Raises Blocked for what stands against it, and what staging and restarting raise.
        """
        trial.check()
        machine, host = self._machine, self._machine.host
        with only_one(host.prefix, "warmboot exec"), undisturbed():
            staged = self._restarts.target(trial=True)
            if staged is None or _own_line(staged) != trial.before:
                raise Blocked("What is staged changed meanwhile", hint="Try again.")
            with guarded(machine.root.path), self._undoing() as undo:
                record: dict[str, object] = {"trial": trial.id, "trial_plan": trial.record()}
                with recorded(machine.journal, host, "arming", **record) as warnings:
                    made = self._stage(trial, staged, undo, warnings)
                    last = self._hold(trial, undo, warnings, now=now)
                    self._choose(trial, undo)
                done = self._restarts.execute_locked(made, now=now, last=last)
                undo.keep()
        return done._replace(warning=done.warning or next(iter(warnings), None))

    def confirm(self) -> Ended:
        """Keep the system that is on trial: nothing restarts it once this returns.

        Raises NotFound where this is none, WarmbootError where something could not be stopped: the
        trial goes on then.
        """
        machine, host = self._machine, self._machine.host
        mark = self._on_trial()
        with only_one(host.prefix, "warmboot confirm"), undisturbed():
            with recorded(machine.journal, host, "confirming", trial=mark.id) as warnings:
                if mark.watchdog is not None:
                    machine.trial_host.stop_watchdog(mark.watchdog)
                if UNIT in host.cmdline:
                    machine.trial_host.stop_timer()
                    _try(warnings, partial(_note_confirmed, host.prefix, mark))
            for kind in mark.one_shots:
                _try(warnings, partial(take_back, machine.root, host.prefix, kind))
            append = machine.journal.append
            note(warnings, lambda: append("confirmed", host.boot_id, trial=mark.id))
        machine.tell(f"{host.name} stays in {host.release}: the restart on trial is confirmed.")
        if not machine.foreign_root:
            note(warnings, lambda: taken_over(machine.root, self._entries().entries))
        return Ended(mark.id, "; ".join(warnings) or None)

    def revert(self) -> Ended:
        """Go back to the old system at once, through firmware; raises as `confirm` does."""
        machine, host = self._machine, self._machine.host
        mark = self._on_trial()
        with only_one(host.prefix, "warmboot confirm"), undisturbed():
            machine.tell(f"{host.name} goes back to the kernel before now.")
            with recorded(machine.journal, host, "reverting", trial=mark.id) as warnings:
                machine.trial_host.restart()
        return Ended(mark.id, next(iter(warnings), None))

    def disarm(self) -> tuple[str, ...]:
        """Take back what an interrupted trial left armed; returns what that was, by name.

        Raises WarmbootError where not all can be taken back, Blocked where systemd ends the system
        for that trial.
        """
        machine, host = self._machine, self._machine.host
        with only_one(host.prefix, "warmboot exec"), undisturbed():
            found = read_leftover(machine.journal.lines(), host.boot_id)
            by_systemd = found.restarting and host.systemd and not machine.simulated
            if by_systemd and stopping(unanswered=True):
                raise Blocked("The restart on trial has begun: systemd ends the system for it")
            undo = Undo()
            if found.staged and read_staged(host.prefix) is not False:
                undo.then(STAGED, lambda: unload_locked(machine))
            if found.modules:
                undo.then(MODULES, lambda: machine.trial_host.load_again(found.modules))
            for kind in found.one_shots:
                undo.then(kind.value, partial(take_back, machine.root, host.prefix, kind))
            undone = undo.undo()
            if undone.left:
                raise WarmbootError(
                    f"Of a trial that did not begin is left: {', '.join(undone.left)}",
                    hint="warmboot --debug exec --cancel says why, and tries again.",
                )
            if found != Leftover():
                note([], lambda: machine.journal.append("disarmed", host.boot_id))
        if undone.done:
            machine.tell(f"{host.name} does not restart on trial: that was interrupted.")
        return undone.done

    @contextmanager
    def _undoing(self) -> Iterator[Undo]:
        """Take back what was done where an error ends it; the error says what could not be."""
        undo = Undo()
        try:
            yield undo
        except BaseException as error:
            undone = undo.undo()
            if undone.left:
                left = ", ".join(undone.left)
                said = f"Still armed: {left}. warmboot exec --cancel tries again."
            else:
                unloaded = STAGED in undone.done
                said = "Nothing is armed, nor staged any more." if unloaded else "Nothing is armed."
                journal, boot_id = self._machine.journal, self._machine.host.boot_id
                note([], lambda: journal.append("disarmed", boot_id))
            if isinstance(error, WarmbootError):
                error.hint = f"{said} {error.hint}" if error.hint else said
            raise

    def _request(self, staged: Staged) -> PlanRequest:
        """Return what staged it, with its command line as it is now; raises Blocked."""
        asked: PlanRequest | None = None
        for line in self._machine.journal.lines():
            if line.get("boot_id") == self._machine.host.boot_id and line.get("event") == "staging":
                asked = read_request(line.get("request"))
        if asked is None:
            raise Blocked("It is not known how it was staged", hint="Stage it anew.")
        own = _own_line(staged)
        return asked._replace(cmdline=own, cmdline_from=None, presets=(), append=None, trial=None)

    def _way_back(self) -> WayBack:
        machine = self._machine
        if machine.foreign_root:
            return WayBack(
                False, "the boot root is another system's, whose boot loader is not asked"
            )
        prefix = machine.host.prefix
        facts = BootFacts(
            entries=self._entries().entries,
            firmware=read_firmware(prefix),
            variables=read_loader_variables(prefix),
            grub_once=grubenv_path(machine.root),
        )
        return predict(facts)

    def _stage(self, trial: TrialPlan, staged: Staged, undo: Undo, warnings: list[str]) -> Staged:
        """Stage the same kernel with the words and the archive of the trial."""
        machine = self._machine
        with self._plan(trial.request) as opened:
            check(opened.plan)
            with prepare(
                opened.plan,
                opened.files,
                previewed=staged.sha256,
                previewed_initrd=self._initrd_before(),
                segment=trial.segment,
            ) as prepared:
                undo.then(STAGED, lambda: unload_locked(machine))
                made, warning = stage_locked(machine, prepared)
        warnings += [warning] if warning else []
        return made

    def _initrd_before(self) -> str | None:
        """Return the digest of the initrds that were staged; None where it is not known.

        What a trial staged itself has an archive of ours behind it, and does not count.
        """
        digest: object = None
        for line in self._machine.journal.lines():
            if line.get("boot_id") == self._machine.host.boot_id and line.get("event") == "staged":
                made = Staged.read(line.get("staged"))
                if made is not None and made.trial is None:
                    digest = line.get("initrd_sha256")
        return digest if isinstance(digest, str) else None

    def _hold(
        self, trial: TrialPlan, undo: Undo, warnings: list[str], *, now: bool
    ) -> Callable[[], None] | None:
        """Hold the watchdog; return what has it count through the jump.

        Where this process makes the jump, that is to go on holding it: it stops with the process
        and not with the kernel. systemd outlives the process, so there it is armed for good.
        """
        if trial.watchdog is None:
            return None
        host, modules = self._machine.trial_host, trial.watchdog.reload
        if modules:
            undo.then(MODULES, partial(host.load_again, modules))
        held = host.hold(trial.watchdog)

        def release() -> None:
            held.disarm()
            held.close()

        undo.then("the watchdog", release)
        outlived = self._restarts.method(now=now) is RestartMethod.SYSTEMD
        return partial(_try, warnings, held.arm if outlived else held.keep_alive)

    def _choose(self, trial: TrialPlan, undo: Undo) -> None:
        """Set the choices for the next start, and look whether they lead where they should."""
        root, prefix = self._machine.root, self._machine.host.prefix
        for choice in trial.way_back.choices:
            undo.then(choice.kind, partial(take_back, root, prefix, choice.kind))
            choose(root, prefix, choice)
        found = self._way_back()
        if trial.way_back.certain and (not found.certain or found.choices):
            raise WarmbootError(
                f"The way back is not certain after the choice for the next start: {found.text}",
                hint="Make the running kernel the boot loader's default.",
            )

    def _on_trial(self) -> Mark:
        mark = read_mark(self._machine.host.cmdline)
        if mark is None:
            raise NotFound(
                "This system is not on trial",
                hint="warmboot status says what the last restart did.",
            )
        outcome = last_trial(self._machine.journal.lines(), self._machine.host)
        if outcome is not None and outcome.confirmed_at is not None:
            raise NotFound(f"The trial is over: {outcome.text}")
        return mark


def _own_line(staged: Staged) -> str:
    """Return the command line of what is staged, without the words of a trial."""
    return staged.cmdline if staged.trial is None else reusable(staged.cmdline)


def _note_confirmed(prefix: Path, mark: Mark) -> None:
    """Keep the timer, which a target wishes for, from being started again by that."""
    try:
        replace_state(rooted(prefix) / CONFIRMED.lstrip("/"), f"{mark.id} by hand\n".encode())
    except OSError as error:
        raise WarmbootError(
            f"{CONFIRMED} could not be written ({error.strerror}): systemctl default would start "
            "the timer again"
        ) from error


def _try(warnings: list[str], step: Callable[[], object]) -> None:
    """Do what comes too late to fail: an error is a warning."""
    try:
        step()
    except WarmbootError as error:
        warnings.append(error.message)
