"""What became of restarts: of the last one, after it, and of one that has not taken place."""

from __future__ import annotations

import time
from collections.abc import Iterable

from warmboot.core.boot.cmdline import without_kexec
from warmboot.core.host import Host
from warmboot.core.host.boot_time import read_boot_time
from warmboot.core.plan.staged import Staged
from warmboot.core.record.journal import Line
from warmboot.core.text import clock, printable
from warmboot.core.values import dataclass

CLOCK_SET_BACK = 60.0  # seconds that the clock may be set back at boot


@dataclass(frozen=True)
class Outcome:
    """What became of the last restart.

    `arrived` says whether release and command line are those that were staged. `away` is the time
    from the restart's last record to the start of the kernel that runs now, in seconds; None where
    it is not known. `before` is the release that ran before, `at` when it was left.
    """

    arrived: bool
    expected: Staged
    before: str | None
    at: float
    away: float | None
    text: str


@dataclass(frozen=True)
class Attempt:
    """A restart that was begun or set in this boot and has not taken place.

    `event` is the last that is recorded of it: ``executing`` (interrupted), ``handed-over`` (to
    systemd), ``failed``, ``refused``, ``set`` (but nobody waits for it any more); `at` when.
    """

    event: str
    at: float
    text: str


def last_attempt(
    lines: Iterable[Line], boot_id: str | None, *, set_now: bool, now: float | None = None
) -> Attempt | None:
    """Return the last attempt at a restart in the boot `boot_id`; None where there is none.

    `set_now`: a countdown runs, so that one which was set has not been lost. `now` in seconds
    since the epoch.
    """
    found: Attempt | None = None
    for line in lines:
        at = line.get("at")
        if line.get("boot_id") != boot_id or not isinstance(at, int | float):
            continue
        event = str(line.get("event"))
        step = line.get("step") if event in ("failed", "refused") else event
        if step in ("setting", "set"):
            found = None if event != step else _lost(line, at, time.time() if now is None else now)
        elif step == "executing":
            found = Attempt(event, at, _attempt_text(line, event))
        elif event == "handed-over":
            found = Attempt(event, at, "systemd was told to restart, and stops the services first")
        elif event == "cancelled" or (event in ("staged", "unloaded") and _is_over(found)):
            found = None
    return None if found is not None and found.event == "set" and set_now else found


def last_restart(lines: Iterable[Line], host: Host) -> Outcome | None:
    """Return what became of the last restart that warmboot began in another boot; None for none."""
    begun: Line | None = None
    for line in lines:
        event = line.get("event")
        if event == "executing":
            begun = line
        elif event in ("refused", "failed") and line.get("step") == "executing":
            begun = None
        elif begun is not None and line.get("boot_id") not in (
            begun.get("boot_id"),
            host.boot_id,
            None,
        ):
            begun = None  # another boot lies between
    if begun is None or begun.get("boot_id") == host.boot_id:
        return None
    expected, at = Staged.read(begun.get("staged")), begun.get("at")
    if expected is None or not isinstance(at, int | float):
        return None
    started = read_boot_time(host.prefix)
    away = None if started is None or started < at - CLOCK_SET_BACK else max(0.0, started - at)
    before = begun.get("running")
    arrived, text = compare(expected, host.release, host.cmdline)
    return Outcome(arrived, expected, before if isinstance(before, str) else None, at, away, text)


def compare(expected: Staged, release: str, cmdline: str | None) -> tuple[bool, str]:
    """Return whether what came up is what was staged, and how that is known, in words.

    `cmdline` is None where only the release is known.
    """
    if expected.release is not None and expected.release != release:
        return False, f"{release} runs, not {expected.release}"
    if cmdline is None:
        known = "the release is the one that was staged"
        return True, known if expected.release else f"{release} came up"
    lines = (cmdline.strip(), without_kexec(cmdline).strip())
    if expected.cmdline.strip() not in lines:
        return False, "the command line is not the one that was staged"
    if expected.release is None:
        return True, "the command line is the one that was staged"
    return True, "release and command line are those that were staged"


def _is_over(attempt: Attempt | None) -> bool:
    return attempt is not None and attempt.event != "set"


def _lost(line: Line, at: float, now: float) -> Attempt | None:
    """What to say of a countdown, should nobody wait for it any more."""
    record = line.get("countdown")
    due = record.get("at") if isinstance(record, dict) else None
    if not isinstance(due, int | float):
        return None
    if due <= now:
        return Attempt("set", at, f"was scheduled for {clock(due)} and has not begun")
    return Attempt(
        "set", at, f"was scheduled for {clock(due)}, but nothing is waiting for it any more"
    )


def _attempt_text(line: Line, event: str) -> str:
    if event == "executing":
        return "began, and was interrupted before it took place"
    return f"did not take place: {printable(str(line.get('message')), 400)}"
