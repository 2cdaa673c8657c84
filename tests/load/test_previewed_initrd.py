"""What is staged again for a trial has the initrds of before, and the trial's own behind them."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from warmboot.core.errors import ImageError
from warmboot.core.load.stage import prepare
from warmboot.core.payload.cpio_writer import Node, build_cpio
from warmboot.core.plan.request import PlanRequest
from warmboot.core.sandbox.builders.initrd import build_initrd
from warmboot.core.session import open_session

SEGMENT = build_cpio({"conf/param.conf": Node(b"x", 0o100644)})


@pytest.mark.parametrize("segment", [b"", SEGMENT], ids=["alone", "with the trial's"])
@pytest.mark.parametrize("sizes", [(9,), (4096,), (5, 4096), (4096, 7, 31)])
def test_the_same_initrds_are_known_again_and_others_refused(
    sandbox: Path, sizes: tuple[int, ...], segment: bytes
) -> None:
    paths = []
    for number, size in enumerate(sizes):
        path = sandbox / f"boot/part-{number}"
        path.write_bytes(build_initrd({f"file-{number}": os.urandom(size)}, method="gzip"))
        paths.append(str(path))
    request = PlanRequest(entry="warmboot-6.17.8-sandbox.conf", initrds=tuple(paths))
    session = open_session(sandbox)
    with session.plan(request) as opened, prepare(opened.plan, opened.files) as prepared:
        before = prepared.initrd_sha256
    assert before is not None
    with (
        session.plan(request) as opened,
        prepare(opened.plan, opened.files, previewed_initrd=before, segment=segment) as prepared,
    ):
        fd = prepared.request.initrd_fd
        assert fd is not None
        whole = os.pread(fd, 1 << 20, 0)
        assert (hashlib.sha256(whole).hexdigest() == before) is (not segment)
        assert segment in whole
    last = Path(paths[-1])
    last.write_bytes(last.read_bytes() + bytes(4))
    with (
        session.plan(request) as opened,
        pytest.raises(ImageError, match="initrd is not the one that was staged"),
    ):
        prepare(opened.plan, opened.files, previewed_initrd=before, segment=segment)
