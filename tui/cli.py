"""The ``warmboot`` command: arguments in, one function called, one exit code out."""

from __future__ import annotations

import errno
import importlib
import os
import signal
import sys
from argparse import Namespace
from collections.abc import Sequence
from types import FrameType

from warmboot.core.errors import ExitCode, Refused, WarmbootError
from warmboot.core.session import is_sandbox
from warmboot.tui.arguments import make_parser
from warmboot.tui.present.schema import SCHEMA

#: EIO: the terminal has gone. EBADF: standard output is closed.
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EBADF)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code; see ExitCode."""
    _open_standard_streams()
    arguments = sys.argv[1:] if arguments is None else arguments
    options = make_parser(arguments).parse_args(arguments)
    try:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, _interrupt)
        code = _run(options)
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        sys.stderr.write("\nwarmboot: cancelled\n")
        return int(ExitCode.CANCELLED)
    except BrokenPipeError:  # the reader (head, less) has gone
        _silence()
        return int(ExitCode.OK)
    except OSError as error:
        if error.errno not in _NO_ROOM or error.filename is not None:
            raise
        _silence()
        sys.stderr.write(f"warmboot: The answer could not be written: {error.strerror}\n")
        sys.stderr.write("  What was asked for may have been done: see warmboot status.\n")
        return int(ExitCode.SYSTEM)


def _run(options: Namespace) -> int:
    try:
        module, _, function = options.run.partition(".")
        command = importlib.import_module(f"warmboot.tui.commands.{module}")
        return int(getattr(command, function)(options))
    except WarmbootError as error:
        _show(error, options)
        return int(error.exit_code)
    except MemoryError:
        sys.stderr.write("warmboot: There is not enough memory\n  Free some, then try again.\n")
        return int(ExitCode.SYSTEM)


def _open_standard_streams() -> None:
    """Put something in the place of standard streams that are closed.

    Else the next file that is opened would be one of them, and be written to as such.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is not None:
            continue
        # Standard output is open for reading only: what is written to it is missed, and said so.
        fd = os.open(os.devnull, os.O_WRONLY if name == "stderr" else os.O_RDONLY)
        if fd != number:
            os.dup2(fd, number)
            os.close(fd)
        setattr(sys, name, os.fdopen(number, "r" if name == "stdin" else "w", closefd=False))


def _silence() -> None:
    """Let what was not written be forgotten: Python would complain once more at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _show(error: WarmbootError, options: Namespace) -> None:
    log = error.log if isinstance(error, Refused) else ()
    if options.json:
        import json

        fields: dict[str, object] = {"message": error.message, "hint": error.hint}
        fields |= {"exit_code": int(error.exit_code), "kernel_log": list(log)}
        try:
            simulated = is_sandbox(options.root)
        except WarmbootError:  # the error that is shown; nothing was done
            simulated = False
        answer = {"schema": SCHEMA, "simulated": simulated, "error": fields}
        sys.stdout.write(json.dumps(answer, indent=2) + "\n")
        return
    sys.stderr.write(f"warmboot: {error.message}\n")
    if error.hint:
        sys.stderr.write(f"  {error.hint}\n")
    if log:
        sys.stderr.write("  The kernel logged meanwhile:\n")
        sys.stderr.writelines(f"    {line}\n" for line in log)


if __name__ == "__main__":
    sys.exit(main())
