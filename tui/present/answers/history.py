"""The answer of ``warmboot history``."""

from __future__ import annotations

from collections.abc import Sequence

from warmboot.core.hints import Annotated, Literal, TypedDict
from warmboot.core.record.history import Deed, Ending, Step
from warmboot.tui.present.answers.declare import SCHEMA, Answer
from warmboot.tui.present.answers.objects.journal import JournalFields, journal_fields
from warmboot.tui.present.answers.objects.staged import StagedFields, staged_fields


class StepFields(TypedDict):
    """A step that was taken: a kernel staged or unloaded, a restart set or carried out."""

    deed: Annotated[Deed, "what was done"]
    at: Annotated[float, "when it began"]
    ending: Annotated[Ending, "how it ended"]
    text: Annotated[str, "how it ended, in words"]
    staged: Annotated[
        StagedFields | None, "what was staged, or was to be started; null where not known"
    ]
    before: Annotated[str | None, "release of the kernel that ran; null where not known"]
    away: Annotated[
        float | None,
        "seconds from a restart's record to the start of the next kernel; null where not known",
    ]
    trial: Annotated[
        str | None, "what became of a restart on trial, in words; null for any other step"
    ]
    record: Annotated[list[JournalFields], "its lines of the journal, oldest first"]


class HistoryAnswer(Answer):
    """Every step that the journal tells of, oldest first."""

    command: Annotated[Literal["history"], "the command that answers"]
    steps: Annotated[list[StepFields], "the steps"]


def history_answer(steps: Sequence[Step], *, simulated: bool) -> HistoryAnswer:
    """Return the answer."""
    return {
        "schema": SCHEMA,
        "command": "history",
        "simulated": simulated,
        "steps": [_step(step) for step in steps],
    }


def _step(step: Step) -> StepFields:
    return {
        "deed": step.deed,
        "at": step.at,
        "ending": step.ending,
        "text": step.text,
        "staged": staged_fields(step.staged) if step.staged is not None else None,
        "before": step.before,
        "away": step.away,
        "trial": step.trial,
        "record": [journal_fields(line) for line in step.record],
    }
