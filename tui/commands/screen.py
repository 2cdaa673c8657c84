"""``warmboot`` alone: the full-screen program."""

from __future__ import annotations

import argparse

from warmboot.core.errors import WarmbootError
from warmboot.tui.app import run as run_app


def run(options: argparse.Namespace) -> int:
    """Run the full-screen program and return its exit code."""
    if options.json:
        raise WarmbootError("--json goes with a command", hint="For example: warmboot list --json")
    return int(run_app(options.root))
