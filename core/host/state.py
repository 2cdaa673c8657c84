"""Where warmboot keeps what it notes of a machine, below the machine's prefix; and whose process a
number in such a note means."""

from __future__ import annotations

from pathlib import Path

from warmboot.core.host.files import read_text

#: Gone at the next boot: the lock, a restart that is set.
RUN = "run/warmboot"
#: Kept: the journal, reports.
STATE = "var/lib/warmboot"


def process_start(pid: int) -> int | None:
    """Return when a process started, in ticks since boot; with the pid it names one process.

    None where there is no such process. Source: proc_pid_stat(5).
    """
    text = read_text(Path(f"/proc/{pid}/stat"), 4096)
    fields = (text or "").rpartition(")")[2].split()
    return int(fields[19]) if len(fields) > 19 and fields[0] not in ("Z", "X") else None
