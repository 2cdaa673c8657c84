"""What is mounted, as the kernel lists it: /proc/PID/mountinfo. Source: proc_pid_mountinfo(5)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from warmboot.core.expression import expression
from warmboot.core.text import lines
from warmboot.core.values import NamedTuple

#: Bytes of the file that are worth reading, and lines of it that are looked at.
LIMIT = 4 << 20
_LINES = 20_000
_ESCAPE = expression(r"\\([0-3][0-7]{2})")


class MountLine(NamedTuple):
    """One mount. `device` is ``MAJOR:MINOR``; `root` the folder of the file system that is mounted
    at `point`; `options` are those of this mount, `super_options` those of the file system. `id` is
    the mount's number."""

    device: str
    root: str
    point: str
    options: tuple[str, ...]
    type: str
    source: str
    super_options: tuple[str, ...] = ()
    id: str = ""


def parse_mountinfo(text: str) -> Iterator[MountLine]:
    """Yield the mounts in the order of the kernel's list; a line of another form is left out."""
    for line in islice(lines(text), _LINES):
        before, separator, behind = line.partition(" - ")
        fields, more = before.split(" "), behind.split(" ")
        if separator and len(fields) >= 6 and len(more) >= 2:
            yield MountLine(
                fields[2],
                unescape(fields[3]),
                unescape(fields[4]),
                tuple(fields[5].split(",")),
                more[0],
                unescape(more[1]),
                tuple(more[2].split(",")) if len(more) > 2 else (),
                fields[0],
            )


def unescape(text: str) -> str:
    """Return a field of mountinfo or fstab(5) with the octal escapes of blanks undone."""
    return _ESCAPE.sub(lambda match: chr(int(match[1], 8)), text) if "\\" in text else text
