"""``warmboot stage``: load a kernel while the running system goes on."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace

from warmboot.core.boot import Entry
from warmboot.core.errors import Blocked, ExitCode, NotFound
from warmboot.core.host.surroundings import read_surroundings
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
from warmboot.core.kexec.checks.registry import forced_checks
from warmboot.core.kexec.loader import Call
from warmboot.core.kexec.review import devices_of, review
from warmboot.core.kexec.selection import Named
from warmboot.tui import output
from warmboot.tui.asked import chosen_presets, installed_line
from warmboot.tui.progress import ProgressLine

_LOADERS = {"file": Call.FILE, "load": Call.LOAD, "tools": Call.TOOLS}


def run(options: argparse.Namespace) -> int:
    """Plan, check, prepare, and make the one call; with --dry-run print it instead."""
    machine = open_machine(options.root)
    forced = forced_checks(options.force or ())
    entry = _entry(machine, options)
    named = _named(options)
    with Selection.open(machine.root, entry, options.kernel, named=named) as selection:
        cmdline = choose_cmdline(
            entry,
            selection.image,
            machine.host,
            typed=options.cmdline,
            extra=options.append,
            reuse=options.reuse_cmdline,
            installed=installed_line(machine, options, entry),
            presets=chosen_presets(machine, options),
            unified=selection.unified,
        )
        choices = selection.choices(
            entry,
            cmdline,
            foreign_root=machine.foreign_root,
            loader=_LOADERS.get(options.loader),
            panic=options.panic,
        )
        plan = make_plan(
            replace(choices, forced=forced),
            selection.image,
            selection.initrd_bytes,
            machine.host,
            machine.loader.name,
            read_surroundings(machine.host.prefix),
            machine.dialect(),
        )
        plan = review(plan, devices_of(machine))
        if not options.json:
            output.banner(machine)
            _show_plan(plan)
        check(plan, rehearsal=options.dry_run)
        with ProgressLine() as progress:
            prepared = prepare(plan, selection, report=progress.report, previewed=options.sha256)
        with prepared:
            if options.dry_run:
                return _dry_run(machine, prepared, as_json=options.json)
            return _commit(machine, prepared, as_json=options.json)


def _named(options: argparse.Namespace) -> Named:
    """What is named beside the entry. An empty tuple is none at all, None what belongs to it."""
    initrds = () if options.no_initrd else tuple(options.initrd) if options.initrd else None
    addons = () if options.no_addons else tuple(options.addon) if options.addon else None
    return Named(initrds, options.dtb, addons, options.profile)


def _entry(machine: Machine, options: argparse.Namespace) -> Entry | None:
    """Return the entry meant: the named one, none for --kernel, or the only one there is."""
    if options.entry is None and options.kernel is not None:
        return None
    from warmboot.core.boot.choose import choose
    from warmboot.core.boot.find import find_entries

    listing = find_entries(machine.root)
    if options.entry is not None:
        entry = choose(listing, options.entry)
        if entry.problem and options.kernel is None and machine.root.exists(entry.kernel):
            raise Blocked(
                f"The entry {entry.id} cannot be used: {entry.problem}",
                hint="Name its kernel and initrd with --kernel and --initrd.",
            )
        return entry
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
    if plan.call is not None:
        rows.append(("Loader", f"{plan.loader}: {plan.why_loader}"))
    rows += [("", f"not {other.loader}: {other.why_not}") for other in plan.other_loaders]
    if plan.devicetree is not None:
        rows.append(("Device tree", plan.devicetree))
    output.write_lines(output.table(rows))
    for finding in plan.findings:
        if finding.verdict is not Verdict.PASS:
            against = "FORCED" if finding.check in plan.forced else finding.verdict.upper()
            output.write_lines([f"{against} {finding.check}: {finding.text}"])
            output.write_lines([f"     {finding.hint}"] if finding.hint else [])
    sys.stdout.flush()


def _dry_run(machine: Machine, prepared: Prepared, *, as_json: bool) -> int:
    call = prepared.request.describe()
    if as_json:
        fields = {"plan": prepared.plan, "call": call, "sha256": prepared.sha256, "staged": None}
        output.write_json("stage", machine, fields)
        return ExitCode.OK
    lines = ["Dry run. Everything is ready; this call would be made:", f"  {call}"]
    output.write_lines([*lines, f"SHA-256 of the kernel: {prepared.sha256}"])
    return ExitCode.OK


def _commit(machine: Machine, prepared: Prepared, *, as_json: bool) -> int:
    staged, warning = machine.commit(prepared)
    if as_json:
        fields = {
            "plan": prepared.plan,
            "call": prepared.request.describe(),
            "sha256": staged.sha256,
            "staged": staged,
        }
        output.write_json("stage", machine, fields)
    elif staged.panic:
        name = staged.release or staged.kernel
        lines = [f"Staged {name} for a crash.", "Next: warmboot unload --panic takes it out again."]
        output.write_lines(lines)
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
