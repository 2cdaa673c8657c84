"""What a kernel says of itself, found in a stream of pieces without keeping the stream."""

from __future__ import annotations

import functools
from collections.abc import Callable

from warmboot.core.expression import expression
from warmboot.core.hints import Any
from warmboot.core.text import printable

_MARK = b"Linux version "
#: How the kernel's own ends: who built it where, the compiler, the build's number, a line's end.
_BUILDER = expression(rb"\([^\s()@]*@[^()]*\) ")
_NUMBER = expression(rb"#\S")
_LINE_END = 0x0A
#: Possessive: what was taken is not given back, so that no text makes the search slow.
_BANNER = expression(rb"Linux version (\d++\.\d++[^\s%(]*+) \([^\n\0%]{4,1000}+")
_LONGEST = 1100
_CONFIG_START, _CONFIG_END = b"IKCFG_ST", b"IKCFG_ED"
#: With what any gzip member starts with: the longer a mark, the less the search for it takes.
_CONFIG_MARK = _CONFIG_START + b"\x1f\x8b\x08"
#: So many bytes of the longest mark may stand in front of a seam.
SEAM = max(len(_MARK), len(_CONFIG_MARK)) - 1
_SHORT = 4096  # bytes, which Python searches itself
_CONFIG_LIMIT = 1 << 20  # packed; real ones are 30 to 70 KiB
_CONFIG_TEXT_LIMIT = 4 << 20

#: Memory that can be written to, although nothing here does: ctypes tells the address of no other.
Searched = bytearray | memoryview


class KernelScanner:
    """Looks for the banner and the embedded build options; None until they were found.

    `banner` is the ``Linux version`` line that is the kernel's own (init/version.c), `release` the
    version in it: the first of the form that builds give it, else the first there is,
    `config` the text that CONFIG_IKCONFIG embeds (kernel/configs.c: a gzip member between the
    marks IKCFG_ST and IKCFG_ED). What is not wanted is not looked for.
    """

    def __init__(self, *, banner: bool = True, config: bool = True) -> None:
        self.banner: str | None = None
        self.release: str | None = None
        self.config: str | None = None
        self._seeks_banner, self._seeks_config = banner, config
        self._tail = bytearray()
        self._packed: bytearray | None = None

    @property
    def marks(self) -> list[bytes]:
        """What is still looked for; nothing that is not in it will be."""
        marks = [_MARK] if self._seeks_banner else []
        return [*marks, _CONFIG_MARK] if self._seeks_config else marks

    def feed(self, piece: Searched, count: int, *, clear: bool = False) -> None:
        """Look at the next `count` bytes of the stream, which stand at the start of `piece`.

        `clear`: none of `marks` ends in them, which is known from elsewhere.
        """
        if not (self._seeks_banner or self._seeks_config):
            return
        # A mark may straddle two pieces: the seam is searched first, then the piece itself.
        seam = self._tail + piece[: min(_LONGEST, count)]
        if self._seeks_banner:
            self._find_banner(seam, len(seam))
            self._find_banner(piece, 0 if clear else count)
        if self._packed is not None:
            self._take_config(piece[:count])
        elif self._seeks_config:
            self._find_config(seam, piece, count, clear)
        self._tail = bytearray(piece[max(0, count - _LONGEST) : count])

    def _find_banner(self, data: Searched, count: int) -> None:
        start = 0 if self._seeks_banner else count
        while (start := _find(data, _MARK, start, count)) >= 0:
            found = _BANNER.match(data, start, count)
            if found is not None and found.end() < count:
                banner = bytes(found[0])
                own = data[found.end()] == _LINE_END and _is_own(banner)
                if own or self.banner is None:
                    self.release = printable(bytes(found[1]))
                    self.banner = printable(banner)
                if own:
                    self._seeks_banner = False
                    return
            start += len(_MARK)

    def _find_config(self, seam: bytearray, piece: Searched, count: int, clear: bool) -> None:
        """Look for the start mark; what stands behind it belongs to the packed options."""
        start = seam.find(_CONFIG_MARK)
        if start >= 0:
            start -= len(self._tail)  # now counted in the piece; negative where the mark straddles
        else:
            start = -1 if clear else _find(piece, _CONFIG_MARK, 0, count)
            if start < 0:
                return
        begin = start + len(_CONFIG_START)
        self._packed = bytearray(self._tail[begin:] if begin < 0 else b"")
        self._take_config(piece[max(0, begin) : count])

    def _take_config(self, more: Searched) -> None:
        """Gather the packed options until their end mark, or until they are too many."""
        if self._packed is None:
            return
        start = max(0, len(self._packed) - len(_CONFIG_END))
        self._packed += more
        end = self._packed.find(_CONFIG_END, start)
        if end >= 0:
            self.config = _unpack(self._packed[:end])
            self._seeks_config = self.config is None
        if end >= 0 or len(self._packed) > _CONFIG_LIMIT:
            self._packed = None


def lacks(data: memoryview, marks: list[bytes]) -> bool:
    """Whether it is known that none of the marks stands in the data; only the C library tells."""
    search = None if data.readonly else _memmem()
    return search is not None and all(search(data, mark, 0, len(data)) < 0 for mark in marks)


def _find(data: Searched, mark: bytes, start: int, end: int) -> int:
    """As `data.find`. The C library takes less than half of its time, and no lock meanwhile.

    Python looks nearby first: where mark follows mark, each call of the library costs more.
    """
    near = bytes(data[start : min(end, start + _SHORT)]).find(mark)
    if near >= 0 or end - start <= _SHORT:
        return near if near < 0 else start + near
    start += _SHORT - len(mark) + 1
    search = _memmem()
    if search is not None:
        return search(data, mark, start, end)
    rest = bytes(data[start:end]).find(mark)
    return rest if rest < 0 else start + rest


@functools.cache
def _memmem() -> Callable[[Searched, bytes, int, int], int] | None:
    """Return a search by memmem(3), which is linear for any bytes; None where there is none."""
    import ctypes

    try:
        function: Any = ctypes.CDLL(None).memmem
    except (AttributeError, OSError):
        return None
    function.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t)
    function.restype = ctypes.c_void_p

    def search(data: Searched, mark: bytes, start: int, end: int) -> int:
        held = (ctypes.c_char * (end - start)).from_buffer(data, start)  # refuses what is not there
        place = ctypes.addressof(held)
        found = function(place, end - start, mark, len(mark))
        return -1 if found is None else int(start + found - place)

    return search


def _unpack(packed: bytes | bytearray) -> str | None:
    import zlib  # few look for build options

    try:
        raw = zlib.decompressobj(31).decompress(packed, _CONFIG_TEXT_LIMIT)
    except zlib.error:
        return None
    return raw.decode("ascii", "replace")


def _is_own(banner: bytes) -> bool:
    """Whether a banner says who built the kernel, and behind that which build it is."""
    builder = _BUILDER.search(banner)
    return builder is not None and _NUMBER.search(banner, builder.end()) is not None
