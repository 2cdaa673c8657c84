"""``warmboot exec``: restart into what is staged, now or later."""

from __future__ import annotations

import argparse
import sys

from warmboot.core.errors import ExitCode, WarmbootError, WrongArgument
from warmboot.core.restart.schedule import Countdown
from warmboot.core.session import Session, open_session
from warmboot.core.text import clock
from warmboot.core.values import NamedTuple
from warmboot.tui.commands import output, trial
from warmboot.tui.commands.restarting import ask_name, restarted
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
    if options.trial is not None:
        return trial.run(session, options)
    _only_on_trial(options)
    when = session.restarts.when(options.at, options.delay)
    order = _Order(options.now, options.whatever_is_staged, when)
    staged = session.restarts.target(whatever=order.whatever)
    output.banner(session)
    for concern in session.restarts.concerns(staged):
        output.warn(concern.text)
    if not options.yes:
        later = "" if order.at is None else f" at {clock(order.at)}"
        lines = [f"Restart {session.host.name} into {staged_text(True, staged)}{later}."]
        ask_name(session, lines, now=order.now, as_json=options.json)
    sys.stdout.flush()
    if order.at is not None:
        return _set(session, order, order.at, as_json=options.json)
    done = session.restarts.execute(now=order.now, whatever=order.whatever)
    return restarted(session, done, as_json=options.json)


def _only_on_trial(options: argparse.Namespace) -> None:
    """Raise WrongArgument for an option that says something of a trial, without one."""
    for name in ("confirm_when", "write_grubenv", "dry_run"):
        if getattr(options, name):
            raise WrongArgument(
                f"--{name.replace('_', '-')} is for a restart on trial",
                hint="Add --trial 10m, or leave it out.",
            )


def _set(session: Session, order: _Order, at: float, *, as_json: bool) -> int:
    """Set a restart for later; what runs then is this command again, with the countdown's name."""
    made, warning = session.restarts.set(at, now=order.now, whatever=order.whatever)
    with output.done(session):
        if as_json:
            from warmboot.tui.present.answers.exec import exec_answer

            method, simulated = session.restarts.method(now=order.now), session.simulated
            output.write_json(
                exec_answer(session.host, method, simulated=simulated, countdown=made)
            )
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
    return restarted(session, done, as_json=options.json)


def _cancel(session: Session, *, as_json: bool) -> int:
    """Cancel what is set first: what of a trial is left may be more than can be taken back."""
    before = session.status()
    ended = warning = None
    if before.countdown is not None or not before.left_over:
        ended, warning = session.restarts.cancel()
    if before.left_over:
        try:
            taken_back = ", ".join(session.trials.disarm()) or "nothing was set"
        except WarmbootError as error:
            if ended is not None:
                said = f"The restart at {clock(ended.at)} is cancelled."
                error.hint = f"{said} {error.hint}" if error.hint else said
            raise
        output.warn(f"Of a trial that did not begin was taken back: {taken_back}.")
    return _cancelled(session, ended, warning, as_json=as_json)


def _cancelled(
    session: Session, ended: Countdown | None, warning: str | None, *, as_json: bool
) -> int:
    with output.done(session):
        if as_json:
            from warmboot.tui.present.answers.exec import exec_answer

            simulated = session.simulated
            output.write_json(exec_answer(session.host, None, simulated=simulated, cancelled=ended))
        else:
            output.banner(session)
            line = "Cancelled the trial."
            if ended is not None:
                line = f"Cancelled the restart at {clock(ended.at)}. What is staged stays staged."
            output.write_lines([line])
        output.warn(warning)
    return ExitCode.OK
