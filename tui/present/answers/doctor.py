"""The answer of ``warmboot doctor``."""

from __future__ import annotations

from collections.abc import Sequence

from warmboot.core.hints import Annotated, Literal
from warmboot.core.plan.checks.base import Finding
from warmboot.core.plan.checks.registry import all_checks
from warmboot.tui.present.answers.declare import SCHEMA, Answer
from warmboot.tui.present.answers.objects.finding import FindingFields, finding_fields


class DoctorFindingFields(FindingFields):
    """What a check says, and what it is."""

    title: Annotated[str, "what the check asks"]
    looks_at: Annotated[str, "where the answer stands"]


class DoctorAnswer(Answer):
    """Every check of the machine, and of an entry, with its verdict."""

    command: Annotated[Literal["doctor"], "the command that answers"]
    findings: Annotated[list[DoctorFindingFields], "what the checks say"]
    not_run: Annotated[
        list[str],
        "checks that do not apply to this machine or image, or need an entry",
    ]


def doctor_answer(findings: Sequence[Finding], *, simulated: bool) -> DoctorAnswer:
    """Return the answer: the findings, and which checks had nothing to say."""
    checks = {check.id: check for check in all_checks()}
    ran = {finding.check for finding in findings}
    return {
        "schema": SCHEMA,
        "command": "doctor",
        "simulated": simulated,
        "findings": [
            {
                **finding_fields(finding),
                "title": checks[finding.check].title,
                "looks_at": checks[finding.check].looks_at,
            }
            for finding in findings
        ],
        "not_run": [name for name in checks if name not in ran],
    }
