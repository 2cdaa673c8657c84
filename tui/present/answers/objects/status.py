"""How a machine stands, in JSON: in the answer of status, and in the evidence."""

from __future__ import annotations

from warmboot.core.hints import Annotated, TypedDict
from warmboot.core.host.hardware import Watchdog
from warmboot.core.record.lock import Holder
from warmboot.core.session.status import Status
from warmboot.tui.present.answers.declare import OneOf
from warmboot.tui.present.answers.objects.restart import (
    AttemptFields,
    CountdownFields,
    OutcomeFields,
    attempt_fields,
    countdown_fields,
    outcome_fields,
)
from warmboot.tui.present.answers.objects.staged import StagedFields, staged_fields
from warmboot.tui.present.answers.objects.trial import (
    TrialOutcomeFields,
    trial_outcome_fields,
)


class WatchdogFields(TypedDict):
    """A watchdog."""

    name: Annotated[str, "its name"]
    identity: Annotated[str, "its driver"]
    armed: Annotated[bool, "whether it is armed"]
    timeout: Annotated[int | None, "its time limit in seconds; null where not known"]
    module: Annotated[str | None, "its driver's module; null where not known"]
    fired: Annotated[bool, "whether it reset the machine before this boot"]


class HolderFields(TypedDict):
    """The process that works on the machine now."""

    pid: Annotated[int, "its number"]
    command: Annotated[str, "the command that it runs"]
    since: Annotated[float, "when it began"]
    started: Annotated[int | None, "when it started, in ticks since boot; null where not known"]


class StatusFields(TypedDict):
    """What is staged, what is set, and what became of restarts."""

    staged: Annotated[bool | None, "whether a kernel is; null where this one has no kexec"]
    what: Annotated[
        StagedFields | None, "what warmboot staged; null where it did not, or it is not known"
    ]
    interrupted: Annotated[
        str | None,
        "the step that began and has no end, so that it is not known what is staged; null without",
        OneOf(("staging", "unloading")),
    ]
    countdown: Annotated[CountdownFields | None, "the restart that is set; null where none is"]
    last_restart: Annotated[
        OutcomeFields | None, "what became of the last restart by warmboot; null without one"
    ]
    attempt: Annotated[
        AttemptFields | None, "a restart that has not taken place; null where there is none"
    ]
    watchdogs: Annotated[list[WatchdogFields], "the watchdogs"]
    trial: Annotated[
        TrialOutcomeFields | None, "what became of the last restart on trial; null without one"
    ]
    goes_back_at: Annotated[
        float | None,
        "when the system that runs on trial goes back by itself; null where that is not known",
    ]
    left_over: Annotated[
        list[str],
        "what an interrupted trial may have left behind: choices for the next start, what is "
        "staged, modules of the watchdog",
    ]
    reboot_is_kexec: Annotated[bool, "whether systemctl reboot would start what is staged"]
    holder: Annotated[HolderFields | None, "who works on the machine now; null where nobody does"]
    readable: Annotated[
        bool, "whether this user may read the journal; where not, what it would tell is null"
    ]


def status_fields(status: Status) -> StatusFields:
    """Return how a machine stands as answers hold it."""
    what, countdown, last = status.what, status.countdown, status.last_restart
    attempt, holder = status.attempt, status.holder
    return {
        "staged": status.staged,
        "what": staged_fields(what) if what is not None else None,
        "interrupted": status.interrupted,
        "countdown": countdown_fields(countdown) if countdown is not None else None,
        "last_restart": outcome_fields(last) if last is not None else None,
        "attempt": attempt_fields(attempt) if attempt is not None else None,
        "watchdogs": [_watchdog(dog) for dog in status.watchdogs],
        "trial": trial_outcome_fields(status.trial) if status.trial is not None else None,
        "goes_back_at": status.goes_back_at,
        "left_over": list(status.left_over),
        "reboot_is_kexec": status.reboot_is_kexec,
        "holder": _holder(holder) if holder is not None else None,
        "readable": status.readable,
    }


def _watchdog(dog: Watchdog) -> WatchdogFields:
    return {
        "name": dog.name,
        "identity": dog.identity,
        "armed": dog.armed,
        "timeout": dog.timeout,
        "module": dog.module,
        "fired": dog.fired,
    }


def _holder(holder: Holder) -> HolderFields:
    return {
        "pid": holder.pid,
        "command": holder.command,
        "since": holder.since,
        "started": holder.started,
    }
