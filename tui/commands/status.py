"""``warmboot status``: what is staged, what is set, and what the machine allows."""

from __future__ import annotations

import argparse

from warmboot.core.errors import ExitCode
from warmboot.core.session import open_session
from warmboot.tui.commands import output
from warmboot.tui.present.evidence import host_fields, status_fields
from warmboot.tui.present.status_text import host_facts, status_facts


def run(options: argparse.Namespace) -> int:
    """Print what is staged and what the machine allows."""
    session = open_session(options.root)
    now = session.status()
    if options.json:
        fields = {"host": host_fields(session.host), **status_fields(now)}
        output.write_json("status", session, fields)
        return ExitCode.OK
    output.banner(session)
    output.write_facts([*status_facts(now), *host_facts(session.host)])
    return ExitCode.OK
