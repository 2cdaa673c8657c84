"""What every restart asks of the operator, and says when it goes on."""

from __future__ import annotations

import sys
import termios

from warmboot.core.errors import Cancelled, ExitCode, Unconfirmed
from warmboot.core.plan.trial.trial import TrialPlan
from warmboot.core.session import Session
from warmboot.core.session.restarts import Executed
from warmboot.core.text import printable
from warmboot.tui.commands import output
from warmboot.tui.present.facts import ending_lines
from warmboot.tui.present.forecast_text import away_text


def restarted(
    session: Session, done: Executed, *, as_json: bool, trial: TrialPlan | None = None
) -> int:
    """Say that the restart goes on; what ends this process now, as systemd does, stops nothing."""
    with output.done(session):
        _say(session, done, as_json=as_json, trial=trial)
    return ExitCode.OK


def _say(session: Session, done: Executed, *, as_json: bool, trial: TrialPlan | None) -> None:
    name = printable(session.host.name)
    if not as_json and not session.simulated:  # at once: systemd kills this process in the end
        output.write_lines([f"systemd is restarting {name} into the staged kernel."])
        sys.stdout.flush()
    after = session.refreshed().host
    if as_json:
        from warmboot.tui.present.answers.exec import exec_answer

        simulated = session.simulated
        answer = exec_answer(after, done.method, simulated=simulated, jobs=done.jobs, trial=trial)
        output.write_json(answer)
    elif session.simulated:
        output.write_lines([f"The simulated machine {name} now runs {printable(after.release)}."])
    else:
        output.write_lines(
            f"  {printable(job.unit)}: {printable(job.type)}, {printable(job.state)}"
            for job in done.jobs
        )
    output.warn(done.warning)


def ask_name(session: Session, lines: list[str], *, now: bool, as_json: bool) -> None:
    """Show `lines` and what ends, and have the host's name typed.

    Raises Unconfirmed where nobody can be asked, Cancelled for anything else that is typed.
    """
    if as_json or not sys.stdin.isatty():
        raise Unconfirmed(
            "Confirmation needs a terminal",
            hint="warmboot exec --yes restarts without asking.",
        )
    name = printable(session.host.name)
    how = f"How: {session.restarts.method(now=now).text}."
    lines = [*lines, how, f"Away: {away_text(session.forecast())}.", "What ends:"]
    lines += [f"  {line}" for line in ending_lines(session.host)]
    try:
        output.write_lines(map(printable, lines))
        sys.stdout.flush()
        _forget_typed()  # before the question: what answers it at once is not lost
        sys.stdout.write("Type the host's name to go on: ")
        sys.stdout.flush()
    except BrokenPipeError as error:
        output.silence()
        raise Unconfirmed("Nobody reads what is asked; nothing was done") from error
    if sys.stdin.readline().strip() != name:
        raise Cancelled


def _forget_typed() -> None:
    """Drop what was typed before the question was on the screen: it cannot be its answer."""
    try:
        termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)
    except (OSError, ValueError, AttributeError, termios.error):
        return
