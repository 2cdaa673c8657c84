"""The kernel is the oracle for initrds: what warmboot says of one is what happens when it boots."""

from __future__ import annotations

import errno

import pytest
from support.initrds import KINDS, Case, archive

from warmboot.core.images import BytesView
from warmboot.core.payload.initrd import read_initrd

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


def test_an_initrd_of_no_bytes_is_einval() -> None:
    """kernel_read_file() refuses an empty file before kexec looks at it."""
    data = archive(tiny.report_init(), "a", kernel=tiny.kernel(), empty=b"")
    assert tiny.boot(data).empty == errno.EINVAL
