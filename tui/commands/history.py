"""``warmboot history``: what was done on this machine, and what came of it."""

from __future__ import annotations

import argparse

from warmboot.core.errors import ExitCode, NotPermitted
from warmboot.core.session import open_session
from warmboot.tui.commands import output
from warmboot.tui.present.history_text import step_row


def run(options: argparse.Namespace) -> int:
    """Print the last steps, oldest first. Raises NotPermitted where the journal is not readable."""
    session = open_session(options.root)
    if not session.journal.readable():
        raise NotPermitted(
            "This user may not read the journal", hint="Run warmboot as root: sudo warmboot."
        )
    steps = session.history()
    if options.last is not None:
        steps = steps[len(steps) - min(options.last, len(steps)) :]
    if options.json:
        from warmboot.tui.present.answers.history import history_answer

        output.write_json(history_answer(steps, simulated=session.simulated))
        return ExitCode.OK
    output.banner(session)
    output.write_lines(output.table([step_row(step) for step in steps]) if steps else [])
    if not steps:
        output.write_lines(["Nothing is recorded yet."])
    output.warn(session.journal.problem())
    return ExitCode.OK
