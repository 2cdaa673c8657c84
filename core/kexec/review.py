"""A command line looked at beside the machine, as findings of a plan."""

from __future__ import annotations

from dataclasses import replace

from warmboot.core.boot.devices import read_devices
from warmboot.core.boot.lint import Level, Remark, lint
from warmboot.core.kexec.checks import Finding, Verdict
from warmboot.core.kexec.machine import Machine
from warmboot.core.kexec.plan import Plan


def remarks(machine: Machine, cmdline: str) -> tuple[Remark, ...]:
    """Return what lint says of a command line on this machine."""
    return lint(cmdline, read_devices(machine.host.prefix, machine.root, machine.host.machine))


def review(plan: Plan, machine: Machine) -> Plan:
    """Return the plan with what its command line gives cause to say.

    None of it forbids staging: the machine that runs may not see what the new system will.
    """
    found = tuple(
        Finding(f"command-line-{one.check}", Verdict.WARN, one.text, one.hint)
        for one in remarks(machine, plan.choices.cmdline.text)
        if one.level is not Level.PASS
    )
    return replace(plan, findings=(*plan.findings, *found))
