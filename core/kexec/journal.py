"""What was staged, executed and unloaded on this machine: JSON lines, appended, never rewritten."""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict
from pathlib import Path

from warmboot.core.errors import WarmbootError
from warmboot.core.kexec.stage import Staged

_FOLDER = "var/lib/warmboot"
_FILE = "journal.jsonl"
_TAIL = 256 * 1024


class Journal:
    """The journal of the machine below `prefix` (``/`` for the real one)."""

    def __init__(self, prefix: Path) -> None:
        self.path = prefix / _FOLDER / _FILE

    def staged(self, staged: Staged) -> None:
        """Record that a kernel was staged."""
        self._append(
            "crash-staged" if staged.panic else "staged",
            {"staged": asdict(staged), "boot_id": staged.boot_id},
        )

    def event(self, name: str, boot_id: str | None) -> None:
        """Record ``executed``, ``unloaded`` or ``crash-unloaded``."""
        self._append(name, {"boot_id": boot_id})

    def current(self, boot_id: str | None) -> Staged | None:
        """Return what this journal says is staged in the boot `boot_id`, None where nothing is.

        The kernel itself only knows that something is staged, not what. An execute ends the boot;
        where the boot goes on, it was refused, and what was staged still is.
        """
        last: Staged | None = None
        for line in self._lines():
            if line.get("boot_id") != boot_id or line.get("event") not in ("staged", "unloaded"):
                continue
            record = line.get("staged")
            last = _staged(record) if isinstance(record, dict) else None
        return last

    def _lines(self) -> list[dict[str, object]]:
        try:
            with self.path.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - _TAIL))
                raw = file.read(_TAIL)
        except OSError:
            return []
        found = []
        for line in raw.split(b"\n"):
            try:
                value = json.loads(line)
            except ValueError:
                continue
            if isinstance(value, dict):
                found.append(value)
        return found

    def _append(self, event: str, fields: dict[str, object]) -> None:
        """Add one line and wait until it is on disk; raises WarmbootError where that fails."""
        line = json.dumps(
            {"at": time.time(), "event": event, "uid": os.getuid(), **_caller(), **fields}
        )
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            fd = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.write(fd, line.encode() + b"\n")
                os.fsync(fd)
            finally:
                os.close(fd)
        except OSError as error:
            raise WarmbootError(
                f"The journal {self.path} could not be written: {error.strerror}",
                hint="Everything else went on as planned.",
            ) from error


def _caller() -> dict[str, str]:
    names = ("SUDO_UID", "SSH_CONNECTION")
    return {name.lower(): os.environ[name] for name in names if name in os.environ}


def _staged(record: dict[str, object]) -> Staged | None:
    try:
        return Staged(**{**record, "initrds": tuple(record["initrds"])})  # type: ignore[arg-type]
    except (KeyError, TypeError):
        return None
