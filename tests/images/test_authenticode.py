"""Signatures that somebody else wrote: however many are read, none is kept."""

from __future__ import annotations

import contextlib
import gc
import random
import subprocess
import tracemalloc
from pathlib import Path

import pytest
from support.tools import needs_tool

from warmboot.core.errors import ImageError
from warmboot.core.images import BytesView
from warmboot.core.images.authenticode import signatures_of
from warmboot.core.sandbox.builders.bzimage import build_bzimage

#: Read before it is counted: modules, caches of the interpreter.
_BEFORE, _COUNTED = 200, 2000


@pytest.fixture
def signed(tmp_path: Path) -> bytes:
    """Return a signed kernel."""
    openssl, sbsign = needs_tool("openssl"), needs_tool("sbsign")
    key, cert, plain, made = (tmp_path / name for name in ("key", "cert", "plain", "made"))
    words = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=Signer"]
    subprocess.run([openssl, *words, "-keyout", key, "-out", cert], check=True, capture_output=True)
    plain.write_bytes(build_bzimage("6.1", body_size=2000))
    words = [sbsign, "--key", *map(str, (key, "--cert", cert, "--output", made, plain))]
    subprocess.run(words, check=True, capture_output=True)
    return made.read_bytes()


def test_hostile_signatures_leave_nothing_in_memory(signed: bytes) -> None:
    """asn1crypto keeps what it knows of each class for ever, so none is made for a signature."""
    start = signed.index(b"\x30\x82", len(signed) - 2000)
    chance = random.Random(17)
    read = 0

    def look(count: int) -> None:
        nonlocal read
        for _ in range(count):
            hostile = bytearray(signed)
            for _ in range(chance.randint(1, 4)):
                hostile[chance.randrange(start, len(hostile))] = chance.randrange(256)
            with contextlib.suppress(ImageError):
                read += len(signatures_of(BytesView(bytes(hostile))))

    look(_BEFORE)
    tracemalloc.start()
    try:
        gc.collect()
        classes, before = _classes(), tracemalloc.get_traced_memory()[0]
        look(_COUNTED)
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert read > _COUNTED // 10  # many can be read, and say something else than they did
    assert _classes() == classes
    assert grown < 64 * 1024


def _classes() -> int:
    return sum(isinstance(one, type) for one in gc.get_objects())
