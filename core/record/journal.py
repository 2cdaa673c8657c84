"""What was staged, executed and unloaded on this machine: JSON lines, appended, never rewritten.

Each step writes what it is about to do before the call that cannot be taken back (``staging``,
``unloading``, ``executing``), and what became of it after (``staged``, ``unloaded``,
``executed``, ``handed-over``, ``refused``, ``failed``). A step without an end was interrupted.
"""

from __future__ import annotations

import contextlib
import errno
import os
import time
from pathlib import Path

from warmboot.core.debug import debug
from warmboot.core.errors import WarmbootError
from warmboot.core.host.boot_time import read_boot_time
from warmboot.core.host.files import read_text
from warmboot.core.host.state import RUN, STATE
from warmboot.core.plan.staged import Staged
from warmboot.core.record import journald
from warmboot.core.rooted import rooted
from warmboot.core.statefile import folder, open_state, remove_state, sync_folder
from warmboot.core.text import plural
from warmboot.core.typed import is_number, json_object
from warmboot.core.values import NamedTuple, dataclass

_FILE = "journal.jsonl"
_ROTATE_AT = 1 << 20  # bytes
_KEPT = 4  # files, the one in use included
_CALLER = 200  # characters of what the environment says; addresses and ports have fewer
_TAIL = 1 << 16  # bytes in which the last line is looked for
_INTENTS = ("staging", "unloading")
_ENDS = ("refused", "failed")

Line = dict[str, object]


@dataclass(frozen=True)
class Known:
    """What the journal says of one boot.

    `staged` is what was staged last. `interrupted` is a step that began and has no end: whether it
    took effect is not known, so `staged` may or may not be what the kernel holds.
    """

    staged: Staged | None
    interrupted: Line | None

    @property
    def sure(self) -> Staged | None:
        """What is staged, None where an interrupted step leaves it open."""
        return self.staged if self.interrupted is None else None


class Journal:
    """The journal of the machine below `prefix` (``/`` for the real one).

    Where /var cannot be written (full, read-only), lines go below /run until the next boot.
    """

    def __init__(self, prefix: Path) -> None:
        self.path = Path(prefix) / STATE / _FILE
        self._prefix = rooted(prefix)
        self._path = self._prefix / STATE / _FILE
        self._fallback = self._prefix / RUN / _FILE
        self._real = prefix == Path("/")

    def append(self, event: str, boot_id: str | None, **fields: object) -> str | None:
        """Add a line and wait until it is on disk.

        Returns a warning where it went below /run instead; raises WarmbootError where it could be
        written nowhere.
        """
        line: Line = {"seq": self._next(), "at": time.time(), "event": event, "boot_id": boot_id}
        line |= {"uid": os.getuid(), **self._kernel(), **_caller(), **fields}
        import json

        raw = json.dumps(line).encode() + b"\n"
        debug("journal: %s", event)
        if self._real:
            journald.send(event, line)
        try:
            _append(self._path, raw)
        except OSError as error:
            text = f"The journal {self.path} could not be written: {error.strerror}"
            try:
                _append(self._fallback, raw)
            except OSError as second:
                raise WarmbootError(
                    f"{text}, nor could {self._fallback}: {second.strerror}",
                    hint="Make room in /var or /run, then try again.",
                ) from error
            return f"{text}. Noted in {self._fallback} until the next boot."
        return None

    def _kernel(self) -> Line:
        """Return which kernel runs, and when it started, in seconds since the epoch."""
        release = os.uname().release
        if not self._real:
            release = read_text(self._prefix / "proc/sys/kernel/osrelease", 256) or "unknown"
        return {"release": release, "booted": read_boot_time(self._prefix)}

    def staged(self, staged: Staged, **fields: object) -> str | None:
        """Record that a kernel was staged; see append."""
        event = "crash-staged" if staged.panic else "staged"
        return self.append(event, staged.boot_id, staged=staged.fields(), **fields)

    def known(self, boot_id: str | None, *, panic: bool = False) -> Known:
        """Return what this journal says of the boot `boot_id`; `panic`: of its crash kernel.

        The kernel itself only knows that something is staged, not what. An execute ends the boot;
        where the boot goes on, it was refused, and what was staged still is. A load that was
        refused leaves what was staged before.
        """
        kind = "crash-" if panic else ""
        intents = [kind + name for name in _INTENTS]
        staged: Staged | None = None
        begun: Line | None = None
        for line in self.lines():
            event = line.get("event")
            if line.get("boot_id") != boot_id:
                continue
            if event in intents:
                begun = line
            elif event in (f"{kind}staged", f"{kind}unloaded"):
                staged = Staged.read(line.get("staged"))
                begun = None
            elif event in _ENDS and line.get("step") in intents:
                begun = None
        return Known(staged, begun)

    def readable(self) -> bool:
        """Whether this user may read it; True also where there is none."""
        try:
            os.close(open_state(self._path, os.O_RDONLY))
        except OSError as error:
            return not isinstance(error, PermissionError)
        return True

    def lines(self, limit: int | None = None) -> list[Line]:
        """Return the lines that are kept, oldest first, at most the last `limit`.

        They are in the order of their numbers, whatever the clock said. A line cut off by a power
        failure is left out, as is what is no line of a journal (see `problem`).
        """
        found = [line for path in self._files() for line in _read(path).lines]
        extra = _read(self._fallback).lines
        if extra:
            found = [line for _, line in sorted(_numbers(found) + _numbers(extra), key=_number)]
        return found if limit is None else found[-limit:]

    def problem(self) -> str | None:
        """Return what to say of lines that cannot be read; None where there are none."""
        count = sum(_read(path).damaged for path in (*self._files(), self._fallback))
        return f"{plural(count, 'line')} of the journal cannot be read" if count else None

    def _files(self) -> list[Path]:
        return [_numbered(self._path, number) for number in range(_KEPT - 1, -1, -1)]

    def _next(self) -> int:
        """Return the number of the next line: one more than any there is."""
        ends = (self._path, _numbered(self._path, 1), self._fallback)
        found = [_sequence(line) for path in ends for line in _read(path, _TAIL).lines]
        return max(found, default=0) + 1


def _append(path: Path, raw: bytes) -> None:
    """Add one line with one write; what was written in part is taken back. Raises OSError."""
    _rotate(path, len(raw))
    new = not path.exists()
    fd = open_state(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, make=True)
    try:
        size = os.fstat(fd).st_size
        if size and os.pread(fd, 1, size - 1) != b"\n":
            raw = b"\n" + raw
        try:
            if os.write(fd, raw) != len(raw):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(fd)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(fd, size)
                if new:
                    remove_state(path)
            raise
    finally:
        os.close(fd)
    if new:
        sync_folder(path.parent)


def _rotate(path: Path, more: int) -> None:
    try:
        if path.stat().st_size + more <= _ROTATE_AT:
            return
    except FileNotFoundError:
        return
    with folder(path.parent) as held:
        for number in range(_KEPT - 1, 0, -1):
            older, newer = _numbered(path, number - 1).name, _numbered(path, number).name
            with contextlib.suppress(FileNotFoundError):
                os.rename(older, newer, src_dir_fd=held, dst_dir_fd=held)
    sync_folder(path.parent)


def _numbered(path: Path, number: int) -> Path:
    return path if number == 0 else path.with_name(f"{path.name}.{number}")


class _Read(NamedTuple):
    lines: list[Line]
    damaged: int


def _read(path: Path, last: int = 2 * _ROTATE_AT) -> _Read:
    """Return the lines in the last bytes of a file, and how many are none."""
    try:
        fd = open_state(path, os.O_RDONLY)
    except (OSError, ValueError):
        return _Read([], 0)
    try:
        start = max(0, os.fstat(fd).st_size - last)
        raw = os.pread(fd, last, start)
    except OSError:
        return _Read([], 0)
    finally:
        os.close(fd)
    found: list[Line] = []
    damaged = 0
    parts = raw.split(b"\n")
    for part in parts[1:] if start else parts:
        line = json_object(part)
        if line is not None and _sound(line):
            found.append(line)
        elif part:
            damaged += 1
    return _Read(found, damaged)


def _sound(line: Line) -> bool:
    """Whether a line has what every line has, as it is written here."""
    kinds = isinstance(line.get("event"), str) and is_number(line.get("at", 0))
    words = all(isinstance(line.get(name), str | None) for name in ("boot_id", "step", "message"))
    return kinds and words and is_number(line.get("seq", 0))


def _sequence(line: Line) -> int:
    number = line.get("seq")
    return number if isinstance(number, int) else 0


def _numbers(lines: list[Line]) -> list[tuple[int, Line]]:
    """Number the lines of one place; one without a number stands behind the one before it."""
    found = []
    last = 0
    for line in lines:
        last = max(last, _sequence(line))
        found.append((last, line))
    return found


def _number(numbered: tuple[int, Line]) -> int:
    return numbered[0]


def _caller() -> dict[str, str]:
    names = ("SUDO_UID", "SSH_CONNECTION")
    found = {name: os.environ[name] for name in names if name in os.environ}
    return {name.lower(): text[:_CALLER] for name, text in found.items()}
