"""``warmboot doctor``: every check of this machine, and of an entry, with its verdict."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Sequence
from typing import Any

from warmboot.core.boot.choose import choose
from warmboot.core.boot.find import find_entries
from warmboot.core.errors import ExitCode
from warmboot.core.host.surroundings import read_surroundings
from warmboot.core.kexec import (
    Finding,
    Machine,
    Selection,
    Verdict,
    choose_cmdline,
    make_plan,
    open_machine,
)
from warmboot.core.kexec.checks.registry import all_checks, examine_machine
from warmboot.core.text import plural
from warmboot.tui import output

_WIDTH = 100


def run(options: argparse.Namespace) -> int:
    """Print the findings; the exit code is 6 where a check fails, else 0."""
    machine = open_machine(options.root)
    findings = _examine(machine, options.entry, options.kernel)
    failed = any(finding.verdict is Verdict.FAIL for finding in findings)
    if options.json:
        output.write_json("doctor", machine, _fields(findings))
    else:
        output.banner(machine)
        output.write_lines(finding_lines(findings))
        output.write_lines(["", _summary(findings)])
    return ExitCode.BLOCKED if failed else ExitCode.OK


def _examine(machine: Machine, name: str | None, kernel: str | None) -> tuple[Finding, ...]:
    """Run the checks of the machine; with an entry or a kernel those of its plan too."""
    around = read_surroundings(machine.host.prefix)
    if name is None and kernel is None:
        return examine_machine(machine.host, around)
    entry = None if name is None else choose(find_entries(machine.root), name)
    with Selection.open(machine.root, entry, kernel) as selection:
        cmdline = choose_cmdline(entry, selection.image, machine.host, unified=selection.unified)
        choices = selection.choices(entry, cmdline, foreign_root=machine.foreign_root)
        size, loader = selection.initrd_bytes, machine.loader.name
        plan = make_plan(
            choices, selection.image, size, machine.host, loader, around, machine.dialect()
        )
        return plan.findings


def finding_lines(findings: Sequence[Finding]) -> list[str]:
    """Return verdict, name and evidence in columns, remedies below what is not fine."""
    lines = []
    column = max(len(finding.check) for finding in findings) + 8
    for finding in findings:
        head = f"{finding.verdict.upper()}  {finding.check}".ljust(column)
        lines += textwrap.wrap(
            finding.text, _WIDTH, initial_indent=head, subsequent_indent=" " * column
        )
        if finding.hint and finding.verdict is not Verdict.PASS:
            indent = " " * column
            lines += textwrap.wrap(
                finding.hint, _WIDTH, initial_indent=indent, subsequent_indent=indent
            )
    return lines


def _summary(findings: Sequence[Finding]) -> str:
    fails = [finding for finding in findings if finding.verdict is Verdict.FAIL]
    warnings = sum(finding.verdict is Verdict.WARN for finding in findings)
    text = f"{plural(len(findings), 'check')}: {plural(warnings, 'warning')}, "
    if not fails:
        return f"{text}nothing stands against staging."
    text += f"{len(fails)} failed. "
    if all(finding.forceable for finding in fails):
        names = " ".join(f"--force {finding.check}" for finding in fails)
        return f"{text}To stage all the same: {names}."
    return f"{text}Staging is blocked."


def _fields(findings: Sequence[Finding]) -> dict[str, Any]:
    checks = all_checks()
    about = {check.id: check for check in checks}
    rows = [
        {
            **output.plain(finding),
            "title": about[finding.check].title,
            "looks_at": about[finding.check].looks_at,
        }
        for finding in findings
    ]
    ran = {finding.check for finding in findings}
    return {"findings": rows, "not_run": [check.id for check in checks if check.id not in ran]}
