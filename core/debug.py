"""A log for whoever looks for a fault: what is read, decided and called, and how long it takes.

Nothing is logged, and the module `logging` is not imported, before `switch_on` is called. What is
logged may end up in a bug report, so command lines and what files hold are left out.
"""

from __future__ import annotations

import errno
import os
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

from warmboot.core.errors import WrongArgument
from warmboot.core.hints import TextIO
from warmboot.core.text import printable

_LINE = 2000  # characters of one line
_SHORT = 300  # of one that is kept
_OFF: AbstractContextManager[None] = nullcontext()

_log: Callable[..., None] | None = None
_file: TextIO | None = None
_kept: deque[str] | None = None
_begun = time.monotonic()


def debug(text: str, *values: object) -> None:
    """Log `text` with its values put in as printf(3) would; does nothing while switched off."""
    if _log is not None:
        _log(text, *values)
    if _kept is not None:
        shown = printable(text % values if values else text, _SHORT)
        _kept.append(f"{(time.monotonic() - _begun) * 1000:9.1f}  {shown}")


def keep(count: int) -> None:
    """Keep the last `count` lines in memory, too, for somebody to look at; 0 keeps none."""
    global _kept  # noqa: PLW0603 - one log for the whole program
    _kept = deque(maxlen=count) if count else None


def kept() -> tuple[str, ...]:
    """Return the lines that are kept, oldest first, printable."""
    return tuple(_kept or ())


def failure(call: str, error: OSError) -> None:
    """Log a system call that failed, with its errno."""
    if _log is not None or _kept is not None:
        number = error.errno or 0
        debug("%s = -1 %s (%s)", call, errno.errorcode.get(number, number), os.strerror(number))


def step(name: str) -> AbstractContextManager[None]:
    """Log when a step begins, and how long it took; does nothing while switched off."""
    return _OFF if _log is None and _kept is None else _timed(name)


@contextmanager
def _timed(name: str) -> Iterator[None]:
    debug("%s: begins", name)
    begin = time.monotonic()
    end = "ended by an error after"
    try:
        yield
        end = "took"
    finally:
        debug("%s: %s %.1f ms", name, end, (time.monotonic() - begin) * 1000)


def fault(error: BaseException) -> None:
    """Log an error with the place in the code where it was raised."""
    if _log is not None:
        _log("%s", type(error).__name__, exc_info=error)


def switch_on(path: Path | None) -> None:
    """Log to the end of a file that only its owner may read, or to stderr; raises WrongArgument.

    A file of that name that is a symbolic link is refused.
    """
    global _log, _file  # noqa: PLW0603 - one switch for the whole program
    import logging
    import sys

    class Formatter(logging.Formatter):
        """Makes every line safe to show: names from files stand in them."""

        def format(self, record: logging.LogRecord) -> str:
            lines = super().format(record).split("\n")
            return "\n".join(printable(line, _LINE) for line in lines)

    switch_off()
    _file = None if path is None else _open(path)
    handler = logging.StreamHandler(_file or sys.stderr)
    thread = "" if path is None else "%(threadName)s: "  # the full-screen program has several
    handler.setFormatter(Formatter(f"%(relativeCreated)8.1f ms  {thread}%(message)s"))
    logger = logging.getLogger("warmboot")
    logger.handlers[:] = [handler]
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    _log = logger.debug


def switch_off() -> None:
    """Log nothing any more, and close the file."""
    global _log, _file  # noqa: PLW0603 - one switch for the whole program
    _log = None
    if _file is not None:
        _file.close()
        _file = None


def _open(path: Path) -> TextIO:
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        return os.fdopen(os.open(path, flags, 0o600), "a", encoding="utf-8")
    except (OSError, ValueError) as error:
        raise WrongArgument(
            f"The debug log {printable(str(path))} cannot be written: {error}",
            hint="WARMBOOT_DEBUG names the file; WARMBOOT_DEBUG=1 logs to stderr.",
        ) from error
