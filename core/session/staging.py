"""Staging and unloading, each recorded before it is tried, and how it ended."""

from __future__ import annotations

from warmboot.core.errors import Blocked, NothingStaged, WarmbootError
from warmboot.core.host import read_staged
from warmboot.core.load.prepared import Prepared
from warmboot.core.load.stage import commit, prepare
from warmboot.core.plan.plan import check
from warmboot.core.plan.planner import OpenPlan
from warmboot.core.plan.staged import Staged
from warmboot.core.progress import Cancel, Report, ignore
from warmboot.core.record.lock import only_one, undisturbed
from warmboot.core.record.recorder import note, recorded
from warmboot.core.session.machine import Machine

_CHANGED = (
    "The kernel read the files as they stand on disk, where somebody could change them meanwhile: "
    "what is staged is recorded as not known."
)
_UNREAD = "What is staged could not be read again: it is recorded as not known. {}"


def stage(
    machine: Machine, prepared: Prepared, *, report: Report = ignore
) -> tuple[Staged, str | None]:
    """Stage what is prepared and record it, with the checks that were overruled.

    Returns what is staged, and a warning where the journal could not be written where it belongs,
    another call was used, or what is staged could have been changed. Raises Refused (with what the
    kernel logged), ImageError, Blocked where another warmboot is running, WarmbootError where the
    journal can be written nowhere.
    """
    if not prepared.fixed:
        prepared.digests(report)  # here a signal still ends it
    with only_one(machine.host.prefix, "warmboot stage"), undisturbed():
        return stage_locked(machine, prepared, report=report)


def stage_locked(
    machine: Machine, prepared: Prepared, *, report: Report = ignore
) -> tuple[Staged, str | None]:
    """Do what `stage` does for one who holds the machine's lock."""
    plan = prepared.plan
    forced = list(plan.forced)
    intent = {"request": plan.request.fields(), "strategy": plan.strategy, "forced": forced}
    step = "crash-staging" if plan.request.panic else "staging"
    with recorded(machine.journal, machine.host, step, **intent) as warnings:
        staged = commit(prepared, machine.loader, machine.host, report=report)
    if staged.loader != plan.loader:
        warnings.append(f"This kernel has no {plan.loader}: {staged.loader} was used instead.")
    if staged.sha256 is None:
        unread = prepared.unread
        warnings.append(_CHANGED if unread is None else _UNREAD.format(unread.message))
    after = {"initrd_sha256": prepared.initrd_sha256, "forced": forced}
    note(warnings, lambda: machine.journal.staged(staged, **after))
    return staged, " ".join(warnings) or None


def prepare_checked(
    machine: Machine,
    opened: OpenPlan,
    report: Report,
    cancel: Cancel | None,
    previewed: str | None,
    *,
    rehearsal: bool,
    if_needed: bool,
    exact: bool,
) -> Prepared:
    """Prepare what may be staged; see Session.prepare.

    With `if_needed`, what may not be staged is prepared too, to see whether it is staged already.
    """
    plan, files = opened.plan, opened.files
    try:
        check(plan, rehearsal=rehearsal)
    except WarmbootError as forbidden:
        if not if_needed:
            raise
        try:
            prepared = prepare(plan, files, report=report, cancel=cancel, exact=exact)
        except WarmbootError:
            raise forbidden from None
        if already_staged(machine, prepared) is None:
            prepared.close()
            raise
        return prepared
    return prepare(plan, files, report=report, cancel=cancel, previewed=previewed, exact=exact)


def already_staged(machine: Machine, prepared: Prepared) -> Staged | None:
    """Return what is staged now where it is just what is prepared; see Session.already_staged."""
    host, panic = machine.host, prepared.plan.request.panic
    there = host.crash_staged if panic else read_staged(host.prefix)
    staged = machine.journal.known(host.boot_id, panic=panic).sure
    wanted = prepared.digest
    if not there or staged is None or wanted is None or staged.plan != wanted:
        return None
    return staged


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
        if (host.load_limit_panic if panic else host.load_limit) == 0:
            raise Blocked(
                "The kernel allows no further load or unload: its limit is used up",
                hint="What is staged stays so until a restart: warmboot exec, or through firmware.",
            )
        return unload_locked(machine, panic=panic)


def unload_locked(machine: Machine, *, panic: bool = False) -> str | None:
    """Do what `unload` does for one who holds the machine's lock, and knows that one is staged."""
    host = machine.host
    with recorded(machine.journal, host, "crash-unloading" if panic else "unloading") as warnings:
        machine.loader.unload(panic=panic)
    name = "crash-unloaded" if panic else "unloaded"
    note(warnings, lambda: machine.journal.append(name, host.boot_id))
    return warnings[0] if warnings else None
