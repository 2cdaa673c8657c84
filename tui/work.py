"""The work behind the screens: plain functions for threads, and the messages they answer with."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from textual.message import Message

from warmboot.core.boot import Entry, Listing, find_entries
from warmboot.core.errors import ImageError
from warmboot.core.images import Fact, identify
from warmboot.core.kexec import (
    Machine,
    Plan,
    Selection,
    Staged,
    Status,
    check,
    open_machine,
    prepare,
)
from warmboot.core.payload import examine as examine_image
from warmboot.core.progress import Cancel, Progress, Report
from warmboot.core.text import printable
from warmboot.tui.facts import Row, examine, payload_facts

_HAND_OUT = 0.05  # seconds between two portions of rows


@dataclass
class MachineRead(Message):
    """The machine's facts and what is staged on it."""

    machine: Machine
    status: Status


@dataclass
class EntriesFound(Message):
    """All entries, not read yet, and where was looked."""

    rows: tuple[Row, ...]
    listing: Listing


@dataclass
class RowsRead(Message):
    """Some more entries with what their headers say."""

    rows: tuple[Row, ...]


@dataclass
class DetailsRead(Message):
    """What reading the whole of an entry's kernel showed: facts, or why it failed."""

    row: Row
    facts: tuple[Fact, ...]
    problem: str | None


@dataclass
class WorkFailed(Message):
    """Something could not be done: what, and what to do next."""

    message: str
    hint: str | None


@dataclass
class SelectionOpened(Message):
    """An entry's files are open; whoever takes the message closes them."""

    entry: Entry | None
    selection: Selection


@dataclass
class StageProgress(Message):
    """How far staging has come."""

    progress: Progress

    def can_replace(self, message: Message) -> bool:
        return isinstance(message, StageProgress)


@dataclass
class StageDone(Message):
    """What is staged now, and a warning where it could not be recorded."""

    staged: Staged
    warning: str | None


@dataclass
class Restarted(Message):
    """The restart was handed over; on a simulated machine it is over, and this is what runs."""

    machine: Machine
    warning: str | None


def read_machine(root: Path) -> MachineRead:
    """Read the machine's facts; raises WarmbootError where `root` is no directory."""
    machine = open_machine(root)
    return MachineRead(machine, machine.status())


def read_entries(machine: Machine) -> Iterator[EntriesFound | RowsRead]:
    """Find the entries, then read their headers; what is known is handed out as it comes."""
    listing = find_entries(machine.root, machine.running())
    yield EntriesFound(tuple(Row(entry) for entry in listing.entries), listing)
    ready: list[Row] = []
    since = time.monotonic()
    for entry in listing.entries:
        ready.append(examine(machine.root, entry))
        if time.monotonic() - since > _HAND_OUT:
            yield RowsRead(tuple(ready))
            ready, since = [], time.monotonic()
    yield RowsRead(tuple(ready))


def read_details(machine: Machine, row: Row, cancel: Cancel) -> DetailsRead:
    """Unpack an entry's kernel in memory to learn what only unpacking tells; raises Cancelled."""
    with machine.root.open(row.entry.kernel) as file:
        image = identify(file.view)
        payload = examine_image(file.view, image, cancel=cancel)
    return DetailsRead(row, payload_facts(payload, image) if payload else (), None)


def open_selection(machine: Machine, row: Row) -> SelectionOpened:
    """Open an entry's files for a plan; raises WarmbootError.

    What was shown in the list must be what is opened now, else ImageError.
    """
    selection = Selection.open(machine.root, row.entry)
    if row.identity is not None and selection.kernel.identity != row.identity:
        selection.close()
        raise ImageError(
            f"{printable(row.entry.kernel)} changed since it was listed",
            hint="An update may be running. Press r to look again, then choose the entry again.",
        )
    return SelectionOpened(row.entry, selection)


def open_files(
    machine: Machine, entry: Entry | None, kernel: str | None, initrds: tuple[str, ...] | None
) -> SelectionOpened:
    """Open what the operator named by path for a plan, the rest from the entry."""
    return SelectionOpened(entry, Selection.open(machine.root, entry, kernel, initrds))


def restart(machine: Machine) -> Restarted:
    """Restart into what is staged; raises WarmbootError. Need not return on a real machine."""
    done = machine.execute()
    return Restarted(machine.refreshed(), done.warning)


def stage(
    machine: Machine, plan: Plan, selection: Selection, report: Report, cancel: Cancel
) -> StageDone:
    """Prepare and stage. Cancelling counts until the call begins; raises Cancelled before it."""
    check(plan)
    with prepare(plan, selection, report=report, cancel=cancel) as prepared:
        cancel.close()
        staged, warning = machine.commit(prepared, report=report)
    return StageDone(staged, warning)
