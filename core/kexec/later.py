"""A restart for later: set, cancelled, due. Each is recorded, and the other sessions are told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from warmboot.core.errors import NotFound, WarmbootError
from warmboot.core.kexec import countdown
from warmboot.core.kexec.countdown import Countdown
from warmboot.core.kexec.lock import only_one, undisturbed
from warmboot.core.kexec.machine import Executed, Machine
from warmboot.core.kexec.stage import Staged
from warmboot.core.kexec.steps import note, recorded
from warmboot.core.text import clock


def set_restart(
    machine: Machine, wanted: Countdown, command: Sequence[str]
) -> tuple[Countdown, str | None]:
    """Have `command` run at the time of `wanted`.

    Returns what is set, and a warning where that could not be recorded where it belongs. Raises
    Blocked where a restart is set already, WarmbootError where nothing can wait; then none is set.
    """
    host = machine.host
    intent = {"at": wanted.at, "id": wanted.id}
    with only_one(host.prefix, "warmboot exec"), undisturbed():
        with recorded(machine.journal, host, "setting", countdown=intent) as warnings:
            made = countdown.begin(host.prefix, wanted, command)
        record = asdict(made)
        note(warnings, lambda: machine.journal.append("set", host.boot_id, countdown=record))
    machine.tell(f"{host.name} restarts into another kernel at {clock(made.at)}.")
    return made, warnings[0] if warnings else None


def cancel_restart(machine: Machine) -> tuple[Countdown, str | None]:
    """End the countdown; returns what was cancelled and a warning as set_restart does.

    Raises NotFound where none is set, WarmbootError where it cannot be ended. It waits for no
    lock: what is due meanwhile is either cancelled or begun, and this says which.
    """
    host = machine.host
    warnings: list[str] = []
    with undisturbed():
        ended = countdown.cancel(host.prefix)
        if ended is None:
            raise NotFound("No restart is set; there is nothing to cancel")
        text = ended.id
        note(warnings, lambda: machine.journal.append("cancelled", host.boot_id, countdown=text))
    machine.tell(f"The restart of {host.name} at {clock(ended.at)} is cancelled.")
    return ended, warnings[0] if warnings else None


def restart_due(machine: Machine, identity: str, *, now: bool, whatever: bool) -> Executed:
    """Carry out the restart `identity`, for which the time has come; see Machine.execute.

    What is staged must be what was staged when the time was set. Raises NotFound where it was
    cancelled; where it does not begin for another reason, that is recorded.
    """
    with undisturbed():
        claimed = countdown.claim(machine.host.prefix, identity)
        if claimed is None:
            raise NotFound("This restart was cancelled")
        try:
            _check_same(machine.executable(whatever=whatever), claimed)
            return machine.execute(now=now, whatever=whatever)
        except WarmbootError as error:
            _not_begun(machine, error.message)
            raise


def _check_same(staged: Staged | None, claimed: Countdown) -> None:
    found = (staged.sha256, staged.at) if staged else (None, None)
    if found != (claimed.sha256, claimed.staged_at):
        raise WarmbootError(
            "What is staged changed after the restart was set; no restart", hint="Set it again."
        )


def _not_begun(machine: Machine, why: str) -> None:
    """Record why a restart that was due did not begin, where its own step has not done so."""
    for line in machine.journal.lines(1):
        if line.get("event") in ("failed", "refused") and line.get("step") == "executing":
            return
    boot = machine.host.boot_id
    note([], lambda: machine.journal.append("failed", boot, step="executing", message=why))
