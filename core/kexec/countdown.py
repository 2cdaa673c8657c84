"""A restart at a later time, which goes on when the line to the machine drops.

Where systemd runs it is a transient timer; elsewhere a process of its own waits
(warmboot.core.kexec.wait). Either way a file below /run says what was set, and taking that file
away cancels it: whoever wakes looks there first.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from warmboot.core.errors import Blocked, WarmbootError, WrongArgument
from warmboot.core.host.files import read_text
from warmboot.core.kexec.lock import RUN

UNIT = "warmboot-exec"
_FILE = "countdown.json"
_TRANSIENT = f"run/systemd/transient/{UNIT}.timer"
_TIMEOUT = 30
_LONGEST = 366 * 86400
_DELAY = re.compile(r"(\d{1,9})(s|m|h)?", re.ASCII)
_UNITS = {"s": 1, "m": 60, "h": 3600, None: 1}


@dataclass(frozen=True, slots=True)
class Countdown:
    """A restart that is set. `at` and `since` in seconds since the epoch.

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


def parse_delay(text: str) -> float:
    """Return seconds for ``10`` (seconds), ``90s``, ``10m`` or ``2h``; raises WrongArgument."""
    found = _DELAY.fullmatch(text.strip())
    seconds = int(found[1]) * _UNITS[found[2]] if found else 0
    if not found or seconds > _LONGEST:
        raise WrongArgument(
            f"{text!r} is no delay of at most a year",
            hint="For example: --in 90, --in 10m, --in 2h.",
        )
    return float(seconds)


def parse_time(text: str, now: float) -> float:
    """Return seconds since the epoch for ``HH:MM`` (the next one) or ``YYYY-MM-DD HH:MM``.

    Local time, where no offset from UTC is given. Raises WrongArgument for what is no time, or
    past.
    """
    today = datetime.fromtimestamp(now).astimezone()
    wrong = WrongArgument(
        f"{text!r} is no time to come",
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


def read_countdown(prefix: Path) -> Countdown | None:
    """Return the restart that is set and still waited for, None where there is none."""
    text = read_text(prefix / RUN / _FILE, 8192)
    try:
        countdown = Countdown(**json.loads(text or ""))
    except (ValueError, TypeError):
        return None
    if countdown.pid is not None:
        return countdown if process_start(countdown.pid) == countdown.started else None
    return countdown if (prefix / _TRANSIENT).exists() else None


def begin(prefix: Path, countdown: Countdown, command: Sequence[str]) -> Countdown:
    """Have `command` run at the time set; returns the countdown with who waits for it.

    Raises Blocked where one is set already, WarmbootError where nothing can wait.
    """
    other = read_countdown(prefix)
    if other is not None:
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(other.at))
        raise Blocked(
            f"A restart is set for {when} already", hint="warmboot exec --cancel ends it."
        )
    if prefix == Path("/") and (prefix / "run/systemd/system").is_dir():
        countdown = replace(countdown, unit=f"{UNIT}.timer")
        _write(prefix, countdown)
        try:
            _timer(countdown, command)
        except WarmbootError:
            _remove(prefix)
            raise
        return countdown
    return _process(prefix, countdown, command)


def make(at: float, sha256: str | None, staged_at: float | None) -> Countdown:
    """Return a new countdown to `at`."""
    return Countdown(
        uuid.uuid4().hex, at, time.time(), os.getuid(), None, None, None, sha256, staged_at
    )


def cancel(prefix: Path) -> Countdown | None:
    """End the countdown; returns what was cancelled, None where nothing was set.

    Raises WarmbootError where it cannot be ended.
    """
    countdown = read_countdown(prefix)
    _remove(prefix)
    if countdown is None:
        return None
    if countdown.pid is not None:
        with contextlib.suppress(OSError):
            os.kill(countdown.pid, signal.SIGTERM)
    elif countdown.unit is not None:
        with contextlib.suppress(WarmbootError):  # without the file it does nothing when it wakes
            _run(["systemctl", "stop", countdown.unit])
    return countdown


def claim(prefix: Path, identity: str) -> Countdown | None:
    """Take the countdown `identity` as due: it is no longer set. None where it was cancelled."""
    text = read_text(prefix / RUN / _FILE, 8192)
    try:
        countdown = Countdown(**json.loads(text or ""))
    except (ValueError, TypeError):
        return None
    if countdown.id != identity:
        return None
    _remove(prefix)
    return countdown


def process_start(pid: int) -> int | None:
    """Return when a process started, in ticks since boot; with the pid it names one process."""
    text = read_text(Path(f"/proc/{pid}/stat"), 4096)
    fields = (text or "").rpartition(")")[2].split()
    return int(fields[19]) if len(fields) > 19 and fields[0] not in ("Z", "X") else None


def note_process(prefix: Path, identity: str) -> bool:
    """Write that this process waits for the countdown `identity`; False where it is gone."""
    text = read_text(prefix / RUN / _FILE, 8192)
    try:
        countdown = Countdown(**json.loads(text or ""))
    except (ValueError, TypeError):
        return False
    if countdown.id != identity:
        return False
    _write(prefix, replace(countdown, pid=os.getpid(), started=process_start(os.getpid())))
    return True


def still_set(prefix: Path, identity: str) -> bool:
    """Whether the countdown `identity` has not been cancelled."""
    text = read_text(prefix / RUN / _FILE, 8192)
    return text is not None and f'"{identity}"' in text


def _timer(countdown: Countdown, command: Sequence[str]) -> None:
    calendar = datetime.fromtimestamp(countdown.at).strftime("%Y-%m-%d %H:%M:%S")
    delay = max(1, round(countdown.at - time.time()))
    when = f"--on-active={delay}s" if delay < 86400 else f"--on-calendar={calendar}"
    properties = ["--timer-property=AccuracySec=1s", "--description=Restart into the staged kernel"]
    _run(["systemd-run", "--quiet", "--collect", f"--unit={UNIT}", when, *properties, *command])


def _process(prefix: Path, countdown: Countdown, command: Sequence[str]) -> Countdown:
    _write(prefix, countdown)
    waiter = [sys.executable, "-m", "warmboot.core.kexec.wait", str(prefix), countdown.id]
    try:
        _run([*waiter, repr(countdown.at), *command])
    except WarmbootError:
        _remove(prefix)
        raise
    found = read_countdown(prefix)
    if found is None:
        _remove(prefix)
        raise WarmbootError("The process that was to wait for the restart has ended")
    return found


def _run(command: Sequence[str]) -> None:
    """Run a program; raises WarmbootError with what it said."""
    try:
        done = subprocess.run(
            command, capture_output=True, timeout=_TIMEOUT, check=False, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise WarmbootError(f"{command[0]} could not be run: {error}") from error
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").strip()[-400:]
        raise WarmbootError(f"{command[0]} failed: {said or f'exit {done.returncode}'}")


def _write(prefix: Path, countdown: Countdown) -> None:
    """Write the file whole or not at all; raises WarmbootError."""
    path = prefix / RUN / _FILE
    draft = path.with_name(f".{_FILE}.new")
    try:
        draft.write_text(json.dumps(asdict(countdown)))
        draft.chmod(0o600)
        draft.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            draft.unlink()
        raise WarmbootError(f"{path} could not be written: {error.strerror}") from error


def _remove(prefix: Path) -> None:
    with contextlib.suppress(OSError):
        (prefix / RUN / _FILE).unlink()
