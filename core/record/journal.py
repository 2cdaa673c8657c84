"""What was staged, executed and unloaded on this machine: JSON lines, appended, never rewritten.

Each step writes what it is about to do before the call that cannot be taken back (``staging``,
``unloading``, ``executing``), and what became of it after (``staged``, ``unloaded``,
``executed``, ``handed-over``, ``refused``, ``failed``). A step without an end was interrupted.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path

from warmboot.core.debug import debug
from warmboot.core.errors import WarmbootError
from warmboot.core.host.state import RUN, STATE
from warmboot.core.plan.staged import Staged
from warmboot.core.record import journald

_FILE = "journal.jsonl"
_ROTATE_AT = 1 << 20  # bytes
_KEPT = 4  # files, the one in use included
_INTENTS = ("staging", "unloading")
_ENDS = ("refused", "failed")

Line = dict[str, object]


@dataclass(frozen=True, slots=True)
class Known:
    """What the journal says of one boot.

    `staged` is what was staged last. `interrupted` is a step that began and has no end: whether it
    took effect is not known, so `staged` may or may not be what the kernel holds.
    """

    staged: Staged | None
    interrupted: Line | None


class Journal:
    """The journal of the machine below `prefix` (``/`` for the real one).

    Where /var cannot be written (full, read-only), lines go below /run until the next boot.
    """

    def __init__(self, prefix: Path) -> None:
        self.path = prefix / STATE / _FILE
        self._fallback = prefix / RUN / _FILE
        self._real = prefix == Path("/")

    def append(self, event: str, boot_id: str | None, **fields: object) -> str | None:
        """Add a line and wait until it is on disk.

        Returns a warning where it went below /run instead; raises WarmbootError where it could be
        written nowhere.
        """
        line: Line = {"at": time.time(), "event": event, "boot_id": boot_id}
        line |= {"uid": os.getuid(), "release": os.uname().release, **_caller(), **fields}
        raw = json.dumps(line).encode() + b"\n"
        debug("journal: %s", event)
        if self._real:
            journald.send(event, line)
        try:
            _append(self.path, raw)
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

    def staged(self, staged: Staged, **fields: object) -> str | None:
        """Record that a kernel was staged; see append."""
        event = "crash-staged" if staged.panic else "staged"
        return self.append(event, staged.boot_id, staged=staged.fields(), **fields)

    def known(self, boot_id: str | None) -> Known:
        """Return what this journal says of the boot `boot_id`.

        The kernel itself only knows that something is staged, not what. An execute ends the boot;
        where the boot goes on, it was refused, and what was staged still is. A load that was
        refused leaves what was staged before.
        """
        staged: Staged | None = None
        begun: Line | None = None
        for line in self.lines():
            event = line.get("event")
            if line.get("boot_id") != boot_id:
                continue
            if event in _INTENTS:
                begun = line
            elif event in ("staged", "unloaded"):
                staged = Staged.read(line.get("staged"))
                begun = None
            elif event in _ENDS and line.get("step") in _INTENTS:
                begun = None
        return Known(staged, begun)

    def readable(self) -> bool:
        """Whether this user may read it; True also where there is none."""
        try:
            os.close(os.open(self.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC))
        except OSError as error:
            return not isinstance(error, PermissionError)
        return True

    def lines(self, limit: int | None = None) -> list[Line]:
        """Return the lines that are kept, oldest first, at most the last `limit`.

        A line cut off by a power failure is left out.
        """
        files = [_numbered(self.path, number) for number in range(_KEPT - 1, 0, -1)]
        found = [line for path in (*files, self.path) for line in _read(path)]
        extra = _read(self._fallback)
        if extra:
            found = sorted(found + extra, key=_time)
        return found if limit is None else found[-limit:]


def _append(path: Path, raw: bytes) -> None:
    """Add one line with one write; what was written in part is taken back. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    _rotate(path, len(raw))
    new = not path.exists()
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    fd = os.open(path, flags, 0o600)
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
                    path.unlink()
            raise
    finally:
        os.close(fd)
    if new:
        _sync_folder(path.parent)


def _rotate(path: Path, more: int) -> None:
    try:
        if path.stat().st_size + more <= _ROTATE_AT:
            return
    except FileNotFoundError:
        return
    for number in range(_KEPT - 1, 0, -1):
        older = _numbered(path, number - 1)
        if older.exists():
            older.replace(_numbered(path, number))
    _sync_folder(path.parent)


def _numbered(path: Path, number: int) -> Path:
    return path if number == 0 else path.with_name(f"{path.name}.{number}")


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _read(path: Path) -> list[Line]:
    try:
        with path.open("rb") as file:
            raw = file.read(2 * _ROTATE_AT)
    except OSError:
        return []
    found = []
    for line in raw.split(b"\n"):
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict):
            found.append(value)
    return found


def _time(line: Line) -> float:
    at = line.get("at")
    return at if isinstance(at, int | float) else 0.0


def _caller() -> dict[str, str]:
    names = ("SUDO_UID", "SSH_CONNECTION")
    return {name.lower(): os.environ[name] for name in names if name in os.environ}
