"""The work behind the screens: plain functions for threads, and the messages they answer with."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from textual.message import Message

from warmboot.core.boot import Entry, Listing
from warmboot.core.boot.devices import Devices
from warmboot.core.boot.find import find_entries
from warmboot.core.boot.presets import Preset, built_in
from warmboot.core.bpf.abi import Dialect
from warmboot.core.errors import ImageError, WarmbootError
from warmboot.core.host.surroundings import Surroundings, read_surroundings
from warmboot.core.images import Fact, Format, identify
from warmboot.core.kexec import (
    Machine,
    Plan,
    Selection,
    Staged,
    Status,
    Strategy,
    check,
    open_machine,
    prepare,
)
from warmboot.core.kexec.checks.registry import examine_machine
from warmboot.core.kexec.review import devices_of
from warmboot.core.payload.examine import examine as examine_image
from warmboot.core.payload.initrd import mismatch, read_initrd
from warmboot.core.progress import Cancel, Progress, Report
from warmboot.core.text import clock, printable
from warmboot.tui.asked import presets_of
from warmboot.tui.commands.doctor import finding_lines
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
    sha256: str | None = None


@dataclass
class WorkFailed(Message):
    """Something could not be done: what, and what to do next."""

    message: str
    hint: str | None


@dataclass(frozen=True, slots=True)
class Scene:
    """What a plan is judged by beside the machine's own facts, read once for a plan screen."""

    around: Surroundings
    devices: Devices
    dialect: Dialect | None
    presets: tuple[Preset, ...]


@dataclass
class SelectionOpened(Message):
    """An entry's files are open; whoever takes the message closes them."""

    entry: Entry | None
    selection: Selection
    scene: Scene


@dataclass
class Examined(Message):
    """What the checks say of the machine, as text."""

    text: str


@dataclass
class Told(Message):
    """Something was done; what there is to say of it."""

    title: str
    text: str


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
    facts = payload_facts(payload, image) if payload else ()
    release = (payload.release if payload else None) or image.release or row.entry.version
    facts = (*facts, *_initrd_facts(machine, row.entry, release, cancel))
    return DetailsRead(row, facts, None, payload.sha256 if payload else None)


def _initrd_facts(
    machine: Machine, entry: Entry, release: str | None, cancel: Cancel
) -> Iterator[Fact]:
    """Yield what there is to say against an entry's initrds: unreadable, or for another kernel."""
    for path in entry.initrds:
        try:
            with machine.root.open(path) as file:
                warning = mismatch(read_initrd(file.view, cancel=cancel), release)
        except ImageError as error:
            warning = error.message
        if warning:
            yield Fact("INITRD", warning)


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
    return SelectionOpened(row.entry, selection, read_scene(machine))


def open_files(
    machine: Machine, entry: Entry | None, kernel: str | None, initrds: tuple[str, ...] | None
) -> SelectionOpened:
    """Open what the operator named by path for a plan, the rest from the entry."""
    selection = Selection.open(machine.root, entry, kernel, initrds)
    return SelectionOpened(entry, selection, read_scene(machine))


def read_scene(machine: Machine) -> Scene:
    """Read what goes on around the kernel; presets of a broken configuration file are left out."""
    try:
        presets = presets_of(machine)
    except WarmbootError:
        presets = built_in(machine.host.machine)
    return Scene(
        read_surroundings(machine.host.prefix), devices_of(machine), machine.dialect(), presets
    )


def examine_here(machine: Machine) -> Examined:
    """Run every check of the machine."""
    around = read_surroundings(machine.host.prefix)
    return Examined("\n".join(finding_lines(examine_machine(machine.host, around))))


def write_report(machine: Machine, row: Row | None) -> Told:
    """Write the evidence for a bug report to the state folder; raises WarmbootError."""
    from warmboot.core.kexec.report import write_private
    from warmboot.tui.commands.report import collect

    content = json.dumps(collect(machine, row.entry.id if row else None), indent=1) + "\n"
    name = f"report-{time.strftime('%Y%m%dT%H%M%S')}.json"
    path = machine.journal.path.parent / name
    write_private(path, content.encode(), folder=True)
    text = f"{path}\n\nPasswords, keys and addresses are left out; look through it all the same."
    return Told("Evidence written", text)


def restart_later(machine: Machine, delay: float) -> Told:
    """Set a restart for later; it outlives this program. Raises WarmbootError."""
    from warmboot.tui.commands.restart import set_restart

    countdown, warning = set_restart(machine, time.time() + delay)
    lines = [f"{machine.host.name} restarts at {clock(countdown.at)}, whether this runs or not."]
    return Told("Restart set", "\n".join([*lines, "z cancels it.", *filter(None, (warning,))]))


def cancel_restart(machine: Machine) -> Told:
    """End the countdown; raises NotFound where there is none, WarmbootError."""
    from warmboot.core.kexec.later import cancel_restart as cancel

    _, warning = cancel(machine)
    text = "What is staged stays staged."
    return Told("The restart is cancelled", "\n".join([text, *filter(None, (warning,))]))


def restart(machine: Machine) -> Restarted:
    """Restart into what is staged; raises WarmbootError. Need not return on a real machine."""
    done = machine.execute()
    return Restarted(machine.refreshed(), done.warning)


def stage(
    machine: Machine,
    plan: Plan,
    selection: Selection,
    report: Report,
    cancel: Cancel,
    seen: str | None = None,
) -> StageDone:
    """Prepare and stage. Cancelling counts until the call begins; raises Cancelled before it.

    `seen` is the digest of the kernel as it was shown, unpacked where it was unpacked for that.
    """
    check(plan)
    same = plan.strategy in (Strategy.UNPACK, Strategy.TAKE_APART)
    previewed = seen if same or plan.image.format is Format.IMAGE else None
    if plan.strategy.by_parser:
        previewed = None
    with prepare(plan, selection, report=report, cancel=cancel, previewed=previewed) as prepared:
        cancel.close()
        staged, warning = machine.commit(prepared, report=report)
    return StageDone(staged, warning)
