"""The writer of a kernel helps the thread that follows it, and what is found stays the same."""

from __future__ import annotations

import fcntl
import gzip
import hashlib
import random

import pytest

from warmboot.core.payload import follow
from warmboot.core.payload.follow import Follower
from warmboot.core.payload.memfile import MemFile
from warmboot.core.payload.scan import KernelScanner, lacks

BANNER = b"Linux version 6.12.1-x (build@host) (gcc 14) #1 SMP PREEMPT"
OPTIONS = b"IKCFG_ST" + gzip.compress(b"CONFIG_A=y\n", mtime=0) + b"IKCFG_ED"
PLAIN = (b"Linux version 6.1.0 (not its own)\n", b"Linux version ", b"Linux vers", b"IKCFG_ST")
FALSE = (b"IKCFG_ST\x1f\x8b\x08", b"IKCFG_ED", b"IKCFG_ST\x1f\x8b")


def kernel(chance: random.Random, words: tuple[bytes, ...]) -> bytes:
    """Return zeros and noise with words among them, in any order."""
    parts = []
    for word in chance.choices(words, k=chance.randrange(2, 12)):
        parts += [bytes(chance.randrange(20_000)), chance.randbytes(chance.randrange(200)), word]
    return b"".join(parts)


def found(scanner: KernelScanner) -> tuple[str | None, ...]:
    return scanner.banner, scanner.release, scanner.config


@pytest.mark.parametrize("seed", range(40))
def test_what_is_known_to_be_clear_is_passed_over(seed: int) -> None:
    chance = random.Random(seed)
    data = kernel(chance, (*PLAIN, *FALSE, BANNER + b"\n\0", OPTIONS))
    helped, alone = KernelScanner(), KernelScanner()
    marks, cut = alone.marks, 0
    assert len(marks) == 2
    while cut < len(data):
        start, cut = cut, cut + chance.randrange(1, 30_000)
        piece = data[start:cut]
        ends = [data.find(mark, max(0, start - len(mark) + 1), cut) for mark in marks]
        alone.feed(bytearray(piece), len(piece))
        helped.feed(bytearray(piece), len(piece), clear=max(ends) < 0)
        assert found(helped) == found(alone)


@pytest.mark.parametrize("seed", range(20))
def test_a_writer_that_always_helps(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(seed)
    monkeypatch.setattr(follow, "_LAG", -1)
    data = kernel(chance, (*PLAIN, BANNER + b"\n\0")) + OPTIONS + bytes(9000)
    alone = KernelScanner()
    alone.feed(bytearray(data), len(data))
    with MemFile("test") as memory, Follower(memory.fd) as follower:
        cut = 0
        while cut < len(data):
            start, cut = cut, cut + chance.choice((1, 7, 13, 5000, 20_000))
            piece = memoryview(bytearray(data[start:cut]))
            memory.write(piece)
            follower.wrote(piece)
        assert follower.finish() == hashlib.sha256(data).hexdigest()
    assert found(follower.scanner) == found(alone)
    assert alone.config == "CONFIG_A=y\n"


def test_only_what_was_searched_is_called_clear() -> None:
    mark = b"IKCFG_ST"
    data = memoryview(bytearray(100_000))
    assert not lacks(data.toreadonly(), [mark])
    data[99_992:] = mark
    assert not lacks(data, [mark])
    assert not lacks(data, [b"Linux version ", mark])


@pytest.mark.parametrize("seed", range(20))
def test_a_file_of_its_own_is_read_as_any_other(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(seed)
    monkeypatch.setattr(follow, "_MAPPED", chance.choice((4096, 5000, 20_000)))
    monkeypatch.setattr(follow, "_CHUNK", chance.choice((2000, 4096, 30_000)))
    data = kernel(chance, (*PLAIN, BANNER + b"\n\0")) + OPTIONS
    with MemFile("test") as memory, Follower(memory.fd, own=True) as follower:
        for start in range(0, len(data), 30_000):
            memory.write(data[start : start + 30_000])
            follower.wrote(data[start : start + 30_000])
        assert follower.finish() == hashlib.sha256(data).hexdigest()
    alone = KernelScanner()
    alone.feed(bytearray(data), len(data))
    assert found(follower.scanner) == found(alone)


def test_a_mapping_does_not_stand_against_sealing() -> None:
    with MemFile("test") as memory:
        memory.write(bytes(range(256)) * 100)
        with follow._mapped(memory.fd, 5000, 1000) as part:
            memory.seal()
            assert fcntl.fcntl(memory.fd, fcntl.F_GET_SEALS) & fcntl.F_SEAL_WRITE
            assert bytes(part) == (bytes(range(256)) * 100)[5000:6000]


def test_false_marks_hide_no_options() -> None:
    scanner = KernelScanner()
    data = b"IKCFG_ST is a mark; " * 9 + OPTIONS
    scanner.feed(bytearray(data), len(data))
    assert scanner.config == "CONFIG_A=y\n"
