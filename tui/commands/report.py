"""``warmboot report``: one file of evidence for a bug report, without secrets."""

from __future__ import annotations

import argparse
import time

from warmboot.core.errors import ExitCode
from warmboot.core.plan.request import PlanRequest
from warmboot.core.session import open_session
from warmboot.tui.commands import output
from warmboot.tui.present.evidence import collect


def run(options: argparse.Namespace) -> int:
    """Collect, redact and write; prints where the file is, or the file itself for ``-o -``."""
    session = open_session(options.root)
    content = collect(session, PlanRequest(entry=options.entry) if options.entry else None)
    name = f"warmboot-report-{time.strftime('%Y%m%dT%H%M%S')}.json"
    options.output = name if options.output is None else options.output
    path = output.target(options, answers=True)
    if str(path) == "-":
        output.write_document(content)
        return ExitCode.OK
    session.save_report(content, path)
    if output.streams(path):
        return ExitCode.OK
    if options.json:
        from warmboot.tui.present.answers.report import report_answer

        count, simulated = len(content.encode()), session.simulated
        output.write_json(report_answer(path, count, simulated=simulated))
    else:
        output.banner(session)
        output.write_lines([f"Wrote {path}, without passwords, keys and addresses of logins."])
        output.write_lines(["Read it before you pass it on: warmboot may have missed something."])
    return ExitCode.OK
