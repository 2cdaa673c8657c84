"""Whether there is a place at all: every arrangement of small memories is tried beside the placers.

The model knows pieces of memory as bits, the boot protocols' rules, and nothing of the program.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from warmboot.core.architecture import Architecture
from warmboot.core.errors import Refused, WarmbootError
from warmboot.core.host import read_host
from warmboot.core.images import BytesView, identify
from warmboot.core.images.rawimage import RawImage
from warmboot.core.load.kexec_load import placer_for
from warmboot.core.load.kexec_load.layout import lay_out
from warmboot.core.load.kexec_load.memory import free_ranges
from warmboot.core.load.kexec_load.segments import Layout, Parts
from warmboot.core.load.loader import LoadRequest
from warmboot.core.payload.memfile import MemFile
from warmboot.core.plan.request import Call
from warmboot.core.sandbox.builders.devicetree import build_tree
from warmboot.core.sandbox.builders.kernel import (
    build_arm64_image,
    build_loongarch_image,
    build_riscv_image,
)
from warmboot.core.sandbox.kernel_answer import SimulatedCrash
from warmboot.core.sandbox.kernel_segments import check_segments
from warmboot.core.sandbox.machine import MEMORY, SimulatedMachine, write_machine
from warmboot.core.values import replace

MIB, GIB = 1 << 20, 1 << 30
TREE = build_tree({"compatible": b"a,board\0", "chosen": {"bootargs": b"old\0"}})
BUILDERS = {
    Architecture.ARM64: build_arm64_image,
    Architecture.RISCV64: build_riscv_image,
    Architecture.LOONGARCH64: build_loongarch_image,
}
EVERY = pytest.mark.parametrize("architecture", list(BUILDERS))
WINDOW = 32 * GIB


class Memory:
    """Pieces of `unit` bytes from `first` on, and which of them are free."""

    def __init__(self, chosen: random.Random, unit: int, count: int) -> None:
        self.unit = unit
        self.first = 2 * GIB // unit
        share = chosen.choice([0.5, 0.8, 0.95])
        self.free = [chosen.random() < share for _ in range(count)]

    @property
    def iomem(self) -> str:
        """The text of /proc/iomem: one piece of RAM, and claims in it."""
        start, end = self.first * self.unit, (self.first + len(self.free)) * self.unit
        lines = [f"{start:x}-{end - 1:x} : System RAM"]
        for number, free in enumerate(self.free, self.first):
            if not free:
                lines.append(
                    f"  {number * self.unit:x}-{(number + 1) * self.unit - 1:x} : reserved"
                )
        return "\n".join(lines) + "\n"

    def runs(self, size: int) -> Iterator[int]:
        """Where `size` free pieces follow one another."""
        for at in range(len(self.free) - size + 1):
            if all(self.free[at : at + size]):
                yield at

    def has_place(self, architecture: Architecture, kernel: int, initrd: int) -> bool:
        """Whether any arrangement follows the protocol, one more piece being left for the rest."""
        for k, i in itertools.product(self.runs(kernel), self.runs(initrd)):
            if initrd and k < i + initrd and i < k + kernel:
                continue
            taken = {*range(k, k + kernel), *range(i, i + initrd)}
            lowest = 0 if architecture is Architecture.ARM64 else k + 1  # nothing below the kernel
            if initrd and i < lowest:
                continue
            if architecture is not Architecture.RISCV64 and initrd:
                window = (self.first + k) * self.unit // GIB * GIB
                start = (self.first + i) * self.unit
                if start < window or start + initrd * self.unit > window + WINDOW:
                    continue
            if any(free and n >= lowest and n not in taken for n, free in enumerate(self.free)):
                return True
        return False


def parts(architecture: Architecture, kernel: int, initrd: int) -> Parts:
    content = BUILDERS[architecture]("6.12.1", body_size=60_000)
    image = identify(BytesView(content))
    assert isinstance(image, RawImage)
    image = replace(image, memory_size=kernel, text_offset=0)
    return Parts(
        image, (-1, len(content)), (-1, initrd) if initrd else None, b"q\0", lambda _: TREE
    )


@EVERY
@pytest.mark.parametrize(("unit", "count"), [(2 * MIB, 14), (GIB, 48)], ids=["MiB", "GiB"])
def test_what_has_a_place_is_placed(architecture: Architecture, unit: int, count: int) -> None:
    """Initrds of up to twelve GiB, too, and kernels that are larger than all memory."""
    chosen = random.Random(unit)
    outcomes = set()
    placer = placer_for(architecture.facts.machines[0])
    for _ in range(150):
        memory = Memory(chosen, unit, count)
        kernel, initrd = chosen.randint(1, 5), chosen.choice([0, 0, 1, 2, 5, 8, 12])
        wanted = memory.has_place(architecture, kernel, initrd)
        made = parts(architecture, kernel * unit, initrd * unit)
        layout: Layout | None = None
        try:
            layout = placer(made, free_ranges(memory.iomem))
        except Refused as error:
            assert "No free memory for" in error.message
        assert (layout is not None) is wanted, (memory.free, kernel, initrd)
        outcomes.add(wanted)
        if layout is not None:
            check_placed(memory, layout)
    assert outcomes == {True, False}


def check_placed(memory: Memory, layout: Layout) -> None:
    """No two segments share a byte, and all lie in what is free."""
    ends = sorted((s.address, s.address + s.room) for s in layout.segments)
    assert all(first[1] <= second[0] for first, second in itertools.pairwise(ends))
    for start, end in ends:
        pieces = range(start // memory.unit, -(-end // memory.unit))
        assert all(memory.free[piece - memory.first] for piece in pieces)


@EVERY
@pytest.mark.parametrize("size", [1 << 40, 1 << 62, (1 << 64) - 1])
def test_a_kernel_that_claims_more_than_there_is_has_no_place(
    architecture: Architecture, size: int
) -> None:
    placer = placer_for(architecture.facts.machines[0])
    with pytest.raises(Refused, match="No free memory for the kernel"):
        placer(parts(architecture, size, 0), free_ranges(MEMORY[architecture]))


IMPOSTORS = {Architecture.RISCV64: TREE, Architecture.LOONGARCH64: b"kexec " + bytes(5000)}


@pytest.mark.parametrize("architecture", list(IMPOSTORS))
def test_an_initrd_is_not_taken_for_what_the_kernel_looks_for(architecture: Architecture) -> None:
    """The kernel goes by how a segment begins, whatever it is."""
    iomem = MEMORY[architecture]
    with MemFile("initrd") as initrd, MemFile("kernel") as kernel:
        initrd.write(IMPOSTORS[architecture])
        content = BUILDERS[architecture]("6.12.1", body_size=60_000)
        kernel.write(content)
        made = replace(
            parts(architecture, 2 * MIB, 1),
            initrd=(initrd.fd, initrd.size),
            kernel=(kernel.fd, len(content)),
        )
        layout = placer_for(architecture.facts.machines[0])(made, free_ranges(iomem))
        check_segments(layout, architecture, iomem)
        behind = replace(layout, segments=layout.segments[::-1])
        with pytest.raises(SimulatedCrash, match="takes the initrd for the"):
            check_segments(behind, architecture, iomem)


def laid_out(folder: Path, initrd_size: int) -> Sequence[str]:
    """What is placed on a simulated machine of arm64 with an initrd of so many bytes."""
    with MemFile("kernel") as kernel, MemFile("initrd") as initrd:
        kernel.write(build_arm64_image("6.12.1", body_size=60_000))
        initrd.write(bytes(initrd_size))
        request = LoadRequest(kernel.fd, "k", initrd.fd, "i", "quiet", call=Call.LOAD)
        return [s.what for s in lay_out(read_host(folder), request).segments]


def test_what_takes_more_than_half_of_the_memory_is_refused_with_both_numbers(
    tmp_path: Path,
) -> None:
    write_machine(tmp_path, SimulatedMachine("aarch64", "6.1.0", "quiet"))
    (tmp_path / "proc/meminfo").write_text("MemTotal: 8192 kB\nMemAvailable: 8000 kB\n")
    assert "initrd" in laid_out(tmp_path, MIB)
    with pytest.raises(Refused, match=r"no more than half of its memory, 4194304 \(EINVAL\)"):
        laid_out(tmp_path, 5 * MIB)


def test_a_list_of_memory_that_was_not_read_to_its_end_is_not_used(tmp_path: Path) -> None:
    """What is reserved may stand behind it."""
    write_machine(tmp_path, SimulatedMachine("aarch64", "6.1.0", "quiet"))
    iomem = tmp_path / "proc/iomem"
    text = iomem.read_text()
    iomem.write_text(text + "00000000-00000000 : x\n" * 1000)
    assert laid_out(tmp_path, 1)
    iomem.write_text(text + "00000000-00000000 : x\n" * 200_000)
    with pytest.raises(WarmbootError, match="does not say where memory is free"):
        laid_out(tmp_path, 1)
