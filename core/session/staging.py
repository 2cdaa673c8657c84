"""Staging and unloading, each recorded before it is tried, and how it ended."""

from __future__ import annotations

from warmboot.core.errors import NothingStaged
from warmboot.core.host import read_staged
from warmboot.core.load.stage import Prepared, commit
from warmboot.core.plan.staged import Staged
from warmboot.core.progress import Report, ignore
from warmboot.core.record.lock import only_one, undisturbed
from warmboot.core.record.recorder import note, recorded
from warmboot.core.session.machine import Machine

_CHANGED = (
    "The kernel read the files as they stand on disk, where somebody could change them meanwhile: "
    "what is staged is recorded as not known."
)


def stage(
    machine: Machine, prepared: Prepared, *, report: Report = ignore
) -> tuple[Staged, str | None]:
    """Stage what is prepared and record it, with the checks that were overruled.

    Returns what is staged, and a warning where the journal could not be written where it belongs.
    Raises Refused (with what the kernel logged), ImageError, Blocked where another warmboot is
    running, WarmbootError where the journal can be written nowhere.
    """
    plan = prepared.plan
    forced = list(plan.forced)
    prepared.digests(report)  # here a signal still ends it
    intent = {"request": plan.request.fields(), "strategy": plan.strategy, "forced": forced}
    with only_one(machine.host.prefix, "warmboot stage"), undisturbed():
        step = "crash-staging" if plan.request.panic else "staging"
        with recorded(machine.journal, machine.host, step, **intent) as warnings:
            staged = commit(prepared, machine.loader, machine.host, report=report)
        if staged.sha256 is None:
            warnings.append(_CHANGED)
        after = {"initrd_sha256": prepared.initrd_sha256, "forced": forced}
        note(warnings, lambda: machine.journal.staged(staged, **after))
    return staged, warnings[0] if warnings else None


def unload(machine: Machine, *, panic: bool = False) -> str | None:
    """Take out what is staged, or the crash kernel; returns a warning as `stage` does.

    Raises Refused, and NothingStaged without asking the kernel: every call counts against
    kexec_load_limit_reboot.
    """
    host = machine.host
    with only_one(host.prefix, "warmboot unload"), undisturbed():
        there = host.crash_staged if panic else read_staged(host.prefix)
        if there is False:
            kind = "crash kernel" if panic else "kernel"
            raise NothingStaged(f"No {kind} is staged; there is nothing to unload")
        step = "crash-unloading" if panic else "unloading"
        with recorded(machine.journal, host, step) as warnings:
            machine.loader.unload(panic=panic)
        name = "crash-unloaded" if panic else "unloaded"
        note(warnings, lambda: machine.journal.append(name, host.boot_id))
    return warnings[0] if warnings else None
