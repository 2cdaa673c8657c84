"""``warmboot stage``: load a kernel while the running system goes on."""

from __future__ import annotations

import argparse
import sys

from warmboot.core.errors import Blocked, ExitCode
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
    quiet = options.json or options.quiet
    with session.plan(stage_request(options)) as opened:
        if not quiet:
            output.banner(session)
            _show_plan(opened.plan)
        with ProgressLine(shown=not options.quiet) as progress:
            prepared = session.prepare(
                opened,
                report=progress.report,
                rehearsal=options.dry_run,
                if_needed=options.if_needed,
            )
        with prepared:
            for warning in prepared.warnings:
                output.warn(warning)
            _check_expected(prepared, options.expect)
            if options.dry_run:
                lines, staged, changed = _dry_run(prepared), None, False
            else:
                lines, staged, changed = _commit(session, prepared, if_needed=options.if_needed)
            if options.json:
                _answer(session, prepared, staged, changed=changed)
            elif not options.quiet:
                output.write_lines(lines)
    return ExitCode.OK


def _show_plan(plan: Plan) -> None:
    output.write_lines(output.table(plan_rows(plan)))
    output.write_lines(short_lines(plan.findings, plan.forced))
    sys.stdout.flush()


def _check_expected(prepared: Prepared, wanted: str | None) -> None:
    """Raise Blocked where the plan is not the one that the operator expects."""
    if wanted is None or prepared.digest == wanted.lower():
        return
    found = prepared.digest
    if found is None:
        raise Blocked(
            "The plan has no digest: a file of it stays open to changes",
            hint="Free memory so that it can be copied, or stage without --expect.",
        )
    raise Blocked(
        f"The plan is not the one expected: its digest is {found}",
        hint="Kernel, initrd, command line or loader differ; look at the plan again (--dry-run).",
    )


def _dry_run(prepared: Prepared) -> list[str]:
    lines = ["Dry run. Everything is ready; this call would be made:"]
    lines += [f"  {prepared.request.describe()}", f"SHA-256 of the kernel: {prepared.sha256}"]
    return lines if prepared.digest is None else [*lines, f"Digest of the plan: {prepared.digest}"]


def _commit(
    session: Session, prepared: Prepared, *, if_needed: bool
) -> tuple[list[str], Staged, bool]:
    """Stage it; returns what to say, what is staged, and whether the kernel was asked."""
    there = session.already_staged(prepared) if if_needed else None
    if there is not None:
        return [f"{there.release or there.kernel} is staged already, just so."], there, False
    staged, warning = session.stage(prepared)
    output.warn(warning)
    name = staged.release or staged.kernel
    if staged.panic:
        done = f"Staged {name} for a crash."
        return [done, "Next: warmboot unload --panic takes it out again."], staged, True
    done = f"Staged {name}. The running system goes on."
    next_step = "Next: warmboot exec restarts into it; warmboot unload takes it out again."
    return [done, next_step], staged, True


def _answer(session: Session, prepared: Prepared, staged: Staged | None, *, changed: bool) -> None:
    from warmboot.tui.present.answers.stage import stage_answer

    sha256 = prepared.sha256 if staged is None else staged.sha256
    output.write_json(
        stage_answer(
            prepared.plan,
            prepared.request.describe(),
            sha256,
            prepared.digest,
            staged,
            changed=changed,
            simulated=session.simulated,
        )
    )
