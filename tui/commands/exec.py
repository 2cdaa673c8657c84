"""``warmboot exec``: restart into what is staged, now or later."""

from __future__ import annotations

import argparse
import sys
import termios
from typing import NamedTuple

from warmboot.core.errors import Cancelled, ExitCode, Unconfirmed
from warmboot.core.plan.staged import Staged
from warmboot.core.session import Session, open_session
from warmboot.core.session.restarts import Executed
from warmboot.core.text import clock, printable
from warmboot.tui.commands import output
from warmboot.tui.present.facts import ending_lines
from warmboot.tui.present.status_text import staged_text


class _Order(NamedTuple):
    """What was asked for: `at` in seconds since the epoch, None for now."""

    now: bool
    whatever: bool
    at: float | None


def run(options: argparse.Namespace) -> int:
    """Restart into what is staged, once the operator has typed the host's name (or --yes)."""
    session = open_session(options.root)
    output.need_privilege(session)
    if options.cancel:
        return _cancel(session, as_json=options.json)
    if options.due is not None:
        return _due(session, options)
    when = session.restarts.when(options.at, options.delay)
    order = _Order(options.now, options.whatever_is_staged, when)
    staged = session.restarts.target(whatever=order.whatever)
    output.banner(session)
    for concern in session.restarts.concerns(staged):
        output.warn(concern.text)
    if not options.yes:
        _confirm(session, staged, order, as_json=options.json)
    sys.stdout.flush()
    if order.at is not None:
        return _set(session, order, order.at, as_json=options.json)
    done = session.restarts.execute(now=order.now, whatever=order.whatever)
    return _restarted(session, done, as_json=options.json)


def _restarted(session: Session, done: Executed, *, as_json: bool) -> int:
    after = session.refreshed().host
    name = printable(session.host.name)
    if as_json:
        from warmboot.tui.present.answers.exec import exec_answer

        simulated = session.simulated
        output.write_json(exec_answer(after, done.method, simulated=simulated, jobs=done.jobs))
    elif session.simulated:
        output.write_lines([f"The simulated machine {name} now runs {printable(after.release)}."])
    else:
        output.write_lines([f"systemd is restarting {name} into the staged kernel."])
        output.write_lines(
            f"  {printable(job.unit)}: {printable(job.type)}, {printable(job.state)}"
            for job in done.jobs
        )
    output.warn(done.warning)
    return ExitCode.OK


def _set(session: Session, order: _Order, at: float, *, as_json: bool) -> int:
    """Set a restart for later; what runs then is this command again, with the countdown's name."""
    made, warning = session.restarts.set(at, now=order.now, whatever=order.whatever)
    if as_json:
        from warmboot.tui.present.answers.exec import exec_answer

        method, simulated = session.restarts.method(now=order.now), session.simulated
        output.write_json(exec_answer(session.host, method, simulated=simulated, countdown=made))
    else:
        output.write_lines(
            [f"Restart scheduled for {clock(at)}. It happens even if this connection drops."]
        )
        output.write_lines(["warmboot exec --cancel cancels it; warmboot status shows it."])
    output.warn(warning)
    return ExitCode.OK


def _due(session: Session, options: argparse.Namespace) -> int:
    """The time has come."""
    now, whatever = options.now, options.whatever_is_staged
    done = session.restarts.due(options.due, now=now, whatever=whatever)
    return _restarted(session, done, as_json=options.json)


def _cancel(session: Session, *, as_json: bool) -> int:
    ended, warning = session.restarts.cancel()
    if as_json:
        from warmboot.tui.present.answers.exec import exec_answer

        simulated = session.simulated
        output.write_json(exec_answer(session.host, None, simulated=simulated, cancelled=ended))
    else:
        output.banner(session)
        output.write_lines(
            [f"Cancelled the restart at {clock(ended.at)}. What is staged stays staged."]
        )
    output.warn(warning)
    return ExitCode.OK


def _confirm(session: Session, staged: Staged | None, order: _Order, *, as_json: bool) -> None:
    if as_json or not sys.stdin.isatty():
        raise Unconfirmed(
            "Confirmation needs a terminal",
            hint="warmboot exec --yes restarts without asking.",
        )
    name = printable(session.host.name)
    when = "" if order.at is None else f" at {clock(order.at)}"
    lines = [f"Restart {name} into {staged_text(True, staged)}{when}."]
    lines += [f"How: {session.restarts.method(now=order.now).text}.", "What ends:"]
    lines += [f"  {line}" for line in ending_lines(session.host)]
    output.write_lines(lines)
    sys.stdout.write("Type the host's name to go on: ")
    sys.stdout.flush()
    _forget_typed()
    if sys.stdin.readline().strip() != name:
        raise Cancelled


def _forget_typed() -> None:
    """Drop what was typed before the question was on the screen: it cannot be its answer."""
    try:
        termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)
    except (OSError, ValueError, AttributeError, termios.error):
        return
