"""``warmboot status``, ``exec`` and ``unload``: what is staged, and what becomes of it."""

from __future__ import annotations

import argparse
import sys
import time

from warmboot.core.errors import (
    Cancelled,
    ExitCode,
    NothingStaged,
    NotPermitted,
    WarmbootError,
)
from warmboot.core.host import Host
from warmboot.core.images import Fact
from warmboot.core.kexec import Machine, Staged, open_machine
from warmboot.core.text import printable
from warmboot.tui import output
from warmboot.tui.facts import ending_lines


def status(options: argparse.Namespace) -> int:
    """Print what is staged and what the machine allows."""
    machine = open_machine(options.root)
    now = machine.status()
    if options.json:
        host = {name: getattr(machine.host, name) for name in _HOST_FIELDS}
        fields = {"host": host, "staged": now.staged, "what": now.what}
        output.write_json("status", machine, fields)
        return ExitCode.OK
    output.banner(machine)
    facts = [Fact("Staged", _staged_text(now.staged, now.what))]
    if now.what is not None:
        facts += [
            Fact("Kernel", now.what.kernel),
            Fact("Initrd", " + ".join(now.what.initrds) or "none, or inside the image"),
            Fact("Command line", printable(now.what.cmdline, 8192) or "(empty)"),
            Fact("Staged at", time.strftime("%Y-%m-%d %H:%M:%S %Z", time.localtime(now.what.at))),
        ]
    output.write_facts([*facts, *_host_facts(machine.host)])
    return ExitCode.OK


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


def execute(options: argparse.Namespace) -> int:
    """Restart into what is staged, once the operator has typed the host's name (or --yes)."""
    machine = open_machine(options.root)
    now = machine.status()
    _need_privilege(machine)
    if not now.staged:
        raise NothingStaged("No kernel is staged", hint="Stage one first: warmboot stage.")
    output.banner(machine)
    name = printable(machine.host.name)
    if not options.yes:
        _confirm(machine, now.what, name, as_json=options.json)
    sys.stdout.flush()
    warning = machine.execute(now=options.now)
    after = machine.refreshed().host
    if options.json:
        output.write_json("exec", machine, {"host": name, "release": after.release})
    elif machine.simulated:
        output.write_lines([f"The simulated machine {name} now runs {printable(after.release)}."])
    else:
        output.write_lines([f"systemd is restarting {name} into the staged kernel."])
    if warning:
        sys.stderr.write(f"warmboot: {warning}\n")
    return ExitCode.OK


def unload(options: argparse.Namespace) -> int:
    """Take the staged kernel out again."""
    machine = open_machine(options.root)
    _need_privilege(machine)
    there = machine.host.crash_staged if options.panic else machine.host.staged
    kind = "crash kernel" if options.panic else "kernel"
    if there is False:
        raise NothingStaged(f"No {kind} is staged; there is nothing to unload")
    warning = machine.unload(panic=options.panic)
    if options.json:
        output.write_json("unload", machine, {"staged": machine.status().staged})
    else:
        output.banner(machine)
        still = "No crash kernel is staged now." if options.panic else "Nothing is staged now."
        output.write_lines([f"Unloaded. {still}"])
    if warning:
        sys.stderr.write(f"warmboot: {warning}\n")
    return ExitCode.OK


def _confirm(machine: Machine, what: Staged | None, name: str, *, as_json: bool) -> None:
    if as_json or not sys.stdin.isatty():
        raise WarmbootError(
            "A question can be put to a person at a terminal only",
            hint="warmboot exec --yes restarts without asking.",
        )
    lines = [f"Restart {name} into {_staged_text(True, what)}.", "What ends:"]
    lines += [f"  {line}" for line in ending_lines(machine.host)]
    output.write_lines(lines)
    sys.stdout.write("Type the host's name to go on: ")
    sys.stdout.flush()
    if sys.stdin.readline().strip() != name:
        raise Cancelled


def _need_privilege(machine: Machine) -> None:
    if not machine.host.privileged:
        raise NotPermitted(
            "This user may not restart or unload kernels (CAP_SYS_BOOT is missing)",
            hint="Run warmboot as root: sudo warmboot.",
        )


def _staged_text(staged: bool | None, what: Staged | None) -> str:
    if staged is None:
        return "this kernel has no kexec"
    if not staged:
        return "nothing"
    if what is None:
        return "a kernel that something else than warmboot staged"
    return what.release or what.kernel


def _crash_kernel(host: Host) -> str:
    if host.crash_staged:
        return "loaded"
    return "not loaded, memory kept" if host.crash_size else "none, and no memory kept"


def _host_facts(host: Host) -> list[Fact]:
    def known(value: bool | None) -> str:
        return "not known" if value is None else "yes" if value else "no"

    limit = "not stated" if host.load_limit is None else str(host.load_limit)
    return [
        Fact("Host", printable(host.name)),
        Fact("Running kernel", printable(f"{host.release} ({host.machine})")),
        Fact("May load kernels", known(host.privileged)),
        Fact("kexec switched off", known(host.load_disabled)),
        Fact("Loads left", "no limit" if limit == "-1" else limit),
        Fact("Lockdown", printable(host.lockdown or "none")),
        Fact("Secure boot", known(host.secure_boot)),
        Fact("Container", printable(host.container or "no")),
        Fact("Crash kernel", _crash_kernel(host)),
        Fact("kexec-tools", printable(host.kexec_tools or "not found")),
    ]
