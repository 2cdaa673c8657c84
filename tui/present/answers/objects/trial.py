"""Restarts on trial in JSON: as planned, and what became of one."""

from __future__ import annotations

from warmboot.core.hints import Annotated, TypedDict
from warmboot.core.plan.trial.trial import Layer, LayerName, TrialPlan
from warmboot.core.record.trial_outcome import Cause, TrialOutcome, TrialState


class LayerFields(TypedDict):
    """One of what brings a machine back from a trial."""

    name: Annotated[LayerName, "its name"]
    how: Annotated[str | None, "how it does that here; null where it does not"]
    covers: Annotated[str, "what it covers, in words"]
    lacks: Annotated[str, "what it does not, in words"]
    why_not: Annotated[str | None, "why it is of no use here; null where it is used"]


class TrialPlanFields(TypedDict):
    """A restart on trial."""

    id: Annotated[str, "its name"]
    seconds: Annotated[int, "how long the new system has until it is confirmed"]
    checks: Annotated[list[str], "health checks that confirm it, all together"]
    layers: Annotated[list[LayerFields], "what brings the machine back"]
    certain: Annotated[bool, "whether a reset leads to the kernel that runs now"]
    way_back: Annotated[str, "where a reset leads, in words"]
    steps: Annotated[list[str], "how that was found, in order"]
    one_shots: Annotated[list[str], "choices for the next start that are set before the jump"]
    not_covered: Annotated[list[str], "what does not bring the machine back, in sentences"]
    refusals: Annotated[list[str], "why it is not begun, in sentences; none where it can be"]
    words: Annotated[list[str], "what is added to the command line"]
    length: Annotated[int, "bytes of the command line with that"]
    limit: Annotated[int, "bytes that the kernel takes"]


class TrialOutcomeFields(TypedDict):
    """What became of a restart on trial."""

    id: Annotated[str, "its name"]
    state: Annotated[TrialState, "how it stands"]
    text: Annotated[str, "how it stands, in words"]
    at: Annotated[float | None, "when the old system was left; null where not known here"]
    release: Annotated[str | None, "release of the kernel that was tried; null where not known"]
    by: Annotated[str | None, "who confirmed it; null where nobody did"]
    confirmed_at: Annotated[float | None, "when that was; null where not known"]
    cause: Annotated[Cause | None, "why the machine came back; null where it did not"]
    away: Annotated[float | None, "seconds it was gone then; null where not known"]
    last_words: Annotated[list[str], "the last lines of the new system, where they are kept"]
    last_words_place: Annotated[str | None, "where those are; null without"]


def trial_plan_fields(trial: TrialPlan) -> TrialPlanFields:
    """Return a trial as answers hold it."""
    return {
        "id": trial.id,
        "seconds": trial.asked.seconds,
        "checks": list(trial.asked.checks),
        "layers": [_layer(layer) for layer in trial.layers],
        "certain": trial.way_back.certain,
        "way_back": trial.way_back.text,
        "steps": list(trial.way_back.steps),
        "one_shots": [choice.kind.value for choice in trial.way_back.choices],
        "not_covered": list(trial.not_covered),
        "refusals": [refusal.text for refusal in trial.refusals],
        "words": list(trial.words),
        "length": trial.length,
        "limit": trial.limit,
    }


def trial_outcome_fields(trial: TrialOutcome) -> TrialOutcomeFields:
    """Return what became of a trial as answers hold it."""
    words = trial.last_words
    return {
        "id": trial.id,
        "state": trial.state,
        "text": trial.text,
        "at": trial.at,
        "release": trial.release,
        "by": trial.by,
        "confirmed_at": trial.confirmed_at,
        "cause": trial.cause,
        "away": trial.away,
        "last_words": list(words.lines) if words else [],
        "last_words_place": words.place if words else None,
    }


def _layer(layer: Layer) -> LayerFields:
    return {
        "name": layer.name,
        "how": layer.how,
        "covers": layer.covers,
        "lacks": layer.lacks,
        "why_not": layer.why_not,
    }
