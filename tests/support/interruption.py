"""A program of warmboot that is sent a signal at one of its steps."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Sequence

LIMIT = 120.0  # seconds; measured alone: 1
SOFT = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
CLI, WAIT = "warmboot.tui.cli", "warmboot.core.restart.waiter"

# `point` is "before MODULE NAME" or "after MODULE NAME"; NAME is a function, or Class.method, or
# either with "(WORD)" behind it: only where it is called with that word.
_HARNESS = """
import importlib, os, sys
entry, point, number, *arguments = sys.argv[1:]
when, module, name = point.split()
name, _, word = name.rstrip(")").partition("(")
owner = importlib.import_module(module)
*classes, name = name.split(".")
for inner in classes:
    owner = getattr(owner, inner)
function = getattr(owner, name)

def run(*args, **more):
    meant = not word or word in args
    if meant and when == "before":
        os.kill(os.getpid(), int(number))
    result = function(*args, **more)
    if meant and when == "after":
        os.kill(os.getpid(), int(number))
    return result

setattr(owner, name, run)
sys.exit(importlib.import_module(entry).main(arguments))
"""


def signalled(
    point: str, number: signal.Signals, arguments: Sequence[str], entry: str = CLI
) -> subprocess.CompletedProcess[str]:
    """Run a program of warmboot that gets a signal at `point`; it shows no traceback."""
    command = [sys.executable, "-c", _HARNESS, entry, point, str(int(number)), *arguments]
    done = subprocess.run(command, capture_output=True, timeout=LIMIT, check=False, text=True)
    assert "Traceback" not in done.stderr, done.stderr
    return done
