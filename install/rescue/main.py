"""The entry of the rescue build, which has no interpreter beside it.

What warmboot starts by itself, such as a restart that has come due, it starts as
``sys.executable -I -m MODULE``. Here sys.executable is this program, so it takes these words.
"""

from __future__ import annotations

import atexit
import os
import shutil
import sys
from importlib import import_module

#: The modules that are started so; each has ``main(arguments)``.
STARTED = (
    "warmboot.tui.cli",
    "warmboot.core.restart.waiter",
    "warmboot.core.session.stand_by",
)
#: Written by the single file (single.sh) into the folder that it unpacks: its own path.
_UNPACKED_FROM = "unpacked-from"


def main() -> int:
    """Run the command line, or the module that the words name; returns the exit code."""
    _environment()
    _single_file()
    words = sys.argv[1:]
    if words[:2] == ["-I", "-m"] and words[2:3] and words[2] in STARTED:
        sys.argv = [sys.argv[0], *words[3:]]
        return int(import_module(words[2]).main(sys.argv[1:]))
    from warmboot.tui.entry import run

    return run()


def _environment() -> None:
    """Undo what the loader set for itself: programs that we run take the system's libraries."""
    if os.geteuid() == 0:
        from warmboot.tui.entry import roots_environment

        kept = roots_environment()
        os.environ.clear()
        os.environ.update(kept)
    else:
        os.environ.pop("LD_LIBRARY_PATH", None)
        before = os.environ.pop("LD_LIBRARY_PATH_ORIG", None)
        if before is not None:
            os.environ["LD_LIBRARY_PATH"] = before
    # What this program starts of itself is a program of its own.
    os.environ["PYINSTALLER_RESET_ENVIRONMENT"] = "1"


def _single_file() -> None:
    """Where a single file was unpacked for this run, remove that in the end, and start that anew.

    What is started by itself may outlive this run, and so its folder.
    """
    home = os.path.dirname(sys.executable)
    try:
        with open(os.path.join(home, _UNPACKED_FROM), "rb") as file:
            sys.executable = os.fsdecode(file.read())
    except FileNotFoundError:
        return
    own = os.getpid()

    def remove() -> None:
        if os.getpid() == own:
            shutil.rmtree(os.path.dirname(home), ignore_errors=True)

    atexit.register(remove)


if __name__ == "__main__":
    sys.exit(main())
