"""A finding in JSON: what one check says."""

from __future__ import annotations

from warmboot.core.hints import Annotated, TypedDict
from warmboot.core.plan.checks.base import Finding, Verdict


class FindingFields(TypedDict):
    """What a check says; see warmboot-checks(7)."""

    check: Annotated[str, "name of the check"]
    verdict: Annotated[Verdict, "whether it is fine, to be thought about, or stands against it"]
    text: Annotated[str, "the evidence"]
    hint: Annotated[str | None, "what to do about it; null where there is nothing to do"]
    forceable: Annotated[bool, "whether --force may go on against this fail"]


def finding_fields(finding: Finding) -> FindingFields:
    """Return a finding as answers hold it."""
    return {
        "check": finding.check,
        "verdict": finding.verdict,
        "text": finding.text,
        "hint": finding.hint,
        "forceable": finding.forceable,
    }
