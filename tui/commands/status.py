"""``warmboot status``: what is staged, what is set, and what the machine allows."""

from __future__ import annotations

import argparse
from dataclasses import fields

from warmboot.core.errors import ExitCode
from warmboot.core.host import Host
from warmboot.core.images import Fact
from warmboot.core.kexec import Status, open_machine
from warmboot.core.text import printable
from warmboot.tui import output
from warmboot.tui.standing import status_facts

_HOST_FIELDS = (
    "name",
    "machine",
    "release",
    "cmdline",
    "uptime",
    "privileged",
    "crash_staged",
    "load_disabled",
    "load_limit",
    "lockdown",
    "secure_boot",
    "systemd",
    "sessions",
    "privilege_reachable",
    "log_readable",
    "load_limit_panic",
    "crash_size",
    "setup_mode",
    "container",
    "kexec_tools",
)


def run(options: argparse.Namespace) -> int:
    """Print what is staged and what the machine allows."""
    machine = open_machine(options.root)
    now = machine.status()
    if options.json:
        output.write_json("status", machine, {"host": host_fields(machine.host), **as_fields(now)})
        return ExitCode.OK
    output.banner(machine)
    output.write_facts([*status_facts(now), *_host_facts(machine.host)])
    return ExitCode.OK


def host_fields(host: Host) -> dict[str, object]:
    """Return the facts of the machine that an answer in JSON holds."""
    return {name: getattr(host, name) for name in _HOST_FIELDS}


def as_fields(status: Status) -> dict[str, object]:
    """Return a status as an answer in JSON holds it."""
    return {field.name: getattr(status, field.name) for field in fields(status)}


def _host_facts(host: Host) -> list[Fact]:
    def known(value: bool | None) -> str:
        return "not known" if value is None else "yes" if value else "no"

    limit = "not stated" if host.load_limit is None else f"{host.load_limit}, unloading counts too"
    return [
        Fact("Host", printable(host.name)),
        Fact("Running kernel", printable(f"{host.release} ({host.machine})")),
        Fact("May load kernels", known(host.privileged)),
        Fact("kexec switched off", known(host.load_disabled)),
        Fact("Loads left", "no limit" if host.load_limit == -1 else limit),
        Fact("Lockdown", printable(host.lockdown or "none")),
        Fact("Secure boot", known(host.secure_boot)),
        Fact("Container", printable(host.container or "no")),
        Fact("Crash kernel", _crash_kernel(host)),
        Fact("kexec-tools", printable(host.kexec_tools or "not found")),
    ]


def _crash_kernel(host: Host) -> str:
    if host.crash_staged:
        return "loaded"
    return "not loaded, memory kept" if host.crash_size else "none, and no memory kept"
