"""``warmboot doctor``: every check of this machine, and of an entry, with its verdict."""

from __future__ import annotations

import argparse

from warmboot.core.errors import ExitCode
from warmboot.core.plan.checks.base import Verdict
from warmboot.core.plan.request import PlanRequest
from warmboot.core.session import open_session
from warmboot.tui.commands import output
from warmboot.tui.present.finding_text import finding_lines, summary


def run(options: argparse.Namespace) -> int:
    """Print the findings; the exit code is 6 where a check fails, else 0."""
    session = open_session(options.root)
    request = None
    entry = options.entry or options.selector
    if entry is not None or options.kernel is not None:
        request = PlanRequest(entry=entry, kernel=options.kernel)
    findings = session.doctor(request)
    failed = any(finding.verdict is Verdict.FAIL for finding in findings)
    if options.json:
        from warmboot.tui.present.answers.doctor import doctor_answer

        output.write_json(doctor_answer(findings, simulated=session.simulated))
    else:
        output.banner(session)
        output.write_lines(finding_lines(findings))
        output.write_lines(["", summary(findings)])
    return ExitCode.BLOCKED if failed else ExitCode.OK
