"""``warmboot stage``: load a kernel while the running system goes on."""

from __future__ import annotations

import argparse

from warmboot.core.errors import Blocked, ExitCode
from warmboot.core.hints import TYPE_CHECKING
from warmboot.core.session import Session, open_session
from warmboot.core.values import NamedTuple
from warmboot.tui.commands import output
from warmboot.tui.commands.options import stage_request
from warmboot.tui.commands.progress import ProgressLine

if TYPE_CHECKING:
    from warmboot.core.load.prepared import Prepared
    from warmboot.core.plan.plan import Plan
    from warmboot.core.plan.staged import Staged


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
                exact=options.expect is not None,
            )
        with prepared:
            for warning in prepared.warnings:
                output.warn(warning)
            _check_expected(prepared, options.expect)
            done = _dry_run(prepared) if options.dry_run else _commit(session, prepared, options)
            with output.done(session):
                if options.json:
                    _answer(session, prepared, done)
                elif not options.quiet:
                    output.write_lines(done.lines)
                output.warn(done.warning)
    return ExitCode.OK


class _Done(NamedTuple):
    """What came of it: what to say, what is staged, and whether the kernel was asked."""

    lines: tuple[str, ...]
    staged: Staged | None = None
    changed: bool = False
    warning: str | None = None


def _show_plan(plan: Plan) -> None:
    from warmboot.tui.present.finding_text import short_lines  # not for an answer in JSON
    from warmboot.tui.present.plan_text import plan_rows

    lines = [*output.table(plan_rows(plan)), *short_lines(plan.findings, plan.forced)]
    output.say_before(lines)


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


def _dry_run(prepared: Prepared) -> _Done:
    lines = ["Dry run. Everything is ready; this call would be made:"]
    lines += [f"  {prepared.request.describe()}", f"SHA-256 of the kernel: {prepared.sha256}"]
    lines += [f"Digest of the plan: {prepared.digest}"] if prepared.digest else []
    return _Done(tuple(lines))


def _commit(session: Session, prepared: Prepared, options: argparse.Namespace) -> _Done:
    there = session.already_staged(prepared) if options.if_needed else None
    if there is not None:
        return _Done(
            (f"{there.release or there.kernel} is staged already; there is nothing to do.",), there
        )
    with ProgressLine(shown=not options.quiet) as progress:
        staged, warning = session.stage(prepared, report=progress.report)
    name = staged.release or staged.kernel
    lines = (
        f"Staged {name}. The running system goes on.",
        "Next: warmboot exec restarts into it; warmboot unload takes it out again.",
    )
    if staged.panic:
        next_step = "Next: warmboot unload --panic takes it out again."
        lines = (f"Staged {name} for a crash.", next_step)
    return _Done(lines, staged, changed=True, warning=warning)


def _answer(session: Session, prepared: Prepared, done: _Done) -> None:
    from warmboot.tui.present.answers.stage import stage_answer

    output.write_json(
        stage_answer(
            prepared.plan,
            prepared.request.describe(),
            prepared.sha256 if done.staged is None else done.staged.sha256,
            prepared.digest,
            done.staged,
            changed=done.changed,
            simulated=session.simulated,
        )
    )
