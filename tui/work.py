"""The work behind the screens: plain functions for threads, and the messages they answer with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from textual.message import Message

from warmboot.core.boot import Entry, Listing, find_entries
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
from warmboot.core.payload import MemFile, unpack
from warmboot.core.progress import Cancel, Progress, Report
from warmboot.tui.facts import Row, examine, payload_facts


@dataclass
class MachineRead(Message):
    """The machine's facts and what is staged on it."""

    machine: Machine
    status: Status


@dataclass
class EntriesFound(Message):
    """All entries, and where was looked."""

    rows: tuple[Row, ...]
    listing: Listing


@dataclass
class DetailsRead(Message):
    """What unpacking an entry's kernel showed: facts, or why it failed."""

    entry: Entry
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

    entry: Entry
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


def read_entries(machine: Machine) -> EntriesFound:
    """Find the entries and read their headers."""
    listing = find_entries(machine.root)
    return EntriesFound(tuple(examine(machine.root, entry) for entry in listing.entries), listing)


def read_details(machine: Machine, entry: Entry, cancel: Cancel) -> DetailsRead:
    """Unpack an entry's kernel in memory to learn what only unpacking tells; raises Cancelled."""
    with machine.root.open(entry.kernel) as file:
        image = identify(file.view)
        if image.stream is None:
            return DetailsRead(entry, (), None)
        with MemFile("warmboot-details") as memory:
            payload = unpack(file.view, image.stream, memory, cancel=cancel)
    return DetailsRead(entry, payload_facts(payload, image), None)


def open_selection(machine: Machine, entry: Entry) -> SelectionOpened:
    """Open an entry's files for a plan; raises WarmbootError."""
    return SelectionOpened(entry, Selection.open(machine.root, entry))


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
