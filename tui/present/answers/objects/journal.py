"""The journal in JSON: its lines as they stand in the file, field by field."""

from __future__ import annotations

import json

from warmboot.core.hints import Annotated, TypedDict, cast
from warmboot.core.record.journal import Line
from warmboot.tui.present.answers.objects.restart import CountdownFields
from warmboot.tui.present.answers.objects.staged import StagedFields
from warmboot.tui.present.answers.shape import split


class RequestFields(TypedDict, total=False):
    """What was asked for; what was left out is left out here too."""

    entry: Annotated[str, "name of the entry"]
    kernel: Annotated[str, "path of a kernel"]
    initrds: Annotated[list[str], "paths of initrds"]
    devicetree: Annotated[str, "path of a device tree"]
    addons: Annotated[list[str], "paths of add-ons"]
    profile: Annotated[str, "number or id of a profile"]
    cmdline: Annotated[str, "the whole command line"]
    cmdline_from: Annotated[str, "where the command line was to come from"]
    presets: Annotated[list[str], "names of presets"]
    append: Annotated[str, "words to add to the command line"]
    loader: Annotated[str, "how the kernel was to be handed over"]
    panic: Annotated[bool, "whether it was to run after a crash"]
    forced: Annotated[list[str], "checks to go on against"]
    sha256: Annotated[str, "the SHA-256 that the kernel had to have"]
    trial: Annotated[str, "the restart on trial that it is for"]


class DueFields(TypedDict):
    """A restart that was about to be set."""

    id: Annotated[str, "its name"]
    at: Annotated[float, "when it was to be due"]


class RootMountsFields(TypedDict):
    """How often the root file system (ext4) was mounted for writing before a restart on trial."""

    uuid: Annotated[str, "its UUID"]
    count: Annotated[int, "that number"]
    checked: Annotated[int, "when it was last checked, in seconds since the epoch"]


class TrialRecordFields(TypedDict):
    """A restart on trial, as the journal keeps it."""

    id: Annotated[str, "its name"]
    seconds: Annotated[int, "how long the new system had until it was confirmed"]
    checks: Annotated[list[str], "health checks that were to confirm it"]
    layers: Annotated[list[str], "what was to bring the machine back"]
    not_covered: Annotated[list[str], "what would not have, in sentences"]
    one_shot: Annotated[list[str], "choices for the next start, with their values"]
    watchdog: Annotated[str | None, "the watchdog that counted; null without one"]
    watchdog_modules: Annotated[list[str], "modules that were loaded anew for it"]
    root_mounts: Annotated[
        RootMountsFields | None, "what tells whether the new system had its root; null without"
    ]


class JournalFields(TypedDict, total=False):
    """A line of the journal: a step that was about to be taken, or how one ended."""

    seq: Annotated[int, "its number"]
    at: Annotated[float, "when it was written"]
    event: Annotated[str, "what happened"]
    boot_id: Annotated[str | None, "the boot during which that was"]
    uid: Annotated[int, "the user who did it"]
    sudo_uid: Annotated[str, "the user who became that by sudo"]
    ssh_connection: Annotated[str, "the connection they came by"]
    release: Annotated[str, "release of the kernel that ran then"]
    booted: Annotated[float | None, "when that kernel started; null where not known"]
    request: Annotated[RequestFields, "what was asked for"]
    strategy: Annotated[str, "how the kernel was to get the image"]
    forced: Annotated[list[str], "checks that it went on against"]
    staged: Annotated[StagedFields | None, "what was staged"]
    initrd_sha256: Annotated[str | None, "SHA-256 of all initrds together"]
    way: Annotated[str, "how the system was to end"]
    running: Annotated[str, "release of the kernel that was left"]
    countdown: Annotated[CountdownFields | DueFields | str, "the restart that was set, or its name"]
    trial: Annotated[str, "the restart on trial that this is about"]
    trial_plan: Annotated[TrialRecordFields, "that trial as it was armed"]
    by: Annotated[str, "what confirmed it, where that was no user"]
    step: Annotated[str, "the step that ended so"]
    errno: Annotated[int | None, "the number of the error"]
    message: Annotated[str, "why it ended so"]
    other: Annotated[list[str], "what else stands there, as JSON: by another version, or damaged"]


def journal_fields(line: Line) -> JournalFields:
    """Return a line of the journal as the evidence holds it."""
    known, others = split(line, JournalFields)
    if others:
        known["other"] = [json.dumps({name: value}) for name, value in others.items()]
    return cast("JournalFields", known)
