"""When the running kernel started."""

from __future__ import annotations

import time
from pathlib import Path

from warmboot.core.host.files import read_seconds, read_text


def read_boot_time(prefix: Path) -> float | None:
    """Return when the kernel of the machine below `prefix` started, in seconds since the epoch.

    Uptime runs on through sleep, so the clock on the wall is read against it (proc(5)); a simulated
    machine, whose uptime stands still, says it in /proc/stat, or by the time of the file.
    """
    uptime = read_seconds(prefix / "proc/uptime")
    if uptime is None:
        return None
    if prefix == Path("/"):
        return time.time() - uptime
    stat = read_text(prefix / "proc/stat") or ""
    for line in stat.splitlines():
        name, _, value = line.partition(" ")
        if name == "btime" and value.isascii() and value.isdigit():
            return float(value[:20])
    try:
        return (prefix / "proc/uptime").stat().st_mtime - uptime
    except OSError:
        return None
