"""Where in physical memory a new kernel may go: /proc/iomem, and room taken from what is free."""

from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator

from warmboot.core.errors import Refused
from warmboot.core.expression import expression
from warmboot.core.values import NamedTuple

#: One line: two blanks for each level, first and last address, name. Source: kernel/resource.c.
_LINE = expression(r"^( *)([0-9a-f]+)-([0-9a-f]+) : (.*)$")
_RAM = "System RAM"
#: No address of memory is as high.
ANYWHERE = 1 << 48


class Range(NamedTuple):
    """Physical addresses from `start` up to, not including, `end`."""

    start: int
    end: int

    @property
    def size(self) -> int:
        """Bytes in the range."""
        return self.end - self.start


def free_ranges(iomem: str) -> list[Range]:
    """Return the RAM that nothing claims, lowest first, from the text of /proc/iomem.

    Whatever stands below System RAM is a claim: the running kernel, what firmware reserved, a crash
    kernel, and names that are not known here. Without CAP_SYS_ADMIN the kernel shows zeros for all
    addresses: then nothing is free.
    """
    ram: list[Range] = []
    kept: list[Range] = []
    inside = False
    for line in iomem.splitlines():
        match = _LINE.match(line)
        if match is None:
            continue
        indent, start, last, name = match.groups()
        found = Range(int(start, 16), int(last, 16) + 1)
        if not indent:
            inside = name == _RAM
            if inside and found.size > 1:
                ram.append(found)
        elif inside and found.size > 0:
            kept.append(found)
    return sorted(without(ram, kept))


def without(ranges: Iterable[Range], holes: Iterable[Range]) -> list[Range]:
    """Return what the holes leave of ranges."""
    left = list(ranges)
    for hole in holes:
        parts: list[Range] = []
        for part in left:
            before = Range(part.start, min(part.end, hole.start))
            behind = Range(max(part.start, hole.end), part.end)
            parts += [piece for piece in (before, behind) if piece.size > 0]
        left = parts
    return left


class FreeMemory:
    """Free memory that segments are placed in, lowest address first."""

    def __init__(self, free: Iterable[Range]) -> None:
        self._free = sorted(free)

    def take(
        self, size: int, what: str, *, align: int, offset: int = 0, above: int = 0, below: int
    ) -> int:
        """Take `size` bytes from the lowest address that is `offset` behind a multiple of `align`.

        The bytes lie within `above` and `below`, and those between the multiple and the address
        must be free too. Raises Refused (EADDRNOTAVAIL) where there is no such place.
        """
        for start, left in self.places(size, align=align, offset=offset, above=above, below=below):
            self._free = left._free
            return start
        raise no_room(size, what)

    def places(
        self, size: int, *, align: int, offset: int = 0, above: int = 0, below: int
    ) -> Iterator[tuple[int, FreeMemory]]:
        """Yield the lowest such address in each piece of memory, and what else is free then."""
        for free in self._free:
            base = -(-max(free.start, above) // align) * align
            end = base + offset + size
            if end <= min(free.end, below):
                yield base + offset, FreeMemory(without(self._free, [Range(base, end)]))


def no_room(size: int, what: str) -> Refused:
    """Return the error where memory has no room for something of `size` bytes."""
    return Refused(
        f"No free memory for {what}: {size} bytes in one piece are needed (EADDRNOTAVAIL)",
        errno=errno.EADDRNOTAVAIL,
        hint="Use a smaller initrd or kernel, or reboot through firmware.",
    )
