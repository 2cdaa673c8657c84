"""``warmboot sandbox``: a simulated machine to try everything on."""

from __future__ import annotations

import argparse

from warmboot.core.errors import ExitCode
from warmboot.core.kexec import open_machine
from warmboot.core.sandbox.tree import create_sandbox
from warmboot.tui import output


def run(options: argparse.Namespace) -> int:
    """Make the sandbox, unless it is there already, and say how to use it."""
    created = create_sandbox(options.directory, kexec_bpf=options.kexec_bpf)
    machine = open_machine(options.directory)
    if options.json:
        output.write_json("sandbox", machine, {"path": options.directory, "created": created})
        return ExitCode.OK
    state = "Made" if created else "There is already"
    output.write_lines(
        [
            f"{state} a simulated machine in {options.directory}.",
            f"Try it: warmboot --root {options.directory}",
        ]
    )
    return ExitCode.OK
