"""``warmboot status``: what is staged, what is set, and what the machine allows."""

from __future__ import annotations

import argparse

from warmboot.core.errors import ExitCode
from warmboot.core.session import open_session
from warmboot.tui.commands import output
from warmboot.tui.present.status_text import host_facts, status_facts


def run(options: argparse.Namespace) -> int:
    """Print what is staged and what the machine allows."""
    session = open_session(options.root)
    now = session.status()
    if options.json:
        from warmboot.tui.present.answers.status import status_answer

        output.write_json(status_answer(session, now))
        return ExitCode.OK
    output.banner(session)
    output.write_facts([*status_facts(now), *host_facts(session.host, session.parser_interface)])
    return ExitCode.OK
