"""``warmboot exec --trial``: a restart that goes back by itself unless it is confirmed."""

from __future__ import annotations

import argparse

from warmboot.core.errors import ExitCode, WrongArgument
from warmboot.core.plan.trial.trial import TrialPlan, TrialRequest, parse_time
from warmboot.core.session import Session
from warmboot.core.text import printable
from warmboot.tui.commands import output
from warmboot.tui.commands.restarting import ask_name, restarted
from warmboot.tui.present.forecast_text import short_time
from warmboot.tui.present.trial_text import not_covered_lines, trial_lines


def run(session: Session, options: argparse.Namespace) -> int:
    """Show the trial, have the host's name typed (or --yes), arm, and restart."""
    asked = _asked(options)
    trial = session.trials.plan(asked)
    output.banner(session)
    for concern in session.restarts.concerns(session.restarts.target(trial=True)):
        output.warn(concern.text)
    output.warn(short_time(session.forecast(), asked.seconds))
    if options.dry_run:
        return _show(session, trial, as_json=options.json)
    trial.check()
    if not options.yes:
        lines = trial_lines(trial)
        ask_name(session, lines, now=options.now, as_json=options.json)
    elif not options.json:
        output.say_before(map(printable, not_covered_lines(trial)))
    done = session.trials.execute(trial, now=options.now)
    return restarted(session, done, as_json=options.json, trial=trial)


def _asked(options: argparse.Namespace) -> TrialRequest:
    for name, given in (("--in", options.delay), ("--at", options.at)):
        if given is not None:
            raise WrongArgument(
                f"{name} does not go with --trial: somebody has to be there to confirm it"
            )
    if options.whatever_is_staged:
        raise WrongArgument("A trial is for what warmboot staged", hint="warmboot stage first.")
    return TrialRequest(
        seconds=parse_time(options.trial),
        checks=tuple(options.confirm_when),
        without_way_back=options.accept_no_way_back,
        write_grubenv=options.write_grubenv,
        # Who types the host's name has read what is not covered right above it.
        without_watchdog=options.accept_no_watchdog or not options.yes,
    )


def _show(session: Session, trial: TrialPlan, *, as_json: bool) -> int:
    if as_json:
        from warmboot.tui.present.answers.exec import exec_answer

        method, simulated = session.restarts.method(), session.simulated
        answer = exec_answer(session.host, method, simulated=simulated, trial=trial, dry_run=True)
        output.write_json(answer)
        return ExitCode.OK
    output.write_lines(map(printable, trial_lines(trial)))
    output.write_lines(f"Refused: {refusal.text}. {refusal.hint}" for refusal in trial.refusals)
    return ExitCode.OK
