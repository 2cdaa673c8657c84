"""``warmboot stage``: load a kernel while the running system goes on."""

from __future__ import annotations

import argparse
import sys

from warmboot.core.errors import ExitCode
from warmboot.core.load.stage import Prepared
from warmboot.core.plan.plan import Plan
from warmboot.core.plan.staged import Staged
from warmboot.core.session import Session, open_session
from warmboot.tui.commands import output
from warmboot.tui.commands.options import stage_request
from warmboot.tui.commands.progress import ProgressLine
from warmboot.tui.present.finding_text import short_lines
from warmboot.tui.present.plan_text import plan_rows


def run(options: argparse.Namespace) -> int:
    """Plan, check, prepare, and make the one call; with --dry-run print it instead."""
    session = open_session(options.root)
    with session.plan(stage_request(options)) as opened:
        if not options.json:
            output.banner(session)
            _show_plan(opened.plan)
        with ProgressLine() as progress:
            prepared = session.prepare(opened, report=progress.report, rehearsal=options.dry_run)
        with prepared:
            for warning in prepared.warnings:
                output.warn(warning)
            if options.dry_run:
                return _dry_run(session, prepared, as_json=options.json)
            return _commit(session, prepared, as_json=options.json)


def _show_plan(plan: Plan) -> None:
    output.write_lines(output.table(plan_rows(plan)))
    output.write_lines(short_lines(plan.findings, plan.forced))
    sys.stdout.flush()


def _dry_run(session: Session, prepared: Prepared, *, as_json: bool) -> int:
    if as_json:
        _answer(session, prepared, prepared.sha256, None)
        return ExitCode.OK
    call = prepared.request.describe()
    lines = ["Dry run. Everything is ready; this call would be made:", f"  {call}"]
    output.write_lines([*lines, f"SHA-256 of the kernel: {prepared.sha256}"])
    return ExitCode.OK


def _commit(session: Session, prepared: Prepared, *, as_json: bool) -> int:
    with ProgressLine() as progress:
        staged, warning = session.stage(prepared, report=progress.report)
    name = staged.release or staged.kernel
    if as_json:
        _answer(session, prepared, staged.sha256, staged)
    elif staged.panic:
        lines = [f"Staged {name} for a crash.", "Next: warmboot unload --panic takes it out again."]
        output.write_lines(lines)
    else:
        output.write_lines(
            [
                f"Staged {name}. The running system goes on.",
                "Next: warmboot exec restarts into it; warmboot unload takes it out again.",
            ]
        )
    output.warn(warning)
    return ExitCode.OK


def _answer(
    session: Session, prepared: Prepared, sha256: str | None, staged: Staged | None
) -> None:
    from warmboot.tui.present.answers.stage import stage_answer

    plan, call, simulated = prepared.plan, prepared.request.describe(), session.simulated
    output.write_json(stage_answer(plan, call, sha256, staged, simulated=simulated))
