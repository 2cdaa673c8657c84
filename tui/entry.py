"""The ``warmboot`` command as it is installed: as root, Python starts anew without a user's wishes.

PYTHONPATH and the like come along with ``sudo -E`` and ``su``, and would have root run modules of
whoever set them. So nothing but what Python has loaded anyway is imported before that.
"""

import os
import sys


def roots_environment() -> dict[str, str]:
    """Return the environment that root's run keeps: nothing that decides what code is loaded."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTHON", "LD_")) and name not in ("BASH_ENV", "ENV")
    }
    return {**kept, "PATH": os.defpath}


def run() -> int:
    """Run the command line; see warmboot.tui.cli.main."""
    if os.geteuid() != 0 or sys.flags.isolated:
        import signal

        signal.signal(signal.SIGINT, signal.SIG_DFL)  # until the command says what comes of it
        from warmboot.tui.cli import main

        return main()
    kept = roots_environment()
    words = [sys.executable, "-I", "-m", "warmboot.tui.entry", *sys.argv[1:]]
    return os.execve(sys.executable, words, kept)


if __name__ == "__main__":
    sys.exit(run())
