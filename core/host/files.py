"""Small files of the kernel, read under a prefix; absent or unreadable means None.

What they hold is not trusted: reads are capped, and a FIFO or a name with a NUL in it is as good
as absent.
"""

from __future__ import annotations

import os
from pathlib import Path

from warmboot.core.debug import debug, failure
from warmboot.core.rooted import RootedPath, list_folder, open_regular

_LIMIT = 1 << 20
_CHUNK = 1 << 16
_ENTRIES = 4096
_DIGITS = 20


def open_for_reading(path: Path | str) -> int:
    """Open what the kernel offers at `path`; raises OSError, ValueError.

    On the machine itself that may be a device; below the root of a simulated one only a regular
    file is opened, and no link leads out.
    """
    if isinstance(path, RootedPath):
        return open_regular(path)
    return os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)


def read_bytes(path: Path | str, limit: int = _LIMIT, offset: int = 0) -> bytes | None:
    """Return at most `limit` bytes from `offset` on, None where the file cannot be read."""
    try:
        fd = open_for_reading(path)
    except OSError as error:
        failure(f"open {path}", error)
        return None
    except ValueError:
        return None
    debug("read %s", path)
    try:
        if offset:
            os.lseek(fd, offset, os.SEEK_SET)
        parts = []
        while limit > 0 and (part := os.read(fd, min(limit, _CHUNK))):
            parts.append(part)
            limit -= len(part)
        return b"".join(parts)
    except (OSError, ValueError, OverflowError):
        return None
    finally:
        os.close(fd)


def read_text(path: Path | str, limit: int = _LIMIT) -> str | None:
    """Return the text of a file without the newline at its end, None where it cannot be read."""
    raw = read_bytes(path, limit)
    return None if raw is None else raw.decode("utf-8", "backslashreplace").rstrip("\n")


def read_int(path: Path) -> int | None:
    """Return the number a file holds, None where it holds none."""
    text = read_text(path, 64)
    return None if text is None else number(text)


def number(text: str) -> int | None:
    """Return the decimal number that `text` is, None where it is none."""
    text = text.strip()
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= _DIGITS):
        return None
    return int(text)


def read_seconds(path: Path) -> float | None:
    """Return the first number of a file such as /proc/uptime, None where it holds none."""
    text = read_text(path, 128)
    try:
        value = None if text is None else float(text.split()[0])
    except (ValueError, IndexError):
        return None
    return value if value is None or 0 <= value < float("inf") else None


def read_fields(path: Path, limit: int = 8192) -> dict[str, str] | None:
    """Return a file of NAME=value lines, as systemd keeps them below /run; None if unreadable."""
    text = read_text(path, limit)
    if text is None:
        return None
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


def names(folder: Path, limit: int = _ENTRIES) -> list[str]:
    """Return the names in a folder, sorted; none where it cannot be read."""
    try:
        return sorted(name for name, _ in list_folder(folder, limit))
    except (OSError, ValueError):
        return []
