"""``warmboot unload``: the staged kernel taken out again."""

from __future__ import annotations

import argparse

from warmboot.core.errors import ExitCode
from warmboot.core.session import Session, open_session
from warmboot.tui.commands import output


def run(options: argparse.Namespace) -> int:
    """Take the staged kernel out again, or the crash kernel."""
    session = open_session(options.root)
    output.need_privilege(session)
    warning = session.unload(panic=options.panic)
    with output.done(session):
        _say(session, warning, options)
    return ExitCode.OK


def _say(session: Session, warning: str | None, options: argparse.Namespace) -> None:
    if options.json:
        from warmboot.tui.present.answers.unload import unload_answer

        staged, simulated = session.status().staged, session.simulated
        output.write_json(unload_answer(staged, simulated=simulated))
    else:
        output.banner(session)
        still = "No crash kernel is staged now." if options.panic else "Nothing is staged now."
        output.write_lines([f"Unloaded. {still}"])
    output.warn(warning)
