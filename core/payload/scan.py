"""What a kernel says of itself, found in a stream of pieces without keeping the stream."""

from __future__ import annotations

import re
import zlib

from warmboot.core.payload.codecs import Piece
from warmboot.core.text import printable

_MARK = b"Linux version "
_BANNER = re.compile(rb"Linux version (\d+\.\d+[^\s%(]*) \([^\n\0%]{4,1000}")
_LONGEST = 1100
_CONFIG_START, _CONFIG_END = b"IKCFG_ST", b"IKCFG_ED"
_CONFIG_LIMIT = 1 << 20  # packed; real ones are 30 to 70 KiB
_CONFIG_TEXT_LIMIT = 4 << 20


class KernelScanner:
    """Looks for the banner and the embedded build options; None until they were found.

    `banner` is the first ``Linux version`` line (init/version.c), `release` the version in it,
    `config` the text that CONFIG_IKCONFIG embeds (kernel/configs.c: a gzip member between the
    marks IKCFG_ST and IKCFG_ED).
    """

    def __init__(self) -> None:
        self.banner: str | None = None
        self.release: str | None = None
        self.config: str | None = None
        self._tail = b""
        self._packed: bytearray | None = None

    def feed(self, piece: Piece) -> None:
        """Look at the next piece of the stream."""
        if self.banner is not None and self.config is not None:
            return
        raw = bytes(piece) if isinstance(piece, memoryview) else piece
        # A mark may straddle two pieces: the seam is searched first, then the piece itself.
        seam = self._tail + raw[:_LONGEST]
        if self.banner is None:
            self._find_banner(seam)
        if self.banner is None:
            self._find_banner(raw)
        if self._packed is not None:
            self._take_config(raw)
        elif self.config is None:
            start = seam.find(_CONFIG_START)
            if start >= 0:
                self._packed = bytearray(seam[start + len(_CONFIG_START) : len(self._tail)])
                self._take_config(raw[max(0, start + len(_CONFIG_START) - len(self._tail)) :])
            elif (start := raw.find(_CONFIG_START)) >= 0:
                self._packed = bytearray()
                self._take_config(raw[start + len(_CONFIG_START) :])
        self._tail = bytes(raw[-_LONGEST:])

    def _find_banner(self, data: bytes | bytearray) -> None:
        if data.find(_MARK) < 0:
            return
        for found in _BANNER.finditer(data):
            if found.end() < len(data):
                self.release = printable(found[1])
                self.banner = printable(found[0])
                return

    def _take_config(self, more: bytes | bytearray) -> None:
        """Gather the packed options until their end mark, or until they are too many."""
        if self._packed is None:
            return
        self._packed += more
        end = self._packed.find(_CONFIG_END)
        if end >= 0:
            self.config = _unpack(self._packed[:end])
        if end >= 0 or len(self._packed) > _CONFIG_LIMIT:
            self._packed = None


def _unpack(packed: bytes | bytearray) -> str | None:
    try:
        raw = zlib.decompressobj(31).decompress(packed, _CONFIG_TEXT_LIMIT)
    except zlib.error:
        return None
    return raw.decode("ascii", "replace")
