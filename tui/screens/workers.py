"""The work behind the screens: plain functions for threads.

What a piece of work needs is imported by it: the list does not wait for the code of other screens.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from warmboot.core.boot.listed_entry import ListedEntry
from warmboot.core.errors import Cancelled, ImageError, WarmbootError
from warmboot.core.images import Format
from warmboot.core.plan.request import PlanRequest
from warmboot.core.progress import Cancel, Report
from warmboot.core.session import Session, open_session
from warmboot.core.text import clock
from warmboot.tui.actions import key_of
from warmboot.tui.present.verdict import Known
from warmboot.tui.screens.messages import (
    ActionDone,
    EntriesFound,
    Examined,
    HistoryRead,
    MachineRead,
    PlanOpened,
    Restarted,
    RestartLookedAt,
    RowsJudged,
    RowsRead,
    StageDone,
    Unloaded,
)

if TYPE_CHECKING:
    from warmboot.core.plan.planner import OpenPlan
    from warmboot.core.plan.trial.trial import TrialPlan

_HAND_OUT = 0.05  # seconds between two portions of rows
_NICE = 10
TRIAL = 600  # seconds that a new system has until it is confirmed


def read_machine(root: Path) -> MachineRead:
    """Read the machine's facts; raises WarmbootError where `root` is no directory."""
    session = open_session(root)
    return MachineRead(session, session.status())


def read_entries(session: Session) -> Iterator[EntriesFound | RowsRead]:
    """Find the entries, then read their headers; what is known is handed out as it comes."""
    listing = session.entries()
    rows = tuple(ListedEntry(entry) for entry in listing.entries)
    yield EntriesFound(rows, listing, session.foreign_root)
    yield from _portions((session.header(entry) for entry in listing.entries), RowsRead)


def judge_entries(session: Session, rows: Sequence[ListedEntry]) -> Iterator[RowsJudged]:
    """Say what the checks have against each entry, as `doctor ENTRY` would."""
    from warmboot.tui.present.history_text import last_restarts

    context = session.context(fit=False)
    last = last_restarts(session.history())

    def judge(row: ListedEntry) -> tuple[ListedEntry, Known]:
        before = last.get(row.entry.id)
        if row.problem is not None:
            return row, Known(no_plan=row.problem, last=before)
        try:
            return row, Known(session.standing(row.entry, context), last=before)
        except WarmbootError as error:
            return row, Known(no_plan=error.message, last=before)

    yield from _portions(map(judge, rows), RowsJudged)


_Found = TypeVar("_Found")
_Portion = TypeVar("_Portion")


def _portions(
    found: Iterable[_Found], portion: Callable[[tuple[_Found, ...]], _Portion]
) -> Iterator[_Portion]:
    """Yield what comes in portions, so that a slow search shows early and a fast one draws once."""
    ready: list[_Found] = []
    since = time.monotonic()
    for one in found:
        ready.append(one)
        if time.monotonic() - since > _HAND_OUT:
            yield portion(tuple(ready))
            ready, since = [], time.monotonic()
    yield portion(tuple(ready))


def read_entry(session: Session, row: ListedEntry, cancel: Cancel) -> Known:
    """Read all of an entry's files, the kernel unpacked in memory, and whether it fits the machine.

    What else the machine has to do comes first. Raises Cancelled.
    """
    with _standing_back():
        try:
            reading = session.images.details(row.entry, cancel)
        except Cancelled:
            raise
        except WarmbootError as error:
            return Known(damage=error.message)
        try:
            return Known(session.until(cancel).standing(row.entry, session.context()), reading)
        except Cancelled:
            raise
        except WarmbootError as error:
            return Known(reading=reading, no_plan=error.message)


@contextlib.contextmanager
def _standing_back() -> Iterator[None]:
    """Lower the priority of this thread meanwhile, where it may be raised again."""
    if os.geteuid() != 0:
        yield
        return
    thread = threading.get_native_id()
    before = os.getpriority(os.PRIO_PROCESS, thread)
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, thread, max(before, _NICE))
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, thread, before)


def open_plan(
    session: Session, request: PlanRequest, cancel: Cancel, row: ListedEntry | None = None
) -> PlanOpened:
    """Open what is asked for and plan it; raises WarmbootError, Cancelled.

    What was shown in the list as `row` must be what is opened now, else ImageError.
    """
    from warmboot.tui.present.forecast_text import away_text

    opened = session.until(cancel).plan(request)
    seen = row.identity if row is not None else None
    if seen is not None and opened.files.kernel.identity != seen:
        opened.close()
        raise ImageError(
            f"{opened.plan.files.kernel} changed since it was listed",
            hint=f"An update may be running; {key_of('entries', 'refresh')} looks again.",
        )
    return PlanOpened(opened.files.entry, opened, away_text(session.forecast()))


def examine_here(session: Session) -> Examined:
    """Run every check of the machine."""
    return Examined(session.refreshed().doctor())


def read_history(session: Session) -> HistoryRead:
    """Read every step of the journal."""
    from warmboot.tui.present.forecast_text import away_text

    return HistoryRead(session.history(), away_text(session.forecast()))


def look_before_restart(session: Session) -> RestartLookedAt:
    """Read the machine once more: who is logged in, what is staged, what would keep us out."""
    from warmboot.tui.present.forecast_text import away_text

    session = session.refreshed()
    status = session.status()
    concerns = session.restarts.concerns(status.what)
    return RestartLookedAt(session, status, away_text(session.forecast()), concerns)


def look_before_trial(session: Session) -> RestartLookedAt:
    """Judge a restart on trial, too, where something is staged; raises WarmbootError.

    Who types the host's name has read what is not covered right above it.
    """
    looked = look_before_restart(session)
    if looked.status.staged and looked.session.host.privileged:
        from warmboot.core.plan.trial.trial import TrialRequest

        asked = TrialRequest(seconds=TRIAL, without_watchdog=True)
        looked.trial = looked.session.trials.plan(asked)
        looked.trial.check()
    return looked


def restart_on_trial(session: Session, trial: TrialPlan) -> Restarted:
    """Arm what brings the machine back, and restart; raises WarmbootError, nothing armed then."""
    done = session.trials.execute(trial)
    return Restarted(session.refreshed(), done.warning)


def write_report(session: Session, row: ListedEntry | None) -> ActionDone:
    """Write the evidence for a bug report to the state folder; raises WarmbootError."""
    from warmboot.tui.present.evidence import collect

    content = collect(session, PlanRequest(entry=row.entry.id) if row else None)
    path = session.save_report(content)
    text = f"{path}\n\nPasswords, keys and addresses are left out. Read it before you pass it on."
    return ActionDone("Evidence written", text)


def restart_later(session: Session, at: float) -> ActionDone:
    """Set a restart for later; it outlives this program. Raises WarmbootError."""
    countdown, warning = session.restarts.set(at)
    lines = [f"{session.host.name} restarts at {clock(countdown.at)}, even if warmboot is closed."]
    key = key_of("entries", "cancel_restart")
    text = "\n".join([*lines, f"{key} cancels it.", *filter(None, (warning,))])
    return ActionDone("Restart scheduled", text)


def cancel_restart(session: Session) -> ActionDone:
    """End the countdown; raises NotFound where there is none, WarmbootError."""
    _, warning = session.restarts.cancel()
    text = "What is staged stays staged."
    return ActionDone("The restart is cancelled", "\n".join([text, *filter(None, (warning,))]))


def restart(session: Session) -> Restarted:
    """Restart into what is staged; raises WarmbootError. Need not return on a real machine."""
    done = session.restarts.execute()
    return Restarted(session.refreshed(), done.warning)


def confirm_trial(session: Session) -> ActionDone:
    """Keep the system that is on trial; raises NotFound where this is none, WarmbootError."""
    ended = session.trials.confirm()
    text = f"{session.host.name} stays in {session.host.release}. Nothing restarts it any more."
    return ActionDone("Confirmed", "\n".join([text, *filter(None, (ended.warning,))]))


def revert_trial(session: Session) -> Restarted:
    """Go back to the system before the trial; raises NotFound, WarmbootError."""
    ended = session.trials.revert()
    return Restarted(session.refreshed(), ended.warning)


def unload(session: Session, *, leave: bool = False) -> Unloaded:
    """Take out what is staged, to `leave` the program then; raises WarmbootError."""
    return Unloaded(leave, session.unload())


def stage(
    session: Session, opened: OpenPlan, report: Report, cancel: Cancel, seen: str | None = None
) -> StageDone:
    """Prepare and stage. Cancelling counts until the call begins; raises Cancelled before it.

    `seen` is the digest of the kernel as it was shown, unpacked where it was unpacked for that.
    """
    from warmboot.core.plan.route import Strategy

    plan = opened.plan
    same = plan.strategy in (Strategy.UNPACK, Strategy.SPLIT)
    previewed = seen if same or plan.image.format is Format.IMAGE else None
    if plan.strategy.by_parser:
        previewed = None
    with session.prepare(opened, report=report, cancel=cancel, previewed=previewed) as prepared:
        if not prepared.fixed:
            prepared.digests(report, cancel)
        cancel.close()
        staged, warning = session.stage(prepared, report=report)
    return StageDone(staged, warning, session.refreshed().host.load_limit)
