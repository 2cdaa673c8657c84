"""The ``warmboot`` command as it is installed: as root, Python starts anew without a user's wishes.

PYTHONPATH and the like come along with ``sudo -E`` and ``su``, and would have root run modules of
whoever set them. So nothing but what Python has loaded anyway is imported before that.
"""

import os
import sys

_ANEW = "import sys; from warmboot.tui.entry import run; sys.exit(run())"


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
        if sys.argv[1:] == ["--version"]:
            return _version()
        import gc
        import signal

        signal.signal(signal.SIGINT, signal.SIG_DFL)  # until the command says what comes of it
        gc.set_threshold(20_000, 20, 20)  # modules are no garbage; looking for some took a tenth
        try:
            from warmboot.tui.cli import main

            return main()
        finally:
            gc.freeze()  # nor is all that goes with the process, which is looked through at its end
    words = [sys.executable, "-I", "-c", _ANEW, *sys.argv[1:]]
    return os.execve(sys.executable, words, roots_environment())


def _version() -> int:
    """Answer the one question that needs no parser, nor anything else."""
    from warmboot.core.version import VERSION

    print(f"warmboot {VERSION}")
    return 0


if __name__ == "__main__":
    sys.exit(run())
