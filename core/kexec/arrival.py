"""After a restart: whether the machine came up in what was executed, and how long it was away."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from warmboot.core.host import Host
from warmboot.core.host.files import read_text
from warmboot.core.kexec.journal import Line, staged_of
from warmboot.core.kexec.stage import Staged

_CLOCK = 60.0  # seconds that the clock may be set back at boot


@dataclass(frozen=True, slots=True)
class Arrival:
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


def last_restart(lines: Iterable[Line], host: Host) -> Arrival | None:
    """Return what became of the last restart that warmboot began in another boot; None for none."""
    begun: Line | None = None
    for line in lines:
        event = line.get("event")
        if event == "executing":
            begun = line
        elif event in ("refused", "failed") and line.get("step") == "executing":
            begun = None
        elif begun is not None and line.get("boot_id") not in (begun.get("boot_id"), host.boot_id):
            begun = None  # another boot lies between
    if begun is None or begun.get("boot_id") == host.boot_id:
        return None
    expected, at = staged_of(begun), begun.get("at")
    if expected is None or not isinstance(at, int | float):
        return None
    started = boot_time(host)
    away = None if started is None or started < at - _CLOCK else max(0.0, started - at)
    before = begun.get("running")
    arrived, text = _compare(expected, host)
    return Arrival(arrived, expected, before if isinstance(before, str) else None, at, away, text)


def boot_time(host: Host) -> float | None:
    """Return when the running kernel started, in seconds since the epoch."""
    if host.uptime is None:
        return None
    if host.prefix == Path("/"):
        return time.time() - host.uptime
    stat = read_text(host.prefix / "proc/stat") or ""
    for line in stat.splitlines():
        name, _, value = line.partition(" ")
        if name == "btime" and value.isdigit():
            return float(value[:20])
    try:
        return (host.prefix / "proc/uptime").stat().st_mtime - host.uptime
    except OSError:
        return None


def _compare(expected: Staged, host: Host) -> tuple[bool, str]:
    if expected.release is not None and expected.release != host.release:
        return False, f"{host.release} runs, not {expected.release}"
    if expected.cmdline.strip() != host.cmdline.strip():
        return False, "the command line is another one than was staged"
    if expected.release is None:
        return True, "the command line is the one that was staged"
    return True, "release and command line are those that were staged"
