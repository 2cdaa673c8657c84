"""What a call takes in memory, and the wait for what a replay used."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.parser_objects import build_parser

from warmboot.core.bpf import call_memory
from warmboot.core.bpf.call_memory import MARGIN, CallMemory, rings_of, wait_for_memory
from warmboot.core.bpf.parsers import prebuilt, prebuilt_recipes, recipe_for
from warmboot.core.bpf.resize import resized
from warmboot.core.bpf.sizes import sizes_for
from warmboot.core.bpf.toolchain import Recipe
from warmboot.core.errors import ImageError
from warmboot.core.host.memory import read_memory_available
from warmboot.core.images import BytesView, identify
from warmboot.core.images.bpfobject import ParserObject
from warmboot.core.sandbox.builders.kernel import build_arm64_image
from warmboot.core.sandbox.builders.zboot import build_zboot

MIB = 1 << 20


def test_everything_counts_once_for_each_time_it_is_there() -> None:
    memory = CallMemory(4 * MIB, 3 * MIB, 2 * MIB, 10 * MIB, 2 * MIB, 1, 0)
    assert memory.needed == (4 + 3 + 2 + 20 + 2) * MIB + MARGIN
    assert memory._replace(decompressor=9 * MIB).needed == memory.needed + 9 * MIB


def test_rings_are_those_of_the_objects() -> None:
    rings = (8 * MIB, 65536, 65536, 65536)
    parser = BytesView(build_parser(rings=rings))
    assert sum(rings) <= rings_of([parser]) <= sum(rings) + 2 * MIB
    assert rings_of([parser, parser]) == 2 * rings_of([parser])


def test_memory_is_waited_for_and_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([10 * MIB, 20 * MIB, 100 * MIB])
    assert wait_for_memory(100 * MIB, lambda: next(answers)) == 100 * MIB
    monkeypatch.setattr(call_memory, "_PATIENCE", 0.05)
    assert wait_for_memory(100 * MIB, lambda: 10 * MIB) == 10 * MIB
    assert wait_for_memory(None, lambda: 5) == 5
    assert wait_for_memory(5, lambda: None) is None


def test_control_groups_count(tmp_path: Path) -> None:
    def write(name: str, text: str) -> None:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    assert read_memory_available(tmp_path) is None
    write("proc/meminfo", "MemTotal: 9 kB\nMemAvailable: 400000 kB\n")
    assert read_memory_available(tmp_path) == 400000 * 1024
    write("proc/self/cgroup", "1:name=systemd:/\n0::/outer.slice/inner.service\n")
    inner, outer = "sys/fs/cgroup/outer.slice/inner.service", "sys/fs/cgroup/outer.slice"
    write(f"{inner}/memory.max", "max\n")
    write(f"{inner}/memory.high", f"{90 * MIB}\n")
    write(f"{inner}/memory.current", f"{50 * MIB}\n")
    assert read_memory_available(tmp_path) == 40 * MIB
    write(f"{inner}/memory.stat", f"anon 1\ninactive_file {5 * MIB}\n")
    assert read_memory_available(tmp_path) == 45 * MIB
    write(f"{outer}/memory.max", f"{60 * MIB}\n")
    write(f"{outer}/memory.current", f"{59 * MIB}\n")
    assert read_memory_available(tmp_path) == MIB
    write(f"{outer}/memory.current", f"{70 * MIB}\n")
    assert read_memory_available(tmp_path) == 0


@pytest.mark.parametrize("recipe", prebuilt_recipes(), ids=str)
def test_what_comes_with_warmboot_fits_every_image(recipe: Recipe) -> None:
    for payload in (1000, 5 * MIB, 200 * MIB):
        sizes = sizes_for(payload)
        wanted = Recipe(recipe.dialect, recipe.kind, sizes, recipe.rehearsal)
        found = ParserObject.parse(BytesView(prebuilt(wanted).content))
        assert found.identity is not None
        assert found.identity.record_size == sizes.record
        rings = [m.ring for m in found.maps if m.ring is not None]
        assert rings == [sizes.ring, 65536, 65536, 65536]


def test_only_our_own_parsers_are_resized() -> None:
    with pytest.raises(ImageError, match="Only a parser of warmboot's own"):
        resized(build_parser(identity=False), sizes_for(1000))


def test_the_ring_is_for_the_packed_kernel() -> None:
    kernel = build_arm64_image("6.12.1", body_size=8 * MIB)
    zboot = identify(BytesView(build_zboot(kernel, arch="arm64", method="gzip")))
    assert zboot.stream is not None
    sizes = recipe_for(zboot, next(iter(prebuilt_recipes())).dialect).sizes
    assert zboot.stream.size + 4096 < sizes.record < zboot.stream.size + 65536
    assert sizes.ring <= 4 * zboot.stream.size
