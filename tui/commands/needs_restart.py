"""``warmboot needs-restart``: whether what runs is what is installed."""

from __future__ import annotations

import argparse

from warmboot.core.errors import ExitCode
from warmboot.core.session import open_session
from warmboot.core.text import printable
from warmboot.tui.commands import output


def run(options: argparse.Namespace) -> int:
    """Print the reasons for a restart; the exit code says whether there are any."""
    session = open_session(options.root)
    found = session.needs_restart()
    code = ExitCode.RESTART_NEEDED if found.reasons else ExitCode.OK
    if options.json:
        from warmboot.tui.present.answers.needs_restart import needs_restart_answer

        output.write_json(needs_restart_answer(found, simulated=session.simulated))
        return code
    output.banner(session)
    if not found.reasons:
        output.write_lines([f"No restart is needed: {printable(found.running)} runs."])
        return code
    output.write_lines(["A restart is needed:", *(f"  {one.text}." for one in found.reasons)])
    return code
