"""``warmboot confirm``: keep the system that is on trial, or go back at once."""

from __future__ import annotations

import argparse

from warmboot.core.errors import ExitCode
from warmboot.core.session import Session, open_session
from warmboot.core.session.trials import Ended
from warmboot.core.text import printable
from warmboot.tui.commands import output


def run(options: argparse.Namespace) -> int:
    """Confirm, or with --revert restart through firmware into the old system."""
    session = open_session(options.root)
    output.need_privilege(session)
    ended = session.trials.revert() if options.revert else session.trials.confirm()
    with output.done(session):
        _say(session, ended, options)
    return ExitCode.OK


def _say(session: Session, ended: Ended, options: argparse.Namespace) -> None:
    after = session.refreshed().host
    if options.json:
        from warmboot.tui.present.answers.confirm import confirm_answer

        simulated, reverted = session.simulated, options.revert
        output.write_json(confirm_answer(after, ended.id, reverted=reverted, simulated=simulated))
    else:
        output.banner(session)
        release, name = printable(after.release), printable(after.name)
        text = f"Confirmed: {name} stays in {release}. Nothing restarts it any more."
        if options.revert:
            text = f"{name} goes back to the system before."
            if session.simulated:
                text = f"The simulated machine {name} now runs {release} again."
        output.write_lines([text])
    output.warn(ended.warning)
