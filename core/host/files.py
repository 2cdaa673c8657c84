"""Small files of the kernel, read under a prefix; absent or unreadable means None."""

from __future__ import annotations

from pathlib import Path

_LIMIT = 1 << 20


def read_text(path: Path, limit: int = _LIMIT) -> str | None:
    """Return the text of a file without the newline at its end, None where it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(limit).decode("utf-8", "backslashreplace").rstrip("\n")
    except OSError:
        return None


def read_int(path: Path) -> int | None:
    """Return the number a file holds, None where it holds none."""
    text = read_text(path, 64)
    try:
        return None if text is None else int(text)
    except ValueError:
        return None
