"""``warmboot status``: what is staged, what is set, and what the machine allows."""

from __future__ import annotations

import argparse
import sys

from warmboot.core.errors import ExitCode, WrongArgument
from warmboot.core.session import open_session
from warmboot.tui.commands import output
from warmboot.tui.present.status_text import host_facts, status_facts


def run(options: argparse.Namespace) -> int:
    """Print what is staged and what the machine allows."""
    session = open_session(options.root)
    if options.json and options.format != "text":
        raise WrongArgument("--json and --format are two forms of one answer; ask for one of them")
    now = session.status()
    if options.format == "prometheus":
        from warmboot.tui.present.metrics import metrics_text

        sys.stdout.write(metrics_text(session.host, now))
        return ExitCode.OK
    if options.json:
        from warmboot.tui.present.answers.status import status_answer

        output.write_json(status_answer(session, now))
        return ExitCode.OK
    output.banner(session)
    output.write_facts([*status_facts(now), *host_facts(session.host, session.parser_interface)])
    return ExitCode.OK
