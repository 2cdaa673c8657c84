"""The answer of ``warmboot stage``."""

from __future__ import annotations

from warmboot.core.hints import Annotated, Literal
from warmboot.core.plan.plan import Plan
from warmboot.core.plan.staged import Staged
from warmboot.tui.present.answers.declare import SCHEMA, Answer
from warmboot.tui.present.answers.objects.plan import PlanFields, plan_fields
from warmboot.tui.present.answers.objects.staged import StagedFields, staged_fields


class StageAnswer(Answer):
    """A kernel that is staged, or would be."""

    command: Annotated[Literal["stage"], "the command that answers"]
    plan: Annotated[PlanFields, "what was to be done"]
    call: Annotated[str, "the call to the kernel, as text"]
    sha256: Annotated[
        str | None, "SHA-256 of the kernel's bytes; null where the file changed meanwhile"
    ]
    digest: Annotated[
        str | None,
        "the plan's digest, over all that the kernel is given; null where a file could be changed",
    ]
    changed: Annotated[bool, "whether the kernel was asked to load it; false after a dry run"]
    staged: Annotated[StagedFields | None, "what is staged now; null after a dry run"]


def stage_answer(
    plan: Plan,
    call: str,
    sha256: str | None,
    digest: str | None,
    staged: Staged | None,
    *,
    changed: bool,
    simulated: bool,
) -> StageAnswer:
    """Return the answer; `call` is the call as text, `staged` None after a dry run."""
    return {
        "schema": SCHEMA,
        "command": "stage",
        "simulated": simulated,
        "plan": plan_fields(plan),
        "call": call,
        "sha256": sha256,
        "digest": digest,
        "changed": changed,
        "staged": staged_fields(staged) if staged is not None else None,
    }
