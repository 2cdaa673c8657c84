"""Where kernels go in memory: what each kernel asks for, on generated memory maps."""

from __future__ import annotations

import itertools
import os
import random
import re
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from warmboot.core.architecture import Architecture
from warmboot.core.errors import Blocked, ImageError, Refused, WarmbootError
from warmboot.core.host import read_host
from warmboot.core.images import BytesView, identify
from warmboot.core.images.rawimage import RawImage
from warmboot.core.load.kexec_load import placer_for
from warmboot.core.load.kexec_load.layout import lay_out
from warmboot.core.load.kexec_load.memory import free_ranges
from warmboot.core.load.kexec_load.segments import Layout, Parts, Segment
from warmboot.core.load.loader import LoadRequest
from warmboot.core.payload.memfile import MemFile
from warmboot.core.plan.request import Call
from warmboot.core.sandbox.builders.devicetree import build_tree
from warmboot.core.sandbox.builders.kernel import (
    build_arm64_image,
    build_loongarch_image,
    build_riscv_image,
)
from warmboot.core.sandbox.kernel_answer import KernelErrno, SimulatedCrash
from warmboot.core.sandbox.kernel_segments import check_segments
from warmboot.core.sandbox.machine import MEMORY, SimulatedMachine, write_machine

MIB = 1 << 20
PAGE = os.sysconf("SC_PAGE_SIZE")
TREE = build_tree({"compatible": b"a,board\0", "chosen": {"bootargs": b"old\0"}})
BUILDERS = {
    Architecture.ARM64: build_arm64_image,
    Architecture.RISCV64: build_riscv_image,
    Architecture.LOONGARCH64: build_loongarch_image,
}
KERNELS = {a: build("6.12.1", body_size=60_000, bss=300_000) for a, build in BUILDERS.items()}
KEPT = (
    *("reserved", "Reserved", "Kernel code", "Kernel image", "Crash kernel", "Crash kernel (low)"),
    *("ACPI Tables", "ramoops:dump(0/3)", "unknown to anybody"),
)
EVERY = pytest.mark.parametrize("architecture", list(BUILDERS))


def parts(
    architecture: Architecture,
    initrd: tuple[int, int] | None = None,
    kernel: bytes | None = None,
    cmdline: bytes = b"quiet\0",
    fd: int = -1,
) -> Parts:
    content = kernel or KERNELS[architecture]
    image = identify(BytesView(content))
    assert isinstance(image, RawImage)
    return Parts(image, (fd, len(content)), initrd, cmdline, lambda _: TREE)


def place(made: Parts, iomem: str) -> Layout:
    assert made.image.architecture is not None
    placer = placer_for(made.image.architecture.facts.machines[0])
    return placer(made, free_ranges(iomem))


def named(layout: Layout) -> dict[str, Segment]:
    return {segment.what: segment for segment in layout.segments}


@pytest.fixture
def files() -> Iterator[dict[Architecture, MemFile]]:
    """The kernels as open files: the simulated kernel reads what goes over."""
    opened = {}
    for architecture, content in KERNELS.items():
        opened[architecture] = MemFile("kernel")
        opened[architecture].write(content)
    yield opened
    for file in opened.values():
        file.close()


def memory_map(chosen: random.Random) -> str:
    """A /proc/iomem with one to four pieces of RAM, and pieces of them kept under any name."""
    lines = []
    at = chosen.randrange(0, 4) * 64 * MIB
    for _ in range(chosen.randint(1, 4)):
        size = chosen.randrange(1, 200) * MIB + chosen.randrange(3) * PAGE
        lines.append(f"{at:08x}-{at + size - 1:08x} : System RAM")
        inner = at
        for _ in range(chosen.randrange(5)):
            inner += chosen.randrange(1, 40 * MIB)
            kept = chosen.randrange(1, 20 * MIB)
            if inner + kept > at + size:
                break
            lines.append(f"  {inner:08x}-{inner + kept - 1:08x} : {chosen.choice(KEPT)}")
            lines.append(f"    {inner:08x}-{inner + PAGE - 1:08x} : reserved")
            inner += kept
        at += size + chosen.randrange(1, 100) * MIB
        lines.append(f"{at:08x}-{at + 255:08x} : serial")
        at += MIB
    return "\n".join(lines) + "\n"


@EVERY
def test_what_is_placed_boots_by_the_kernel_s_own_rules(
    architecture: Architecture, files: dict[Architecture, MemFile]
) -> None:
    """On 400 memory maps: everything has its place, or it is said that there is no room."""
    chosen = random.Random(18)
    placed = refused = 0
    initrd = files[Architecture.ARM64].fd
    for _ in range(400):
        iomem = memory_map(chosen)
        given = (initrd, chosen.randrange(1, 120 * MIB)) if chosen.random() < 0.8 else None
        made = parts(architecture, given, fd=files[architecture].fd)
        try:
            layout = place(made, iomem)
        except Refused as error:
            assert "No free memory for" in error.message
            assert error.hint
            refused += 1
            continue
        placed += 1
        check_segments(layout, architecture, iomem)
        check_rules(architecture, made, layout)
    assert placed > 100
    assert refused > 20


def check_rules(architecture: Architecture, made: Parts, layout: Layout) -> None:
    """What the architecture's boot protocol asks for, said again in another way."""
    found = named(layout)
    kernel = found["kernel"]
    assert kernel.room >= (made.image.memory_size or 0)
    above = [s.address for s in layout.segments if s.what != "kernel"]
    if architecture is Architecture.ARM64:
        assert (kernel.address - made.image.text_offset) % (2 * MIB) == 0
        assert layout.entry == found["entry code"].address
        address, tree = struct.unpack_from("<2Q", found["entry code"].content, 24)
        assert (address, tree) == (kernel.address, found["device tree"].address)
    else:
        assert kernel.address % (2 * MIB) == 0
        assert all(address > kernel.address for address in above)
    if architecture is Architecture.LOONGARCH64:
        entry, linked = struct.unpack_from("<Q8xQ", KERNELS[architecture], 8)
        assert layout.entry - kernel.address == entry - linked
        assert kernel.address >= made.image.text_offset
        line = found["command line"].content.split(b"\0")[0].decode()
        words = re.fullmatch(r"kexec (?:initrd=(0x\w+),(0x\w+) )?quiet", line)
        assert words is not None
        if made.initrd is not None:
            place_of_initrd = (int(words[1], 16), int(words[2], 16))
            assert place_of_initrd == (found["initrd"].address, made.initrd[1])
        return
    tree_segment = found["device tree"]
    last = tree_segment.address + tree_segment.size - 1
    assert tree_segment.address // (2 * MIB) == last // (2 * MIB)
    if architecture is Architecture.RISCV64:
        assert layout.entry == kernel.address
        end = -(-(kernel.address + kernel.room) // (2 * MIB)) * 2 * MIB
        assert all(address >= end for address in above)


@EVERY
def test_ranges_that_are_too_small_are_told_with_what_had_no_room(
    architecture: Architecture,
) -> None:
    ram = "{:08x}-{:08x} : System RAM\n".format
    with pytest.raises(Refused, match="No free memory for the kernel"):
        place(parts(architecture), ram(64 * MIB, 64 * MIB + 4095))
    one = 64 * MIB
    with pytest.raises(Refused, match="No free memory for the initrd"):
        place(parts(architecture, (-1, 32 * MIB)), ram(one, one + 24 * MIB - 1))
    with pytest.raises(Refused, match="No free memory for the kernel"):
        place(parts(architecture), "")


@EVERY
def test_an_image_of_another_kind_has_no_place(architecture: Architecture) -> None:
    other = next(a for a in BUILDERS if a is not architecture)
    placer = placer_for(architecture.facts.machines[0])
    with pytest.raises(Blocked, match=f"not an Image for {architecture}"):
        placer(parts(other), free_ranges(MEMORY[architecture]))
    odd = bytearray(KERNELS[architecture])
    struct.pack_into("<Q", odd, 0x18 if architecture is Architecture.LOONGARCH64 else 8, 0x123)
    with pytest.raises(Blocked, match=r"invalid (text|load) offset"):
        place(parts(architecture, kernel=bytes(odd)), MEMORY[architecture])


def test_loongarch64_takes_no_longer_line_than_its_kernel_copies() -> None:
    line = b"x" * 4089 + b"\0"
    layout = place(parts(Architecture.LOONGARCH64, cmdline=line), MEMORY[Architecture.LOONGARCH64])
    assert named(layout)["command line"].content == b"kexec " + line
    with pytest.raises(Blocked, match="is 4097 bytes long with what kexec adds to it"):
        place(
            parts(Architecture.LOONGARCH64, cmdline=b"y" + line),
            MEMORY[Architecture.LOONGARCH64],
        )


@EVERY
def test_a_simulated_machine_has_a_place_for_everything(
    architecture: Architecture, tmp_path: Path
) -> None:
    write_machine(tmp_path, SimulatedMachine(architecture.facts.machines[0], "6.1.0", "quiet"))
    with MemFile("kernel") as kernel, MemFile("initrd") as initrd:
        kernel.write(KERNELS[architecture])
        initrd.write(b"initrd")
        request = LoadRequest(kernel.fd, "k", initrd.fd, "i", "quiet", call=Call.LOAD)
        layout = lay_out(read_host(tmp_path), request)
        check_segments(layout, architecture, MEMORY[architecture])
        (tmp_path / "proc/iomem").write_text("00000000-00000000 : System RAM\n")
        with pytest.raises(WarmbootError, match="does not say where memory is free"):
            lay_out(read_host(tmp_path), request)


@EVERY
def test_the_simulated_kernel_finds_what_is_wrong_with_segments(
    architecture: Architecture, files: dict[Architecture, MemFile]
) -> None:
    iomem = MEMORY[architecture]
    good = place(parts(architecture, (files[architecture].fd, 5), fd=files[architecture].fd), iomem)
    check_segments(good, architecture, iomem)

    def judged(*segments: Segment, entry: int = good.entry) -> int | None:
        try:
            check_segments(Layout(entry, segments), architecture, iomem)
        except KernelErrno as answer:
            return answer.code
        except SimulatedCrash:
            return -1
        return None

    found = named(good)
    kernel, initrd = found.pop("kernel"), found.pop("initrd")
    rest = list(found.values())
    moved = Segment("initrd", kernel.address, 5, PAGE, fd=initrd.fd)
    assert judged(kernel, moved, *rest) == 22
    odd = Segment("initrd", initrd.address + 1, 5, PAGE, fd=initrd.fd)
    assert judged(kernel, odd, *rest) == 99
    large = Segment("initrd", initrd.address, 2 * PAGE, PAGE, fd=initrd.fd)
    assert judged(kernel, large, *rest) == 22
    assert judged(*[kernel] * 17) == 22
    kept = next(r for r in holes(iomem))
    assert judged(kernel, Segment("initrd", kept, 5, PAGE, fd=initrd.fd), *rest) == -1
    assert judged(*good.segments, entry=0) == -1
    needed = {Architecture.RISCV64: 22, Architecture.LOONGARCH64: 22}
    if architecture in needed:
        assert judged(kernel, initrd) == needed[architecture]
    if architecture is Architecture.LOONGARCH64:
        short = Segment("command line", rest[0].address, 6, PAGE, content=b"kexec ")
        assert judged(kernel, initrd, short) == 22
        assert judged(kernel, Segment("initrd", MIB, 5, PAGE, fd=initrd.fd), *rest) == -1


def holes(iomem: str) -> Iterator[int]:
    """Addresses of kept pages, above the low memory that LoongArch's kernel uses itself."""
    for first, second in itertools.pairwise(free_ranges(iomem)):
        if first.end >= 2 * MIB and second.start > first.end:
            yield -(-first.end // PAGE) * PAGE


def test_a_device_tree_that_cannot_be_made_stops_it() -> None:
    def broken(_: tuple[int, int] | None) -> bytes:
        raise ImageError("no tree")

    made = parts(Architecture.RISCV64)
    with pytest.raises(ImageError, match="no tree"):
        place(Parts(made.image, made.kernel, None, b"\0", broken), MEMORY[Architecture.RISCV64])
