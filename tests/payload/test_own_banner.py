"""The banner is the kernel's own, and a check that was not made is not said to have passed."""

from __future__ import annotations

import lzma
import zlib

import pytest

from warmboot.core.images import BytesView, Method, Stream
from warmboot.core.images.compressed import CompressedImage
from warmboot.core.payload.memfile import MemFile
from warmboot.core.payload.scan import KernelScanner
from warmboot.core.payload.unpack import unpack
from warmboot.tui.present.facts import payload_facts

OWN = b"Linux version 6.1.31-own (me@host) (gcc 12.2.0, GNU ld 2.40) #1 SMP Thu Jan 1 1970\n\0"
OTHERS = (
    b"Linux version 3.x.y (someone) %s\n\0",
    b"Linux version 3.10.0 (see the manual)\n\0",
    b"Linux version 2.6.32 (x) (y) (z)\0",
    b"Linux version %s (%s)\n\0",
    b"Linux version 6.0.0-placeholder (builder@) (cc)\n\0",
)


def scanned(*pieces: bytes) -> KernelScanner:
    scanner = KernelScanner()
    for piece in pieces:
        scanner.feed(bytearray(piece), len(piece))
    return scanner


@pytest.mark.parametrize("other", OTHERS)
def test_the_kernel_s_own_counts_wherever_it_stands(other: bytes) -> None:
    for pieces in ((other + OWN,), (OWN + other,), (other, OWN), (other + OWN[:30], OWN[30:])):
        assert scanned(*pieces).release == "6.1.31-own"


def test_another_form_counts_where_there_is_no_other() -> None:
    assert scanned(OTHERS[1] + OTHERS[2]).release == "3.10.0"
    assert scanned(OTHERS[0] + OTHERS[3]).release is None


@pytest.mark.parametrize(
    ("check", "word"),
    [(lzma.CHECK_CRC32, None), (lzma.CHECK_SHA256, None), (lzma.CHECK_NONE, "carries no check")],
)
def test_what_xz_was_compared_with(check: int, word: str | None) -> None:
    packed = lzma.compress(OWN * 100, check=check)
    verdict(packed, word)


def test_a_check_that_liblzma_does_not_know() -> None:
    packed = bytearray(lzma.compress(OWN * 100, check=lzma.CHECK_CRC64))
    # The stream flags stand in the header and the footer, each under a CRC-32 of its own. Number 5
    # of the format is reserved; it has eight bytes, as CRC-64 has.
    packed[7] = 5
    packed[8:12] = zlib.crc32(bytes(packed[6:8])).to_bytes(4, "little")
    footer = len(packed) - 12
    packed[footer + 9] = 5
    packed[footer : footer + 4] = zlib.crc32(bytes(packed[footer + 4 : footer + 10])).to_bytes(
        4, "little"
    )
    verdict(bytes(packed), "number 5")


def verdict(packed: bytes, word: str | None) -> None:
    view = BytesView(packed)
    with MemFile("test") as memory:
        payload = unpack(view, Stream(Method.XZ, 0, view.size), memory)
    assert (payload.unverified is None) is (word is None)
    assert word is None or word in (payload.unverified or "")
    (line, *_) = payload_facts(payload, CompressedImage(file_size=1, architecture=None))
    assert ("all checks passed" in line.value) is (word is None)
