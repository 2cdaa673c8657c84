"""A restart at a later time, which goes on when the line to the machine drops.

Where systemd runs it is a transient timer; elsewhere a process of its own waits
(warmboot.core.restart.waiter). Either way a file below /run says what was set, and taking that file
away cancels it: whoever wakes looks there first.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import time
from collections.abc import Sequence
from pathlib import Path

from warmboot.core.errors import Blocked, WarmbootError, WrongArgument, space_hint
from warmboot.core.expression import expression
from warmboot.core.hints import Self
from warmboot.core.host.state import RUN, process_start
from warmboot.core.programs import find_program, own_program, run
from warmboot.core.rooted import rooted
from warmboot.core.statefile import open_state, read_state, remove_state
from warmboot.core.text import clock, printable
from warmboot.core.typed import json_object, typed
from warmboot.core.values import asdict, dataclass, replace

UNIT = "warmboot-exec"
_FILE = "countdown.json"
_TRANSIENT = f"run/systemd/transient/{UNIT}.timer"
_TIMEOUT = 30
_LONGEST = 366 * 86400
_SOON = 5.0  # seconds; systemd takes no time of the calendar that is past
_DELAY = expression(r"(\d{1,9})(s|m|h)?", re.ASCII)
_UNITS = {"s": 1, "m": 60, "h": 3600, None: 1}


@dataclass(frozen=True)
class Countdown:
    """A restart that is set. `at` and `since` in seconds since the epoch.

    `due` is when, in seconds since boot (CLOCK_BOOTTIME), where a delay was asked for: then the
    clock on the wall does not count, which may be set meanwhile. None where a time was asked for.

    `pid` and `started` (in ticks since boot, see proc(5)) name the waiting process, None where it
    is the timer `unit`. `sha256` and `staged_at` say what was staged then, None where not known.
    """

    id: str
    at: float
    since: float
    uid: int
    unit: str | None = None
    pid: int | None = None
    started: int | None = None
    sha256: str | None = None
    staged_at: float | None = None
    due: float | None = None

    def left(self) -> float:
        """Return the seconds until it is due, none or less where it is."""
        return self.at - time.time() if self.due is None else self.due - since_boot()


class Moment(float):
    """A time in seconds since the epoch; `due` as in Countdown, where it comes from a delay."""

    due: float | None = None

    @classmethod
    def after(cls, delay: float) -> Self:
        """Return the time `delay` seconds from now."""
        made = cls(time.time() + delay)
        made.due = since_boot() + delay
        return made


def since_boot() -> float:
    """Return the seconds since boot, suspended or not; nobody can set this clock."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def parse_delay(text: str) -> float:
    """Return seconds for ``10`` (seconds), ``90s``, ``10m`` or ``2h``; raises WrongArgument."""
    found = _DELAY.fullmatch(text.strip())
    seconds = int(found[1]) * _UNITS[found[2]] if found else 0
    if not found or seconds > _LONGEST:
        raise WrongArgument(
            f"{text!r} is not a delay of at most a year",
            hint="For example: --in 90, --in 10m, --in 2h.",
        )
    return float(seconds)


def parse_time(text: str, now: float) -> float:
    """Return seconds since the epoch for ``HH:MM`` (the next one) or ``YYYY-MM-DD HH:MM``.

    Local time, where no offset from UTC is given. Raises WrongArgument for what is no time, or
    past.
    """
    from datetime import datetime, timedelta  # slow to import

    today = datetime.fromtimestamp(now).astimezone()
    wrong = WrongArgument(
        f"{text!r} is not in the future",
        hint="For example: --at 23:30, or --at '2027-01-31 06:00'.",
    )
    clock = re.fullmatch(r"(\d{1,2}):(\d{2})(?::(\d{2}))?", text.strip(), re.ASCII)
    try:
        if clock:
            hour, minute, second = int(clock[1]), int(clock[2]), int(clock[3] or 0)
            naive = today.replace(
                hour=hour, minute=minute, second=second, microsecond=0, tzinfo=None
            )
            at = naive.timestamp()
            return at if at > now else (naive + timedelta(days=1)).timestamp()
        at = datetime.fromisoformat(text.strip()).timestamp()
    except (ValueError, OverflowError, OSError) as error:
        raise wrong from error
    if not now < at <= now + _LONGEST:
        raise wrong
    return at


def restart_command(root: Path, identity: str, *, now: bool, whatever: bool) -> list[str]:
    """Return the command that carries the countdown `identity` out when its time has come."""
    command = own_program("warmboot.tui.cli")
    command += ["--root", str(root.absolute()), "exec", "--yes", "--due", identity]
    command += ["--now"] if now else []
    return command + (["--whatever-is-staged"] if whatever else [])


def read_countdown(prefix: Path) -> Countdown | None:
    """Return the restart that is set and still waited for, None where there is none."""
    countdown = _read(prefix)
    if countdown is None:
        return None
    if countdown.pid is not None:
        there = process_start(countdown.pid) in {countdown.started} - {None}
        return countdown if there else None
    waits = countdown.unit is not None and (prefix / _TRANSIENT).exists()
    return countdown if waits else None


def begin(prefix: Path, countdown: Countdown, command: Sequence[str]) -> Countdown:
    """Have `command` run at the time set; returns the countdown with who waits for it.

    Raises Blocked where one is set already, WarmbootError where nothing can wait.
    """
    other = read_countdown(prefix)
    if other is not None:
        raise Blocked(
            f"A restart is already scheduled for {clock(other.at)}",
            hint="warmboot exec --cancel ends it.",
        )
    try:
        if prefix == Path("/") and (prefix / "run/systemd/system").is_dir():
            return _timer(prefix, replace(countdown, unit=f"{UNIT}.timer"), command)
        return _process(prefix, countdown, command)
    except BaseException:
        with contextlib.suppress(WarmbootError):
            _remove(prefix)
        raise


def make(at: float, sha256: str | None, staged_at: float | None) -> Countdown:
    """Return a new countdown to `at`, a Moment where it comes from a delay."""
    due = at.due if isinstance(at, Moment) else None
    now = time.time()
    return Countdown(
        os.urandom(16).hex(), float(at), now, os.getuid(), None, None, None, sha256, staged_at, due
    )


def cancel(prefix: Path) -> Countdown | None:
    """End the countdown; returns what was cancelled, None where nothing was set.

    A process that waits sees so within a second, and ends. It gets no signal: the number in the
    file may be that of any other. Raises WarmbootError where it cannot be ended.
    """
    countdown = read_countdown(prefix)
    if not _remove(prefix) or countdown is None:  # what is due took the file away first
        return None
    if countdown.pid is None:
        _stop_timer()
    return countdown


def claim(prefix: Path, identity: str) -> Countdown | None:
    """Take the countdown `identity` as due: it is no longer set. None where it was cancelled.

    Raises WarmbootError where it cannot be taken.
    """
    countdown = _read(prefix)
    if countdown is None or countdown.id != identity or not _remove(prefix):
        return None
    return countdown


def note_process(prefix: Path, identity: str) -> bool:
    """Write that this process waits for the countdown `identity`; False where it is gone.

    Raises WarmbootError where it cannot be written.
    """
    countdown = _read(prefix)
    if countdown is None or countdown.id != identity:
        return False
    own = os.getpid()
    _write(prefix, replace(countdown, pid=own, started=process_start(own)))
    return True


def still_set(prefix: Path, identity: str) -> Countdown | None:
    """Return the countdown `identity`, None where it has been cancelled."""
    countdown = _read(prefix)
    return countdown if countdown is not None and countdown.id == identity else None


def _timer(prefix: Path, countdown: Countdown, command: Sequence[str]) -> Countdown:
    """Let systemd wait. A timer that a killed warmboot left behind would be in the way."""
    if (prefix / _TRANSIENT).exists():
        _stop_timer()
    _write(prefix, countdown)
    from datetime import UTC, datetime

    calendar = datetime.fromtimestamp(countdown.at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    left = countdown.left()
    by_delay = countdown.due is not None or left < _SOON
    when = f"--on-active={max(1, round(left))}s" if by_delay else f"--on-calendar={calendar}"
    properties = ["--timer-property=AccuracySec=1s", "--description=Restart into the staged kernel"]
    words = [word.replace("$", "$$") for word in command]  # systemd would expand variables
    try:
        _run(["systemd-run", "--quiet", "--collect", f"--unit={UNIT}", when, *properties, *words])
    except WarmbootError:
        _stop_timer()
        raise
    return countdown


def _stop_timer() -> None:
    """End the timer, as far as that goes: without the file it does nothing when it wakes."""
    with contextlib.suppress(WarmbootError):
        _run(["systemctl", "stop", f"{UNIT}.timer"])


def _process(prefix: Path, countdown: Countdown, command: Sequence[str]) -> Countdown:
    """Start a process that waits; it writes who it is into the file."""
    _write(prefix, countdown)
    waiter = own_program("warmboot.core.restart.waiter")
    _run([*waiter, str(prefix), countdown.id, *command])
    found = read_countdown(prefix)
    if found is None:
        raise WarmbootError(
            "The process that was to wait for the restart has ended",
            hint="No restart is scheduled. Try again.",
        )
    return found


def _run(command: Sequence[str]) -> None:
    """Run a program in a session of its own, which Ctrl-C and a dropped line do not reach.

    Raises WarmbootError with what it said.
    """
    name = os.path.basename(command[0])
    hint = "No restart is scheduled. warmboot exec restarts at once."
    program = command[0] if os.path.isabs(command[0]) else find_program(command[0])
    if program is None:
        raise WarmbootError(f"{name} could not be run: it is not installed", hint=hint)
    try:
        done = run([program, *command[1:]], _TIMEOUT, own_session=True)
    except OSError as error:
        raise WarmbootError(f"{name} could not be run: {error}", hint=hint) from error
    if done.code != 0:
        reason = printable(done.errors.strip()[-400:]) or f"exit {done.code}"
        raise WarmbootError(f"{name} failed: {reason}", hint=hint)


def _read(prefix: Path) -> Countdown | None:
    try:
        raw = read_state(rooted(prefix) / RUN / _FILE, 8192)
    except OSError:
        return None
    return typed(Countdown, json_object(raw or b""))


def problem(prefix: Path) -> str | None:
    """Return what to say of a file of a countdown that cannot be read, None where all is well."""
    path = rooted(prefix) / RUN / _FILE
    try:
        raw = read_state(path, 8192)
    except OSError as error:
        return None if isinstance(error, PermissionError) else f"{path}: {error.strerror}"
    if raw is None or typed(Countdown, json_object(raw)) is not None:
        return None
    return f"{path} is damaged, so whether a restart was set is not known"


def _write(prefix: Path, countdown: Countdown) -> None:
    """Write the file in one go, without a draft that a kill would leave behind.

    Half a file is as good as none (see _read). Raises WarmbootError, the file taken away.
    """
    path = rooted(prefix) / RUN / _FILE
    import json

    raw = json.dumps(asdict(countdown)).encode()
    try:
        fd = open_state(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        try:
            if os.write(fd, raw) != len(raw):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        finally:
            os.close(fd)
    except OSError as error:
        with contextlib.suppress(OSError):
            remove_state(path)
        raise WarmbootError(
            f"{path} could not be written: {error.strerror}",
            hint=f"No restart is scheduled. {space_hint(error, 'Make /run writable.')}",
        ) from error


def _remove(prefix: Path) -> bool:
    """Take the file away: of several that try, one gets True. Raises WarmbootError."""
    path = rooted(prefix) / RUN / _FILE
    try:
        remove_state(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise WarmbootError(
            f"{path} could not be removed: {error.strerror}",
            hint="The restart stays scheduled. To prevent it, remove that file as root.",
        ) from error
    return True
