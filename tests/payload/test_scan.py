"""Banner and build options are found wherever the pieces of a stream are cut."""

from __future__ import annotations

import gzip
import random

import pytest

from warmboot.core.payload import scan as scanning
from warmboot.core.payload.scan import KernelScanner

BANNER = b"Linux version 6.12.1-x (build@host) (gcc 14) #1 SMP PREEMPT"
CONFIG = b"CONFIG_A=y\nCONFIG_B=m\n"
STREAM = (
    b"\0Linux version %s (%s)\n\0" + bytes(3000) + b"Linux version \0" + BANNER + b"\n\0"
    + bytes(500) + b"IKCFG_ST" + gzip.compress(CONFIG, mtime=0) + b"IKCFG_ED" + bytes(2000)
)  # fmt: skip


def scan(stream: bytes, step: int) -> KernelScanner:
    scanner = KernelScanner()
    buffer = bytearray(step)
    for start in range(0, len(stream), step):
        piece = stream[start : start + step]
        buffer[: len(piece)] = piece
        scanner.feed(buffer, len(piece))
    return scanner


@pytest.mark.parametrize("step", [1200, 1201, 2048, 3057, 3060, 3076, 3500, 3580, 3583, 9999])
def test_marks_that_straddle_pieces_are_found(step: int) -> None:
    found = scan(STREAM, step)
    assert found.banner == BANNER.decode()
    assert found.release == "6.12.1-x"
    assert found.config == CONFIG.decode()


def test_every_cut_finds_the_banner_and_the_options() -> None:
    for cut in range(1, len(STREAM)):
        scanner = KernelScanner()
        for piece in (STREAM[:cut], STREAM[cut:]):
            scanner.feed(bytearray(piece), len(piece))
        assert scanner.banner == BANNER.decode(), cut
        assert scanner.config == CONFIG.decode(), cut


def test_an_end_that_never_comes_is_not_waited_for() -> None:
    scanner = scan(b"IKCFG_ST\x1f\x8b\x08" + bytes(3 << 20), 1 << 16)
    assert scanner.config is None
    assert scanner._packed is None


@pytest.mark.parametrize("seed", range(40))
def test_a_mark_is_found_where_python_finds_it(seed: int) -> None:
    chance = random.Random(seed)
    mark = b"IKCFG_ST"
    data = bytearray(chance.choices(mark, k=chance.randrange(5000, 9000)))  # many near misses
    for _ in range(chance.randrange(4)):
        place = chance.choice((0, len(data) - 8, chance.randrange(len(data) - 8)))
        data[place : place + 8] = mark
    for start in (0, 1, chance.randrange(500), len(data)):
        for end in (len(data), len(data) - 1, chance.randrange(4600, len(data))):
            assert scanning._find(data, mark, start, end) == data.find(mark, start, end)
    data.append(0)  # it is not held on to


def test_the_library_is_asked_for_no_bytes_that_are_not_there() -> None:
    search = scanning._memmem()
    if search is None:
        pytest.skip("the C library has no memmem(3)")
    with pytest.raises(ValueError, match="too small"):
        search(bytearray(8), b"x", 0, 9)
