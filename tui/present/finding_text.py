"""Findings as text: verdict, name and evidence in columns, and what they come to."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from warmboot.core.plan.checks.base import Finding, Verdict
from warmboot.core.text import plural

_WIDTH = 100


def finding_lines(findings: Sequence[Finding]) -> list[str]:
    """Return verdict, name and evidence in columns, remedies below what is not fine."""
    lines = []
    column = max((len(finding.check) for finding in findings), default=0) + 8
    for finding in findings:
        head = f"{finding.verdict.upper()}  {finding.check}".ljust(column)
        lines += textwrap.wrap(
            finding.text, _WIDTH, initial_indent=head, subsequent_indent=" " * column
        )
        if finding.hint and finding.verdict is not Verdict.PASS:
            indent = " " * column
            lines += textwrap.wrap(
                finding.hint, _WIDTH, initial_indent=indent, subsequent_indent=indent
            )
    return lines


def every_line(findings: Sequence[Finding]) -> list[str]:
    """Return every finding, a line each with the remedy below."""
    lines = []
    for finding in findings:
        lines.append(f"{finding.verdict.upper()} {finding.check}: {finding.text}")
        lines += [f"     {finding.hint}"] if finding.hint else []
    return lines


def short_lines(findings: Sequence[Finding], forced: Sequence[str] = ()) -> list[str]:
    """Return what is not fine, a line each with the remedy below; `forced` are overruled."""
    lines = []
    for finding in findings:
        if finding.verdict is not Verdict.PASS:
            against = "FORCED" if finding.check in forced else finding.verdict.upper()
            lines.append(f"{against} {finding.check}: {finding.text}")
            lines += [f"     {finding.hint}"] if finding.hint else []
    return lines


def summary(findings: Sequence[Finding]) -> str:
    """Return how many checks there were, and whether staging would go on."""
    fails = [finding for finding in findings if finding.verdict is Verdict.FAIL]
    warnings = sum(finding.verdict is Verdict.WARN for finding in findings)
    text = f"{plural(len(findings), 'check')}: {plural(warnings, 'warning')}, "
    if not fails:
        return f"{text}nothing prevents staging."
    text += f"{len(fails)} failed. "
    if all(finding.forceable for finding in fails):
        names = " ".join(f"--force {finding.check}" for finding in fails)
        return f"{text}To stage all the same: {names}."
    return f"{text}Staging is blocked."


def standing_in_the_way(findings: Sequence[Finding]) -> str:
    """Return what keeps any kernel from being staged on this machine, "" where nothing does."""
    fails = [finding for finding in findings if finding.verdict is Verdict.FAIL]
    if not fails:
        return ""
    if all(finding.check == "privilege" for finding in fails):
        return "Not root: you can look at everything; staging and restarting need root."
    first = next(finding for finding in fails if finding.check != "privilege")
    more = f" (and {len(fails) - 1} more: d shows them)" if len(fails) > 1 else ""
    return f"In the way: {first.text}{more}"
