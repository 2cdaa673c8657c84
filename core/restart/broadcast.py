"""Telling the other sessions what becomes of the machine."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable
from pathlib import Path

from warmboot.core.expression import expression
from warmboot.core.programs import environment, find_program
from warmboot.core.text import printable

_WALL_TIMEOUT = 5
#: What is opened by another name may be no terminal, and start by that: a watchdog, a tape.
_TERMINAL = expression(r"pts/[0-9]{1,7}|(?:tty|hvc|hvsi|xvc|sclp_line)[A-Za-z0-9]{0,12}|console")


def tell_everybody(text: str, terminals: Iterable[str]) -> None:
    """Tell the other sessions, with wall(1) or on their terminals; never an error."""
    message = printable(text, 400)
    wall = find_program("wall")
    if wall is not None:
        try:
            subprocess.run(
                [wall], input=message + "\n", text=True, errors="backslashreplace",
                timeout=_WALL_TIMEOUT, check=True, capture_output=True, env=environment(),
            )  # fmt: skip
            return
        except (OSError, subprocess.SubprocessError):
            pass
    for terminal in filter(_TERMINAL.fullmatch, terminals):
        _write(Path("/dev") / terminal, f"\r\n{message}\r\n".encode())


def _write(path: Path, raw: bytes) -> None:
    try:
        fd = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if os.isatty(fd):
            os.write(fd, raw)
    except OSError:
        return
    finally:
        os.close(fd)
