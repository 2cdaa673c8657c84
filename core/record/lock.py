"""One at a time: the lock that staging, unloading and restarting hold, and who holds it."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found] # all of signal but its enumerations
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from warmboot.core.errors import Blocked, WarmbootError, space_hint
from warmboot.core.host.state import RUN, process_start
from warmboot.core.rooted import rooted
from warmboot.core.statefile import open_state
from warmboot.core.text import clock, printable
from warmboot.core.typed import json_object, typed
from warmboot.core.values import asdict, dataclass

_LIMIT = 4096


@dataclass(frozen=True)
class Holder:
    """The process that holds the lock; `since` in seconds since the epoch.

    `started`, in ticks since boot, tells it from a later process of the same number.
    """

    pid: int
    command: str
    since: float
    started: int | None = None


@contextmanager
def only_one(prefix: Path, command: str) -> Iterator[None]:
    """Hold the machine's lock; raises Blocked where another process has it, naming that one.

    The kernel lets go of it when the process ends, however it ends; see flock(2).
    """
    path = rooted(prefix) / RUN / "lock"
    try:
        fd = open_state(path, os.O_RDWR | os.O_CREAT, make=True)
    except OSError as error:
        hint = space_hint(error, "Make /run writable, or run it as root.")
        raise WarmbootError(
            f"The lock {path} could not be taken: {error.strerror}",
            hint=f"Nothing was tried. {hint}",
        ) from error
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise _busy(fd) from error
        own = os.getpid()
        try:
            _name(fd, Holder(own, command, time.time(), process_start(own)))
            yield
        finally:
            _name(fd, None)
    finally:
        os.close(fd)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Let Ctrl-C, SIGTERM and SIGHUP pass without effect: a step and its record go together.

    A signal that comes in between is too late to stop the step, and what is said of it must be
    true. Handlers, not a mask, so that no other thread takes the signal and no child inherits it.
    """
    import threading

    if threading.current_thread() is not threading.main_thread():
        yield  # signals are handled in the main thread, which this one does not stop
        return
    numbers = (_signal.SIGINT, _signal.SIGTERM, _signal.SIGHUP)
    before = {number: _signal.signal(number, _too_late) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            _signal.signal(number, handler if handler is not None else _signal.SIG_DFL)


def _too_late(_number: int, _frame: FrameType | None) -> None:
    return


def read_holder(prefix: Path) -> Holder | None:
    """Return who holds the lock now, None where nobody does or it cannot be read."""
    try:
        fd = open_state(rooted(prefix) / RUN / "lock", os.O_RDONLY)
    except OSError:
        return None
    try:
        holder = _read(fd)
    finally:
        os.close(fd)
    there = holder is not None and process_start(holder.pid) in {holder.started} - {None}
    return holder if there else None


def _busy(fd: int) -> Blocked:
    holder = _read(fd)
    who = "which one is not known"
    if holder is not None:
        who = f"{printable(holder.command, 80)} (process {holder.pid}, since {clock(holder.since)})"
    return Blocked(f"Another warmboot is running: {who}", hint="Wait until it has ended.")


def _name(fd: int, holder: Holder | None) -> None:
    """Write who holds the lock. It only helps people: a full /run is no reason to stop."""
    try:
        os.ftruncate(fd, 0)
        if holder is not None:
            import json

            os.pwrite(fd, json.dumps(asdict(holder)).encode(), 0)
    except OSError:
        return


def _read(fd: int) -> Holder | None:
    try:
        return typed(Holder, json_object(os.pread(fd, _LIMIT, 0)))
    except OSError:
        return None
