"""``warmboot sandbox``: a simulated machine to try everything on."""

from __future__ import annotations

import argparse

from warmboot.core.errors import ExitCode
from warmboot.core.session import make_sandbox
from warmboot.tui.commands import output


def run(options: argparse.Namespace) -> int:
    """Make the sandbox, unless it is there already, and say how to use it."""
    session, created = make_sandbox(options.directory, kexec_bpf=options.kexec_bpf)
    if options.json:
        from warmboot.tui.present.answers.sandbox import sandbox_answer

        path, simulated = options.directory, session.simulated
        output.write_json(sandbox_answer(path, created=created, simulated=simulated))
        return ExitCode.OK
    state = "Made" if created else "There is already"
    output.write_lines(
        [
            f"{state} a simulated machine in {options.directory}.",
            f"Try it: warmboot --root {options.directory}",
        ]
    )
    return ExitCode.OK
