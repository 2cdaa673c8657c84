"""What the work behind the screens answers with.

The dataclasses have no methods that nobody calls: to make them took 6 ms when the program started.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.message import Message

from warmboot.core.boot.entry import Entry, Listing
from warmboot.core.boot.listed_entry import ListedEntry
from warmboot.core.progress import Progress

if TYPE_CHECKING:  # the first screen waits for nothing that only others need
    from warmboot.core.plan.checks.base import Finding
    from warmboot.core.plan.planner import OpenPlan
    from warmboot.core.plan.staged import Staged
    from warmboot.core.plan.trial.trial import TrialPlan
    from warmboot.core.record.history import Step
    from warmboot.core.session import Session
    from warmboot.core.session.status import Status
    from warmboot.tui.present.verdict import Known


@dataclass(eq=False, repr=False)
class MachineRead(Message):
    """The machine's facts and what is staged on it."""

    session: Session
    status: Status


@dataclass(eq=False, repr=False)
class EntriesFound(Message):
    """All entries, not read yet, and the places that were searched.

    `foreign`: they are those of another system than the one that runs.
    """

    rows: tuple[ListedEntry, ...]
    listing: Listing
    foreign: bool


@dataclass(eq=False, repr=False)
class RowsRead(Message):
    """Some more entries with what their headers say."""

    rows: tuple[ListedEntry, ...]


@dataclass(eq=False, repr=False)
class RowsJudged(Message):
    """What the checks say of some entries."""

    news: tuple[tuple[ListedEntry, Known], ...]


@dataclass(eq=False, repr=False)
class MachineJudged(Message):
    """What the checks say of the machine, whatever entry is chosen."""

    findings: tuple[Finding, ...]


@dataclass(eq=False, repr=False)
class JudgingDone(Message):
    """Every entry has its verdict, as far as headers and checks tell."""


@dataclass(eq=False, repr=False)
class EntryRead(Message):
    """What reading the whole of an entry's files showed; None where that was broken off."""

    row: ListedEntry
    known: Known | None


@dataclass(eq=False, repr=False)
class WorkFailed(Message):
    """Something could not be done: what, and what to do next."""

    message: str
    hint: str | None


@dataclass(eq=False, repr=False)
class PlanOpened(Message):
    """A plan is open; whoever takes the message closes it. `away` says how long restarts took."""

    entry: Entry | None
    opened: OpenPlan
    away: str


@dataclass(eq=False, repr=False)
class Examined(Message):
    """What the checks say of the machine."""

    findings: tuple[Finding, ...]


@dataclass(eq=False, repr=False)
class HistoryRead(Message):
    """Every step of the journal, and how long a restart takes by that."""

    steps: tuple[Step, ...]
    away: str


@dataclass(eq=False, repr=False)
class RestartLookedAt(Message):
    """What is staged, read just before a restart, how long restarts took, what stands against
    coming back from this one; the trial, where it is to be on trial."""

    session: Session
    status: Status
    away: str
    concerns: tuple[Finding, ...]
    trial: TrialPlan | None = None


@dataclass(eq=False, repr=False)
class ActionDone(Message):
    """Something was done; what there is to say of it."""

    title: str
    text: str


@dataclass(eq=False, repr=False)
class StageProgress(Message):
    """How far staging has come."""

    progress: Progress

    def can_replace(self, message: Message) -> bool:
        return isinstance(message, StageProgress)


@dataclass(eq=False, repr=False)
class StageDone(Message):
    """What is staged now, and a warning where it could not be recorded.

    `left` is how many loads and unloads the kernel allows yet; see Host.load_limit. `trial`: a
    restart on trial is wanted next.
    """

    staged: Staged
    warning: str | None
    left: int | None = None
    trial: bool = False


@dataclass(eq=False, repr=False)
class Restarted(Message):
    """The restart was handed over; on a simulated machine it is over, and this is what runs."""

    session: Session
    warning: str | None


@dataclass(eq=False, repr=False)
class Unloaded(Message):
    """What was staged is taken out; `leave`: the operator wants to leave then."""

    leave: bool
    warning: str | None
