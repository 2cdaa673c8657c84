"""The ``warmboot`` command: arguments in, one function called, one exit code out."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found] # all of signal but its enumerations
import contextlib
import errno
import io
import os
import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from warmboot.core.debug import fault, step, switch_on
from warmboot.core.errors import ExitCode, Refused, WarmbootError, WrongArgument
from warmboot.tui.commands import output
from warmboot.tui.parser import make_parser, root_among, wants_json

_FULL_SCREEN = "screen.run"
#: EIO: the terminal has gone. EBADF: standard output is closed.
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EBADF)


class Interrupted(WarmbootError):
    """A signal came in time."""

    exit_code = ExitCode.CANCELLED


class Fault(WarmbootError):
    """Warmboot itself is wrong."""

    exit_code = ExitCode.BUG


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code; see ExitCode."""
    _open_standard_streams()
    arguments = sys.argv[1:] if arguments is None else arguments
    output.begin()
    try:
        return _run(arguments)
    except KeyboardInterrupt:  # while the answer was written
        sys.stderr.write("\nwarmboot: cancelled\n")
        return int(ExitCode.CANCELLED)
    except BrokenPipeError:  # the reader (head, less) has gone
        output.silence()
        return int(ExitCode.OK)
    except OSError as error:
        if error.errno not in _NO_ROOM or error.filename is not None:
            _answer_fault(error, arguments)
            raise
        output.silence()
        sys.stderr.write(f"warmboot: The output could not be written: {error.strerror}\n")
        sys.stderr.write("  What was asked for may have been done: see warmboot status.\n")
        return int(ExitCode.SYSTEM)
    except Exception as error:
        _answer_fault(error, arguments)
        raise


def _run(arguments: Sequence[str]) -> int:
    try:
        options = make_parser(arguments).parse_args(arguments)
        for number in (_signal.SIGINT, _signal.SIGTERM, _signal.SIGHUP):
            _signal.signal(number, _interrupt)
        # Whoever starts this may ignore it; then nobody learns how a program ended.
        _signal.signal(_signal.SIGCHLD, _signal.SIG_DFL)
        _debug(options)
        module, _, function = options.run.partition(".")
        place = f"warmboot.tui.commands.{module}"
        __import__(place)  # importlib would be one module more
        command = sys.modules[place]
        with step(module):
            code = int(getattr(command, function)(options))
        sys.stdout.flush()
        return code
    except WarmbootError as error:
        fault(error)
        _show(error, arguments)
        return int(error.exit_code)
    except MemoryError:
        full = WarmbootError("There is not enough memory", hint="Free some, then try again.")
        _show(full, arguments)
        return int(ExitCode.SYSTEM)
    except KeyboardInterrupt:
        if wants_json(arguments):
            hint = "warmboot status shows what is staged now."
            _answer_error(Interrupted("Cancelled", hint=hint), arguments)
        sys.stderr.write("\nwarmboot: cancelled\n")
        return int(ExitCode.CANCELLED)


def _open_standard_streams() -> None:
    """Put something in the place of standard streams that are closed; let output take any text.

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
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        # What the locale has no letters for is escaped, as on standard error: an answer must not
        # end in its middle.
        sys.stdout.reconfigure(errors="backslashreplace")


def _debug(options: Namespace) -> None:
    """Switch the debug log on where it is asked for: by --debug, or by the environment."""
    wanted = os.environ.get("WARMBOOT_DEBUG", "")
    if not options.debug and wanted in ("", "0"):
        return
    path = None if wanted in ("", "0", "1") else Path(wanted)
    if path is None and options.run == _FULL_SCREEN:
        raise WrongArgument(
            "The full-screen program needs a file for its debug log",
            hint="For example: WARMBOOT_DEBUG=warmboot.log warmboot",
        )
    switch_on(path)


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _show(error: WarmbootError, arguments: Sequence[str]) -> None:
    if wants_json(arguments):
        _answer_error(error, arguments)
        return
    lines = [f"warmboot: {error.message}"]
    if error.hint:
        lines.append(f"  {error.hint}")
    if isinstance(error, Refused) and error.log:
        lines += ["  The kernel logged meanwhile:", *(f"    {line}" for line in error.log)]
    output.complain("".join(f"{line}\n" for line in lines))


def _answer_error(error: WarmbootError, arguments: Sequence[str]) -> None:
    from warmboot.tui.present.answers.error import error_answer

    simulated = _simulated(root_among(arguments))
    output.write_json(error_answer(error, simulated=simulated))
    sys.stdout.flush()


def _answer_fault(error: Exception, arguments: Sequence[str]) -> None:
    """Answer in JSON before Python says on stderr where the fault is."""
    if not wants_json(arguments):
        return
    told = Fault(
        f"A fault in warmboot: {type(error).__name__}: {error}",
        hint="Report it, with what stands on standard error.",
    )
    with contextlib.suppress(OSError):  # the first one is told
        _answer_error(told, arguments)


def _simulated(root: Path) -> bool:
    from warmboot.core.session import is_sandbox  # 60 ms that only an error is worth

    try:
        return is_sandbox(root)
    except (WarmbootError, OSError, RuntimeError):  # the error that is shown; nothing was done
        return False


if __name__ == "__main__":
    sys.exit(main())
