"""``warmboot report``: one file of evidence for a bug report, without secrets."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path

from warmboot.core.boot.choose import choose
from warmboot.core.boot.find import find_entries
from warmboot.core.errors import ExitCode, WarmbootError
from warmboot.core.host.surroundings import read_surroundings
from warmboot.core.kexec import Machine, Selection, choose_cmdline, make_plan, open_machine
from warmboot.core.kexec import report as evidence
from warmboot.tui import output
from warmboot.tui.commands.status import as_fields, host_fields
from warmboot.tui.schema import SCHEMA


def run(options: argparse.Namespace) -> int:
    """Collect, redact and write; prints where the file is, or the file itself for ``-o -``."""
    machine = open_machine(options.root)
    content = json.dumps(collect(machine, options.entry), indent=1) + "\n"
    if options.output == "-":
        sys.stdout.write(content)
        return ExitCode.OK
    name = f"warmboot-report-{time.strftime('%Y%m%dT%H%M%S')}.json"
    path = Path(options.output or name)
    evidence.write_private(path, content.encode())
    if options.json:
        output.write_json("report", machine, {"path": str(path), "size": len(content.encode())})
    else:
        output.banner(machine)
        output.write_lines([f"Wrote {path}, without passwords, keys and addresses of logins."])
        output.write_lines(["Look through it before you give it away: warmboot cannot know all."])
    return ExitCode.OK


def collect(machine: Machine, entry: str | None) -> dict[str, object]:
    """Return the evidence in JSON's own types, redacted."""
    host = machine.host
    fields: dict[str, object] = {
        "schema": SCHEMA,
        "command": "evidence",
        "simulated": machine.simulated,
        "at": time.time(),
        "versions": evidence.versions(host.prefix),
        "host": host_fields(host),
        "config": host.config,
        "status": as_fields(machine.status()),
        "plan": None if entry is None else _plan(machine, entry),
        "journal": evidence.journal_tail(machine.journal.lines()),
        "kernel_log": evidence.kernel_log(host.prefix),
    }
    value = output.plain(fields)
    connection = os.environ.get("SSH_CONNECTION", "").split()
    addresses = evidence.addresses_of(value) | {word for word in connection if not word.isdigit()}
    redacted: dict[str, object] = evidence.redact(value, addresses)
    return redacted


def _plan(machine: Machine, name: str) -> object:
    """Return the plan for an entry, or why there is none: a report is for when things fail."""
    try:
        entry = choose(find_entries(machine.root), name)
        with Selection.open(machine.root, entry, None, None) as selection:
            cmdline = choose_cmdline(
                entry, selection.image, machine.host, unified=selection.unified
            )
            choices = selection.choices(entry, cmdline, foreign_root=machine.foreign_root)
            return make_plan(
                choices,
                selection.image,
                selection.initrd_bytes,
                machine.host,
                machine.loader.name,
                read_surroundings(machine.host.prefix),
                machine.dialect(),
            )
    except WarmbootError as error:
        return {"problem": error.message, "hint": error.hint}
