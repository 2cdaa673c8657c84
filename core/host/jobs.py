"""What systemd has under way: inhibitors that hold a shutdown, and jobs that are not done."""

from __future__ import annotations

import json
import re
from pathlib import Path

from warmboot.core.expression import expression
from warmboot.core.host.files import names, read_fields
from warmboot.core.values import dataclass

_TIMEOUT = 2.0
_OUTPUT = 1 << 20
_JOBS = 200
_ESCAPE = expression(rb"\\x([0-9a-fA-F]{2})|\\([0-3][0-7]{2})|\\(.)")


@dataclass(frozen=True)
class Inhibitor:
    """A lock that logind holds for a program; see systemd-inhibit(1).

    `what` is a list divided by colons (shutdown, sleep, …); `blocks` is False for one that only
    delays for some seconds.
    """

    what: str
    who: str
    why: str
    blocks: bool

    @property
    def holds_shutdown(self) -> bool:
        """Whether a clean restart is refused while it is there."""
        return self.blocks and "shutdown" in self.what.split(":")


@dataclass(frozen=True)
class Job:
    """A unit that systemd starts, stops or reloads, or will; see systemctl(1), list-jobs."""

    unit: str
    type: str
    state: str


def read_inhibitors(prefix: Path) -> tuple[Inhibitor, ...]:
    """Return the locks that logind keeps in /run/systemd/inhibit."""
    folder = prefix / "run/systemd/inhibit"
    found = []
    for name in names(folder):
        fields = None if name.endswith(".ref") else read_fields(folder / name)
        if fields and "WHAT" in fields:
            blocks = fields.get("MODE", "block").startswith("block")
            who, why = (_unescape(fields.get(key, "")) for key in ("WHO", "WHY"))
            found.append(Inhibitor(fields["WHAT"], who, why, blocks))
    return tuple(found)


def _unescape(text: str) -> str:
    """Undo the escapes that logind writes: ``\\x1b``, ``\\303`` (bytes of UTF-8), ``\\"``."""

    def plain(match: re.Match[bytes]) -> bytes:
        hexadecimal, octal, char = match.groups()
        if hexadecimal:
            return bytes([int(hexadecimal, 16)])
        return bytes([int(octal, 8) & 0xFF]) if octal else char

    raw = _ESCAPE.sub(plain, text.encode("utf-8", "backslashreplace"))
    return raw.decode("utf-8", "backslashreplace")


def read_jobs(prefix: Path) -> tuple[Job, ...]:
    """Ask systemd for its jobs, as JSON; none where it does not run or answer in 2 s."""
    if prefix != Path("/") or not Path("/run/systemd/system").is_dir():
        return ()
    from warmboot.core.programs import find_program, run

    program = find_program("systemctl")
    if program is None:
        return ()
    command = [program, "list-jobs", "--output=json", "--no-pager"]
    try:
        return parse_jobs(run(command, _TIMEOUT).out[:_OUTPUT])
    except OSError:
        return ()


def parse_jobs(answer: str) -> tuple[Job, ...]:
    """Return the jobs of ``systemctl list-jobs --output=json``."""
    try:
        rows = json.loads(answer)
    except (ValueError, RecursionError):
        return ()
    if not isinstance(rows, list):
        return ()
    return tuple(
        Job(str(row.get("unit", "?")), str(row.get("type", "?")), str(row.get("state", "?")))
        for row in rows[:_JOBS]
        if isinstance(row, dict)
    )
