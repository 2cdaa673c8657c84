"""Every step that the journal tells of: what was done, how it ended, and what came of a restart."""

from __future__ import annotations

from collections.abc import Iterable

from warmboot.core.enumeration import StrEnum
from warmboot.core.host import Host
from warmboot.core.host.boot_time import read_boot_time
from warmboot.core.plan.staged import Staged
from warmboot.core.record.journal import Line
from warmboot.core.record.outcome import CLOCK_SET_BACK, compare
from warmboot.core.record.trial_outcome import ending_of_trial
from warmboot.core.text import printable
from warmboot.core.values import dataclass, field, replace

_AWAY = 3600.0  # seconds; after more than that, another start may lie between


class Deed(StrEnum):
    """What was done."""

    STAGE = "stage"
    UNLOAD = "unload"
    CRASH_STAGE = "stage for a crash"
    CRASH_UNLOAD = "unload the crash kernel"
    SCHEDULE = "schedule"
    RESTART = "restart"


class Ending(StrEnum):
    """How it ended. `ARRIVED`, `ELSEWHERE` and `UNKNOWN` are of restarts that took place."""

    DONE = "done"
    CANCELLED = "cancelled"
    REFUSED = "refused"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    UNDER_WAY = "under way"
    ARRIVED = "came up"
    ELSEWHERE = "another kernel came up"
    UNKNOWN = "not known"


@dataclass(frozen=True)
class Step:
    """One step. `at` is when it began, in seconds since the epoch, `before` the release that ran.

    `staged` is what was staged or was to be started, None where it is not known. `text` says how it
    ended in words. `away` is the time from the restart's record to the start of the next kernel,
    in seconds; None where it is not known. `trial` says what became of a restart on trial, None for
    any other step. `record` are the lines of the journal.
    """

    deed: Deed
    at: float
    ending: Ending
    text: str
    staged: Staged | None = None
    before: str | None = None
    away: float | None = None
    trial: str | None = None
    record: tuple[Line, ...] = field(default=(), repr=False)


#: Events that begin a step, and those that end one well.
_INTENTS = {
    "staging": Deed.STAGE,
    "unloading": Deed.UNLOAD,
    "crash-staging": Deed.CRASH_STAGE,
    "crash-unloading": Deed.CRASH_UNLOAD,
    "setting": Deed.SCHEDULE,
    "executing": Deed.RESTART,
}
_ENDS = {
    "staged": Deed.STAGE,
    "unloaded": Deed.UNLOAD,
    "crash-staged": Deed.CRASH_STAGE,
    "crash-unloaded": Deed.CRASH_UNLOAD,
    "set": Deed.SCHEDULE,
    "executed": Deed.RESTART,
    "handed-over": Deed.RESTART,
}

_BAD = {"refused": Ending.REFUSED, "failed": Ending.FAILED}


def read_history(lines: Iterable[Line], host: Host) -> tuple[Step, ...]:
    """Return the steps that a journal's lines tell of, oldest first.

    What became of a restart is told by the first line of another boot behind it, or else by the
    kernel that runs now, of which `host` has the facts.
    """
    steps: list[Step] = []
    last: dict[Deed, int] = {}  # where the last step of each kind stands
    left: int | None = None  # the restart of which it is not known yet what became of it
    for line in lines:
        if left is not None and line.get("boot_id") not in (_boot(steps[left]), None):
            steps[left] = _with_outcome(steps[left], line, host)
            left = None
        event = str(line.get("event"))
        if event in _INTENTS:
            deed = _INTENTS[event]
            steps.append(_begun(deed, line))
            last[deed] = len(steps) - 1
        elif (place := _place(event, line, steps, last)) is not None:
            steps[place] = _ended(steps[place], event, line)
        if steps and steps[-1].deed is Deed.RESTART:
            left = len(steps) - 1
    if left is not None and _boot(steps[left]) != host.boot_id:
        steps[left] = _with_outcome(steps[left], None, host)
    return tuple(_with_trial(step) for step in steps)


def _with_trial(step: Step) -> Step:
    return replace(step, trial=ending_of_trial(step.record)) if step.deed is Deed.RESTART else step


def _place(event: str, line: Line, steps: list[Step], last: dict[Deed, int]) -> int | None:
    """Return the step that an event belongs to, None for none; one of its own where it has none."""
    deed = _ENDS.get(event)
    if event in _BAD:
        deed = _INTENTS.get(str(line.get("step")))
    if event == "cancelled":
        deed = Deed.SCHEDULE
    if deed is None:
        return len(steps) - 1 if steps and event not in _BAD else None
    place = last.get(deed)
    if place is None or not _open(steps[place], event):
        steps.append(replace(_begun(deed, line), record=()))
        place = last[deed] = len(steps) - 1
    return place


def _boot(step: Step) -> object:
    return step.record[0].get("boot_id") if step.record else None


def _begun(deed: Deed, line: Line) -> Step:
    at = line.get("at")
    before = line.get("running", line.get("release"))
    return Step(
        deed,
        float(at) if isinstance(at, int | float) else 0.0,
        Ending.INTERRUPTED,
        "began, and has no end: it was interrupted",
        Staged.read(line.get("staged")),
        before if isinstance(before, str) else None,
        record=(line,),
    )


def _open(step: Step, event: str) -> bool:
    """Whether an event can belong to a step: one that has ended only gets cancelled."""
    return step.ending is Ending.INTERRUPTED or (
        event == "cancelled" and step.ending is Ending.DONE
    )


def _ended(step: Step, event: str, line: Line) -> Step:
    step = replace(step, record=(*step.record, line))
    if event in _BAD:
        return replace(step, ending=_BAD[event], text=printable(str(line.get("message")), 400))
    if event == "cancelled":
        return replace(step, ending=Ending.CANCELLED, text="cancelled before it was due")
    if event not in _ENDS:
        return step
    if step.deed is Deed.RESTART:
        text = "handed over to systemd" if event == "handed-over" else "carried out"
        return replace(step, ending=Ending.UNDER_WAY, text=text)
    staged = Staged.read(line.get("staged")) or step.staged
    return replace(step, ending=Ending.DONE, text="done", staged=staged)


def _with_outcome(step: Step, after: Line | None, host: Host) -> Step:
    """Return a restart with what became of it, by a line of the next boot, or by what runs now."""
    if step.ending not in (Ending.UNDER_WAY, Ending.INTERRUPTED):
        return step
    release: object
    started: object
    if after is None or after.get("boot_id") == host.boot_id:
        started, release, cmdline = read_boot_time(host.prefix), host.release, host.cmdline
    else:
        started, release, cmdline = after.get("booted"), after.get("release"), None
    away = None
    if isinstance(started, int | float) and -CLOCK_SET_BACK <= started - step.at <= _AWAY:
        away = max(0.0, float(started - step.at))
    if step.staged is None or not isinstance(release, str):
        text = "it is not recorded what was to come up, or what did"
        return replace(step, ending=Ending.UNKNOWN, text=text, away=away)
    arrived, text = compare(step.staged, printable(release, 100), cmdline)
    ending = Ending.ARRIVED if arrived else Ending.ELSEWHERE
    return replace(step, ending=ending, text=text, away=away)
