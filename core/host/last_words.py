"""What a system said before it ended: in pstore, and in the journal of the boot before this one."""

from __future__ import annotations

from pathlib import Path

from warmboot.core.expression import expression
from warmboot.core.host.files import names, read_text
from warmboot.core.programs import find_program, run
from warmboot.core.text import printable
from warmboot.core.typed import json_object
from warmboot.core.values import NamedTuple

#: Where the kernel shows its records, and where systemd-pstore(8) moves them.
_LIVE, _KEPT = "sys/fs/pstore", "var/lib/systemd/pstore"
_LINES = 6
_RECORD = 1 << 17
_RECORDS = 64
_TIMEOUT = 5.0  # seconds
_PANIC = "Kernel panic"
_HEAD = expression(r"((?:Panic|Oops)#\d{1,9}) Part(\d{1,9})")
_STAMP = expression(r"^(?:<\d+>)?(?:\[[^\]]{1,32}\] )?")


class LastWords(NamedTuple):
    """The last lines that a system left. `panic`: they are those of a panic or an oops.

    `place` is where they were found.
    """

    lines: tuple[str, ...]
    place: str
    panic: bool


class _Record(NamedTuple):
    """A part of what pstore kept of one log."""

    at: float
    path: Path
    text: str


class BootBefore(NamedTuple):
    """What journald has last of the boot before this one, None where it tells of none.

    `is_left`: that is the boot which was left, so that one in between wrote no journal.
    """

    words: LastWords | None = None
    is_left: bool = False


def read_panic(prefix: Path, since: float) -> LastWords | None:
    """Return the last lines of the newest panic that pstore has from after `since`, None for none.

    A log that is longer than a record comes in parts, the last lines in Part1; systemd-pstore(8)
    keeps them apart in systemd 252. `since` in seconds since the epoch. Source:
    fs/pstore/platform.c (Panic#1 Part1).
    """
    dumps: dict[tuple[Path, str], dict[int, _Record]] = {}
    for path in _records(prefix):
        try:
            at = path.stat().st_mtime
        except (OSError, ValueError):
            continue
        text = (read_text(path, _RECORD) or "") if at >= since else ""
        if (head := _HEAD.match(text)) is not None:
            parts = dumps.setdefault((path.parent, head[1]), {})
            number = int(head[2])
            if number not in parts or at > parts[number].at:
                parts[number] = _Record(at, path, text)
    newest = max(dumps.values(), key=_rank, default=None)
    if newest is None:
        return None
    log = [
        (record.path, _STAMP.sub("", line))
        for _, record in sorted(newest.items(), reverse=True)
        for line in record.text.splitlines()[1:]
        if line.strip()
    ]
    told = next((n for n, (_, line) in enumerate(log) if _PANIC in line), len(log) - _LINES)
    shown = log[max(0, told) : max(0, told) + _LINES]
    path = shown[0][0] if shown else next(iter(newest.values())).path
    place = "/" + str(path.relative_to(prefix))
    lines = tuple(printable(line, 200) for _, line in shown)
    return LastWords(lines, printable(place, 200), True)


def _rank(parts: dict[int, _Record]) -> tuple[bool, float]:
    """A panic before an oops, then the newer one."""
    return any(_PANIC in one.text for one in parts.values()), max(one.at for one in parts.values())


def _records(prefix: Path) -> list[Path]:
    found = [prefix / _LIVE / name for name in names(prefix / _LIVE) if name.startswith("dmesg")]
    for folder in names(prefix / _KEPT)[-_RECORDS:]:
        kept = prefix / _KEPT / folder
        for name in names(kept)[-_RECORDS:]:
            if name.startswith("dmesg"):
                found.append(kept / name)
            elif name.isdigit():
                found += [kept / name / one for one in names(kept / name) if "dmesg" in one]
    return found[-4 * _RECORDS :]


def read_journal(prefix: Path, since: float, until: float, left: str | None = None) -> BootBefore:
    """Return what journald has last of the boot that ran between two times.

    Times in seconds since the epoch. `left` is the boot that was left then: what that says is not
    wanted. Asks journalctl(1), on the machine itself only.
    """
    program = find_program("journalctl") if prefix == Path("/") else None
    if program is None:
        return BootBefore()
    span = [f"--since=@{since:.0f}", f"--until=@{until:.0f}"]
    # In reverse: with --since, the first lines are what systemd 252 gives of --lines.
    options = ["--no-pager", "--quiet", "--output=json", f"--lines={_LINES}", "--reverse"]
    return last_messages(_ask([program, *options, "--boot=-1", *span])[::-1], left)


def last_messages(lines: list[str], left: str | None) -> BootBefore:
    """Return the messages of journald's lines (JSON) that are not of the boot `left`."""
    shown, of_left = [], 0
    for line in lines:
        record = json_object(line)
        message = record.get("MESSAGE") if record else None
        if record is None:
            continue
        if record.get("_BOOT_ID") == (left or "").replace("-", ""):
            of_left += 1
            continue
        if isinstance(message, str):
            shown.append(printable(message, 200))
    words = LastWords(tuple(shown), "journalctl --boot=-1", False) if shown else None
    return BootBefore(words, is_left=of_left > 0 and words is None)


def _ask(command: list[str]) -> list[str]:
    try:
        return run(command, _TIMEOUT).out[:_RECORD].splitlines()
    except OSError:
        return []
