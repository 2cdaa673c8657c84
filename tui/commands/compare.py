"""``warmboot compare``: what a kernel has other than the running one, or than another."""

from __future__ import annotations

import argparse

from warmboot.core.errors import ExitCode
from warmboot.core.plan.request import PlanRequest
from warmboot.core.session import open_session
from warmboot.tui.commands import output
from warmboot.tui.present.compare_text import compare_lines


def run(options: argparse.Namespace) -> int:
    """Print what differs, and where the kernels have what this machine needs."""
    session = open_session(options.root)
    request = PlanRequest(entry=options.entry or options.selector)
    other = PlanRequest(entry=options.other) if options.other else None
    found = session.compare(request, other)
    if options.json:
        from warmboot.tui.present.answers.compare import compare_answer

        output.write_json(compare_answer(found, simulated=session.simulated))
        return ExitCode.OK
    output.banner(session)
    output.write_lines(compare_lines(found))
    return ExitCode.OK
