"""Banner and build options are found wherever the pieces of a stream are cut."""

from __future__ import annotations

import gzip

import pytest

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
    scanner = scan(b"IKCFG_ST" + bytes(3 << 20), 1 << 16)
    assert scanner.config is None
    assert scanner._packed is None
