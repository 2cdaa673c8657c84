"""Text from files and the kernel, made safe and short enough to show."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence


def printable(text: str | bytes, limit: int = 4096) -> str:
    """Return `text` with every character that could steer a terminal replaced by an escape.

    Control, format (bidirectional overrides too), surrogate, private and unassigned characters
    become ``\\xNN`` or ``\\uNNNN``; tabs, line ends and unusual spaces become a space, so that the
    result is one line. Bytes are read as UTF-8, bad ones escaped. Longer than `limit` characters
    is cut, with three dots behind it.
    """
    if isinstance(text, bytes):
        text = text[: limit * 4].decode("utf-8", "backslashreplace")
    if len(text) > limit:
        return printable(text[:limit], limit) + "..."
    if text.isprintable():
        return text
    return "".join(_visible(char) for char in text)


def _visible(char: str) -> str:
    if char.isprintable():
        return char
    import unicodedata  # most text needs none

    if char in "\t\n\r" or unicodedata.category(char) == "Zs":
        return " "
    code = ord(char)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def lines(text: str) -> Iterator[str]:
    """Yield the lines of a text, split at newlines alone; they are never all in memory at once."""
    start = 0
    while (end := text.find("\n", start)) >= 0:
        yield text[start:end]
        start = end + 1
    yield text[start:]


def size(count: int) -> str:
    """Return a byte count as an operator reads it: ``812 B``, ``1.2 MiB``."""
    if count < 1024:
        return f"{count} B"
    amount = float(count)
    for unit in ("KiB", "MiB", "GiB", "TiB"):
        amount /= 1024
        if amount < 1024 or unit == "TiB":
            break
    return f"{amount:.1f} {unit}"


def duration(seconds: float) -> str:
    """Return a span of time in its two largest units: ``3 d 4 h``, ``12 min 5 s``, ``0.4 s``."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = int(seconds)
    parts = []
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        amount, whole = divmod(whole, length)
        if amount:
            parts.append(f"{amount} {unit}")
    return " ".join(parts[:2])


def plural(count: int, word: str, many: str | None = None) -> str:
    """Return ``1 session``, ``2 sessions``; `many` for plurals that do not end in s."""
    return f"{count} {word if count == 1 else many or word + 's'}"


def clock(at: float) -> str:
    """Return a time (seconds since the epoch) as an operator reads it, with its zone."""
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S %Z", time.localtime(at))
    except (OverflowError, OSError, ValueError):
        return "an impossible time"


def shared_beginning(names: Sequence[str]) -> str:
    """Return the letters with which all names begin, "" where there are none."""
    first, last = min(names, default=""), max(names, default="")
    same = next((n for n, char in enumerate(first) if last[n : n + 1] != char), len(first))
    return first[:same]
