"""Restarts in JSON: one that is set, one that did not take place, and the last that did."""

from __future__ import annotations

from warmboot.core.hints import Annotated, TypedDict
from warmboot.core.record.outcome import Attempt, Outcome
from warmboot.core.restart.schedule import Countdown
from warmboot.tui.present.answers.declare import OneOf
from warmboot.tui.present.answers.objects.staged import StagedFields, staged_fields


class CountdownFields(TypedDict):
    """A restart that is set."""

    id: Annotated[str, "its name"]
    at: Annotated[float, "when it is due"]
    since: Annotated[float, "when it was set"]
    uid: Annotated[int, "the user who set it"]
    unit: Annotated[str | None, "the timer of systemd that waits; null where a process does"]
    pid: Annotated[int | None, "the process that waits; null where a timer does"]
    started: Annotated[int | None, "when that process started, in ticks since boot; null without"]
    sha256: Annotated[str | None, "SHA-256 of what was staged then; null where not known"]
    staged_at: Annotated[float | None, "when that was staged; null where not known"]


class OutcomeFields(TypedDict):
    """What became of the last restart."""

    arrived: Annotated[bool, "whether what runs now is what was staged"]
    expected: Annotated[StagedFields, "what was staged"]
    before: Annotated[str | None, "release of the kernel before; null where not known"]
    at: Annotated[float, "when that was left"]
    away: Annotated[
        float | None, "seconds from then to the start of the kernel that runs; null where not known"
    ]
    text: Annotated[str, "what was compared, in words"]


class AttemptFields(TypedDict):
    """A restart that was begun or set in this boot and has not taken place."""

    event: Annotated[
        str,
        "the last that is recorded of it: executing was interrupted, handed-over went to systemd, "
        "set has nothing that waits for it any more",
        OneOf(("executing", "handed-over", "failed", "refused", "set")),
    ]
    at: Annotated[float, "when that was"]
    text: Annotated[str, "what happened, in words"]


def countdown_fields(countdown: Countdown) -> CountdownFields:
    """Return a restart that is set as answers hold it."""
    return {
        "id": countdown.id,
        "at": countdown.at,
        "since": countdown.since,
        "uid": countdown.uid,
        "unit": countdown.unit,
        "pid": countdown.pid,
        "started": countdown.started,
        "sha256": countdown.sha256,
        "staged_at": countdown.staged_at,
    }


def outcome_fields(outcome: Outcome) -> OutcomeFields:
    """Return what became of the last restart as answers hold it."""
    return {
        "arrived": outcome.arrived,
        "expected": staged_fields(outcome.expected),
        "before": outcome.before,
        "at": outcome.at,
        "away": outcome.away,
        "text": outcome.text,
    }


def attempt_fields(attempt: Attempt) -> AttemptFields:
    """Return a restart that has not taken place as answers hold it."""
    return {"event": attempt.event, "at": attempt.at, "text": attempt.text}
