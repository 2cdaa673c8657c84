"""``warmboot stage``: load a kernel while the running system goes on."""

from __future__ import annotations

import argparse
import sys

from warmboot.core.boot import Entry, choose, find_entries
from warmboot.core.errors import ExitCode, NotFound
from warmboot.core.kexec import (
    Machine,
    Plan,
    Prepared,
    Selection,
    Verdict,
    check,
    choose_cmdline,
    make_plan,
    open_machine,
    prepare,
)
from warmboot.tui import output
from warmboot.tui.progress import ProgressLine


def run(options: argparse.Namespace) -> int:
    """Plan, check, prepare, and make the one call; with --dry-run print it instead."""
    machine = open_machine(options.root)
    entry = _entry(machine, options)
    initrds = () if options.no_initrd else None
    if options.initrd:
        initrds = tuple(options.initrd)
    with Selection.open(machine.root, entry, options.kernel, initrds) as selection:
        cmdline = choose_cmdline(
            entry,
            selection.image,
            machine.host,
            typed=options.cmdline,
            extra=options.append,
            reuse=options.reuse_cmdline,
        )
        choices = selection.choices(entry, cmdline, foreign_root=machine.foreign_root)
        plan = make_plan(
            choices, selection.image, selection.initrd_bytes, machine.host, machine.loader.name
        )
        if not options.json:
            output.banner(machine)
            _show_plan(plan)
        check(plan, rehearsal=options.dry_run)
        with ProgressLine() as progress:
            prepared = prepare(plan, selection, report=progress.report)
        with prepared:
            if options.dry_run:
                return _dry_run(machine, prepared, as_json=options.json)
            return _commit(machine, prepared, as_json=options.json)


def _entry(machine: Machine, options: argparse.Namespace) -> Entry | None:
    """Return the entry meant: the named one, none for --kernel, or the only one there is."""
    if options.entry is None and options.kernel is not None:
        return None
    listing = find_entries(machine.root)
    if options.entry is not None:
        return choose(listing, options.entry)
    if len(listing.entries) == 1:
        return listing.entries[0]
    if not listing.entries:
        places = ", ".join(look.place for look in listing.looked)
        raise NotFound("No boot images found", hint=f"Looked in {places}. Or give --kernel FILE.")
    names = ", ".join(entry.id for entry in listing.entries[:6])
    raise NotFound(f"{len(listing.entries)} entries; name one", hint=f"For example: {names}")


def _show_plan(plan: Plan) -> None:
    choices = plan.choices
    initrds = "inside the image" if choices.initrds is None else " + ".join(choices.initrds)
    release = f" ({plan.image.release})" if plan.image.release else ""
    rows = [
        ("Kernel", f"{choices.kernel}{release}"),
        ("Initrd", initrds or "none"),
        ("Command line", f"{choices.cmdline.text or '(empty)'}"),
        ("", choices.cmdline.origin.value),
        ("Way", f"{plan.strategy.value}: {plan.why}"),
    ]
    output.write_lines(output.table(rows))
    for finding in plan.findings:
        if finding.verdict is not Verdict.PASS:
            output.write_lines([f"{finding.verdict.upper()} {finding.check}: {finding.text}"])
            output.write_lines([f"     {finding.hint}"] if finding.hint else [])
    sys.stdout.flush()


def _dry_run(machine: Machine, prepared: Prepared, *, as_json: bool) -> int:
    call = prepared.request.describe()
    if as_json:
        fields = {"plan": prepared.plan, "call": call, "sha256": prepared.sha256, "staged": None}
        output.write_json("stage", machine, fields)
        return ExitCode.OK
    output.write_lines(["Dry run. Everything is ready; this call would be made:", f"  {call}"])
    return ExitCode.OK


def _commit(machine: Machine, prepared: Prepared, *, as_json: bool) -> int:
    staged, warning = machine.commit(prepared)
    if as_json:
        fields = {
            "plan": prepared.plan,
            "call": prepared.request.describe(),
            "sha256": prepared.sha256,
            "staged": staged,
        }
        output.write_json("stage", machine, fields)
    else:
        output.write_lines(
            [
                f"Staged {staged.release or staged.kernel}. The running system goes on.",
                "Next: warmboot exec restarts into it; warmboot unload takes it out again.",
            ]
        )
    if warning:
        sys.stderr.write(f"warmboot: {warning}\n")
    return ExitCode.OK
