"""The process that waits for a restart that is set, where no systemd does.

``python -I -m warmboot.core.restart.waiter PREFIX ID COMMAND...``: detached from the terminal
and the session, deaf to SIGHUP; ends when the countdown is cancelled.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from warmboot.core.errors import WarmbootError
from warmboot.core.restart import schedule

_POLL = 1.0


def main(arguments: Sequence[str]) -> int:
    """Detach, wait, run the command. The parent ends when the child is known to wait."""
    prefix, identity, *command = arguments
    ready, told = os.pipe()
    if os.fork():
        os.close(told)
        return 0 if os.read(ready, 1) else 1
    os.setsid()
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    if os.fork():
        os._exit(0)
    return _wait(Path(prefix), identity, command, told)


def _wait(prefix: Path, identity: str, command: list[str], told: int) -> int:
    """Say in the countdown's file who waits, let go of the terminal, and wait."""
    try:
        waits = schedule.note_process(prefix, identity)
    except WarmbootError as error:  # read by who started this; see countdown
        sys.stderr.write(error.message)
        return 1
    if not waits:
        sys.stderr.write("the restart was cancelled")
        return 1
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    os.chdir("/")
    os.write(told, b"1")
    os.close(told)
    while (countdown := schedule.still_set(prefix, identity)) is not None:
        left = countdown.left()
        if left <= 0:
            return os.execv(command[0], command)
        time.sleep(min(left, _POLL))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
