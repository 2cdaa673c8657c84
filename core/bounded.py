"""Steps that may wait for ever in the kernel, as those on a dead NFS server do, bounded in time."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable

from warmboot.core.debug import failure

SYNC_SECONDS = 30.0
_LONGEST_PAUSE = 0.1
_DONE, _REFUSED = 0, 1
_DESCRIPTORS = 4096


def bounded(step: Callable[[], bool], seconds: float) -> bool | None:
    """Run `step` in a child process; return what it returned, None where it took too long.

    A process that waits for a dead server cannot be killed: it is left behind, and holds nothing
    open, such as a lock. None too where there is no room for another process.
    """
    try:
        child = os.fork()
    except OSError as error:
        failure("fork()", error)
        return None
    if child == 0:
        code = _REFUSED
        try:
            os.closerange(3, _DESCRIPTORS)
            code = _DONE if step() else _REFUSED
        finally:
            os._exit(code)
    deadline = time.monotonic() + seconds
    pause = 0.001
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status) == _DONE
        if time.monotonic() >= deadline:
            _kill(child)
            return None
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)


def sync_disks(seconds: float = SYNC_SECONDS) -> bool:
    """Write out what the file systems hold, sync(2); False where that took too long."""
    return bounded(_sync, seconds) is not None


def _sync() -> bool:
    os.sync()
    return True


def _kill(child: int) -> None:
    with contextlib.suppress(OSError):
        os.kill(child, signal.SIGKILL)
