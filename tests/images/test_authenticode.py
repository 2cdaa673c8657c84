"""Signatures that somebody else wrote: however many are read, none is kept."""

from __future__ import annotations

import contextlib
import gc
import os
import random
import subprocess
import tracemalloc
from pathlib import Path

import pytest
from support.tools import needs_tool

from warmboot.core.errors import Cancelled, ImageError
from warmboot.core.images import BytesView
from warmboot.core.images.authenticode import signatures_of
from warmboot.core.images.pe import parse_headers
from warmboot.core.images.view import LARGEST_FILE, FileView
from warmboot.core.progress import Cancel
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


def test_a_signed_file_of_holes_can_be_left(tmp_path: Path, signed: bytes) -> None:
    """Its digest covers the holes, whatever their size: who looks at it may go on meanwhile."""
    cancel = Cancel()

    class Watched(FileView):
        """Is told to stop at the third megabyte."""

        fetched = 0

        def _fetch(self, offset: int, count: int) -> bytes:
            if count > 1 << 16:
                self.fetched += 1
                if self.fetched == 3:
                    assert cancel.cancel()
            return super()._fetch(offset, count)

    path = tmp_path / "holes"
    path.write_bytes(signed)
    with path.open("rb+") as file:
        os.truncate(file.fileno(), LARGEST_FILE)
        view = Watched(file.fileno(), LARGEST_FILE)
        assert parse_headers(view).certificates[1]
        with pytest.raises(Cancelled):
            signatures_of(view, cancel)
    assert view.fetched == 3
