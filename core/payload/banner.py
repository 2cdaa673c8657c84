"""The kernel's banner, found in a stream of pieces without keeping the stream."""

from __future__ import annotations

import re

from warmboot.core.payload.codecs import Piece
from warmboot.core.text import printable

_MARK = b"Linux version "
_BANNER = re.compile(rb"Linux version (\d+\.\d+[^\s%(]*) \([^\n\0%]{4,1000}")
_LONGEST = 1100


class BannerScanner:
    """Looks for the first ``Linux version …`` line; `release` and `banner` are None until then.

    Source: init/version.c (linux_banner).
    """

    def __init__(self) -> None:
        self.banner: str | None = None
        self.release: str | None = None
        self._tail = b""

    def feed(self, piece: Piece) -> None:
        """Look at the next piece of the stream."""
        if self.banner is not None:
            return
        raw = bytes(piece) if isinstance(piece, memoryview) else piece
        # The banner may straddle two pieces: search the seam, then the piece itself.
        if self._tail and self._search(self._tail + raw[:_LONGEST]):
            return
        self._search(raw)
        self._tail = bytes(raw[-_LONGEST:])

    def _search(self, data: bytes | bytearray) -> bool:
        """Take the first banner that is complete in `data`; return whether there was one."""
        if data.find(_MARK) < 0:
            return False
        for found in _BANNER.finditer(data):
            if found.end() < len(data):
                self.release = printable(found[1])
                self.banner = printable(found[0])
                return True
        return False
