"""The answer of ``warmboot exec``: a restart that goes on, is set for later, or is cancelled."""

from __future__ import annotations

from collections.abc import Iterable

from warmboot.core.hints import Annotated, Literal, TypedDict
from warmboot.core.host import Host
from warmboot.core.host.jobs import Job
from warmboot.core.plan.trial.trial import TrialPlan
from warmboot.core.restart.execute import RestartMethod
from warmboot.core.restart.schedule import Countdown
from warmboot.tui.present.answers.declare import SCHEMA, Answer
from warmboot.tui.present.answers.objects.restart import CountdownFields, countdown_fields
from warmboot.tui.present.answers.objects.trial import TrialPlanFields, trial_plan_fields


class JobFields(TypedDict):
    """A job of systemd."""

    unit: Annotated[str, "the unit"]
    type: Annotated[str, "what becomes of it"]
    state: Annotated[str, "how far that is"]


class ExecAnswer(Answer):
    """A restart. Where the system ends at once, nothing is left to answer."""

    command: Annotated[Literal["exec"], "the command that answers"]
    host: Annotated[str, "name of the machine"]
    release: Annotated[str, "release of the kernel that runs when this is printed"]
    way: Annotated[RestartMethod | None, "how the system ends; null where one was cancelled"]
    jobs: Annotated[list[JobFields], "what systemd has to do before"]
    countdown: Annotated[CountdownFields | None, "the restart that was set; null where none was"]
    cancelled: Annotated[
        CountdownFields | None, "the restart that was cancelled; null where none was"
    ]
    trial: Annotated[TrialPlanFields | None, "the restart on trial; null for any other"]
    dry_run: Annotated[bool, "whether nothing was done but to look"]


def exec_answer(
    host: Host,
    method: RestartMethod | None,
    *,
    simulated: bool,
    jobs: Iterable[Job] = (),
    countdown: Countdown | None = None,
    cancelled: Countdown | None = None,
    trial: TrialPlan | None = None,
    dry_run: bool = False,
) -> ExecAnswer:
    """Return the answer; `host` is the machine as it is now."""
    return {
        "schema": SCHEMA,
        "command": "exec",
        "simulated": simulated,
        "host": host.name,
        "release": host.release,
        "way": method,
        "jobs": [{"unit": job.unit, "type": job.type, "state": job.state} for job in jobs],
        "countdown": countdown_fields(countdown) if countdown is not None else None,
        "cancelled": countdown_fields(cancelled) if cancelled is not None else None,
        "trial": trial_plan_fields(trial) if trial is not None else None,
        "dry_run": dry_run,
    }
