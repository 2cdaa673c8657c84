"""``warmboot`` alone: the full-screen program."""

from __future__ import annotations

import argparse

from warmboot.core.errors import WrongArgument


def run(options: argparse.Namespace) -> int:
    """Run the full-screen program and return its exit code."""
    if options.json:
        raise WrongArgument("--json goes with a command", hint="For example: warmboot list --json")
    from warmboot.tui.app import run as run_app  # the screens take long to import

    return int(run_app(options.root, slow=options.slow))
