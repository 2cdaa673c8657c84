"""The kernel is the oracle for initrds: what warmboot says of one is what happens when it boots."""

from __future__ import annotations

import errno
import gzip

import pytest
from support.initrds import KINDS, Case, archive

from warmboot.core.images import BytesView
from warmboot.core.payload.initrd import read_initrd
from warmboot.core.plan.unpackable import Room

from . import tiny

pytestmark = pytest.mark.timeout(900)


def disagreement(case: Case) -> str | None:
    """Return what warmboot and the kernel do not agree on; None where they do."""
    said, seen = read_initrd(BytesView(case.data)), tiny.boot(case.data, memory=case.memory)
    there = set(seen.files or "")
    taken = seen.files is not None and there >= set(case.files) - set(case.lost)
    if taken != (said.problem is None):
        return f"problem {said.problem!r}, but the kernel had {seen}"
    if seen.complaint and not (said.problem or said.warnings):
        return f"nothing said, but the kernel complains: {seen.complaint}"
    if there & set(case.lost) or (case.lost and not said.warnings):
        return f"of what is lost {said.warnings} is said, the kernel had {seen}"
    whole = {n for part in said.segments if part.complete and not part.problem for n in part.names}
    missing = {name for name in whole - there - set(case.lost) if name in "abcdefgh"}
    return f"{missing} are said to be there, the kernel had {seen}" if missing else None


@pytest.mark.parametrize("kind", KINDS)
def test_the_kernel_agrees(kind: str) -> None:
    wrong = {name: disagreement(case) for name, case in KINDS[kind](tiny.report_init()).items()}
    assert {name: what for name, what in wrong.items() if what} == {}


@pytest.fixture(scope="module")
def total() -> int:
    """The memory of a guest, in bytes."""
    return tiny.boot(archive(tiny.report_init(), "a")).memory


@pytest.mark.parametrize("words", ["root=/dev/vda", ""])
@pytest.mark.parametrize("percent", [20, 40, 60, 85, 115])
def test_the_kernel_agrees_about_memory(percent: int, words: str, total: int) -> None:
    """Without root= the first root file system is a tmpfs, which takes half of the memory."""
    init = tiny.report_init()
    data = gzip.compress(archive(init, "a", z=bytes(total * percent // 100)), 1)
    room = Room(total) if words else Room(total, total // 2, True)
    content = sum(part.unpacked for part in read_initrd(BytesView(data)).segments)
    lack = room.lacking(len(data), content)
    seen = tiny.boot(data, words)
    taken = seen.files is not None and not seen.complaint
    assert taken == (lack is None), (lack, seen)


def test_an_initrd_of_no_bytes_is_einval() -> None:
    """kernel_read_file() refuses an empty file before kexec looks at it."""
    data = archive(tiny.report_init(), "a", kernel=tiny.kernel(), empty=b"")
    assert tiny.boot(data).empty == errno.EINVAL
