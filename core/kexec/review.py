"""A command line looked at beside the machine, as findings of a plan."""

from __future__ import annotations

from dataclasses import replace

from warmboot.core.boot.devices import Devices, read_devices
from warmboot.core.boot.lint import Level, Remark, lint
from warmboot.core.kexec.checks import Finding, Verdict
from warmboot.core.kexec.machine import Machine
from warmboot.core.kexec.plan import Plan


def remarks(machine: Machine, cmdline: str) -> tuple[Remark, ...]:
    """Return what lint says of a command line on this machine."""
    return lint(cmdline, devices_of(machine))


def devices_of(machine: Machine) -> Devices:
    """Return what command lines can be compared with on this machine."""
    return read_devices(machine.host.prefix, machine.root, machine.host.machine)


def review(plan: Plan, devices: Devices) -> Plan:
    """Return the plan with what its command line gives cause to say beside these devices.

    None of it forbids staging: the machine that runs may not see what the new system will.
    """
    found = tuple(
        Finding(f"command-line-{one.check}", Verdict.WARN, one.text, one.hint)
        for one in lint(plan.choices.cmdline.text, devices)
        if one.level is not Level.PASS
    )
    return replace(plan, findings=(*plan.findings, *found))
