"""What a rehearsal takes: the image, one ring that holds it, and little else, counted in bytes.

The kernel tells the bytes of its maps (memlock of bpf(2) maps in fdinfo, which is what control
groups are charged with), tracemalloc those of Python's objects. The 32 MiB that an image's need is
exceeded by at most hold Python itself too, which has 13 MiB of its own (tests/bench/RESULTS.md).
"""

from __future__ import annotations

import random
import tracemalloc
from pathlib import Path

import pytest
from support.tools import needs_tool

from warmboot.core.bpf import bpf_syscall, replay
from warmboot.core.bpf.abi import Dialect
from warmboot.core.bpf.sizes import sizes_of
from warmboot.core.bpf.workbench import rehearse_image
from warmboot.core.images import BytesView, FileView, identify
from warmboot.core.sandbox.builders.kernel import build_arm64_image
from warmboot.core.sandbox.builders.uki import build_uki
from warmboot.core.sandbox.builders.zboot import build_zboot

MIB = 1 << 20
ALLOWED = 32 * MIB
PYTHON = 13 * MIB


def map_bytes() -> int:
    """The bytes of all maps that this process has open."""
    total = 0
    for file in Path("/proc/self/fdinfo").iterdir():
        try:
            lines = dict(x.split(":", 1) for x in file.read_text().splitlines() if ":" in x)
        except FileNotFoundError:  # the listing's own descriptor
            continue
        if "map_type" in lines:
            total += int(lines["memlock"])
    return total


@pytest.fixture
def most(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The bytes of maps after each load of a skeleton: nothing else makes any."""
    seen: list[int] = []
    real = bpf_syscall.load

    def load(*arguments: object, **options: object) -> bpf_syscall.Loaded:
        try:
            return real(*arguments, **options)  # type: ignore[arg-type]
        finally:
            seen.append(map_bytes())

    for module in (bpf_syscall, replay):
        monkeypatch.setattr(module, "load", load)
    return seen


def zboot(megabytes: int) -> bytes:
    body = random.Random(megabytes).randbytes(megabytes * MIB)
    kernel = build_arm64_image("6.12.1", body_size=9000) + body
    return build_zboot(kernel, arch="arm64", method="gzip")


@pytest.mark.parametrize("kind", ["v6-zboot", "v7-zboot", "v7-uki"])
@pytest.mark.parametrize("megabytes", [1, 9, 40])
def test_a_rehearsal_takes_the_images_need_and_no_more(
    tmp_path: Path, most: list[int], kind: str, megabytes: int
) -> None:
    needs_tool("clang")
    needs_tool("bpftool")
    dialect = Dialect(kind[:2])
    path = tmp_path / "image"
    content = zboot(megabytes)
    if kind.endswith("uki"):
        content = build_uki(arch="arm64", linux=content, initrd=bytes(megabytes * MIB))
    path.write_bytes(content)
    size = len(content)
    ring = sizes_of(identify(BytesView(content)), dialect, 0).ring
    del content
    with path.open("rb") as file:
        view = FileView(file.fileno(), size)
        rehearse_image(view, dialect, lambda: None)  # what is loaded once is not the image's
        most.clear()
        tracemalloc.start()
        try:
            found = rehearse_image(view, dialect, lambda: None)
            python = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    if found.why_modelled is not None:
        pytest.skip(f"this kernel runs no BPF here: {found.why_modelled}")
    assert found.refusal is None
    need = size + ring
    assert ring <= max(most) <= need + 2 * MIB
    assert max(most) + python <= need + ALLOWED - PYTHON
    assert map_bytes() == 0
