"""The kernel log: what was logged while the kernel was asked for something, and the end of it.

Source: Documentation/ABI/testing/dev-kmsg. Each read gives one record,
``level,sequence,microseconds,flags;text``, then lines that begin with a blank.
"""

from __future__ import annotations

import errno
import os
from collections import deque
from pathlib import Path
from types import TracebackType

from warmboot.core.hints import Self
from warmboot.core.host.files import open_for_reading
from warmboot.core.text import printable

_RECORD = 8192
_RECORDS = 2000


class NewKernelLines:
    """Remembers where the log of the machine below `prefix` ends when it is entered.

    Without the privilege to read the log (dmesg_restrict), or without one, there are no lines.
    """

    def __init__(self, prefix: Path) -> None:
        self._path = prefix / "dev/kmsg"
        self._fd = -1

    def __enter__(self) -> Self:
        try:
            self._fd = open_for_reading(self._path)
            os.lseek(self._fd, 0, os.SEEK_END)
        except (OSError, ValueError):
            pass  # not readable, or (in tests) a pipe, which begins at its end
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    @property
    def readable(self) -> bool:
        """Whether there is a log that may be read."""
        return self._fd >= 0

    def new_lines(self, limit: int = 20) -> tuple[str, ...]:
        """Return the last `limit` lines that were logged since, printable."""
        return _read(self._fd, _RECORDS, limit) if self._fd >= 0 else ()


def last_lines(prefix: Path, limit: int) -> list[str]:
    """Return the last lines of the kernel log, printable; none where it cannot be read."""
    try:
        fd = open_for_reading(prefix / "dev/kmsg")
    except (OSError, ValueError):
        return []
    try:
        return list(_read(fd, 100_000, limit))
    finally:
        os.close(fd)


def _read(fd: int, most: int, limit: int) -> tuple[str, ...]:
    """Return the last `limit` lines of at most `most` records from where `fd` stands."""
    found: deque[str] = deque(maxlen=limit)
    for _ in range(most):
        try:
            record = os.read(fd, _RECORD)
        except OSError as error:
            if error.errno == errno.EPIPE:  # records were overwritten; the next read goes on
                continue
            break
        if not record:
            break
        found.extend(texts(record))
    return tuple(found)


def texts(record: bytes) -> list[str]:
    """Return the texts of records, without what the kernel puts before and behind them."""
    lines = record.decode("utf-8", "backslashreplace").splitlines()
    bare = [line.partition(";")[2] for line in lines if not line.startswith(" ")]
    return [printable(text, 400) for text in bare if text]
