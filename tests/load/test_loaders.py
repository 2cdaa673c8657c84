"""kexec_load(2)'s segments and device tree, and kexec-tools as a program that is run."""

from __future__ import annotations

import struct
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import fdt
import pytest
from support.tools import needs_tool

from warmboot.core.errors import ImageError, Refused, WarmbootError
from warmboot.core.host import Host, read_host
from warmboot.core.images import BytesView, identify
from warmboot.core.images.rawimage import RawImage
from warmboot.core.load import kexec_tools
from warmboot.core.load.kexec_load import arm64
from warmboot.core.load.kexec_load.devicetree import LIMIT, check_tree, next_tree
from warmboot.core.load.kexec_load.memory import FreeMemory, Range, free_ranges
from warmboot.core.load.kexec_load.segments import Parts
from warmboot.core.load.loader import LoadFlags, LoadRequest
from warmboot.core.payload.memfile import MemFile
from warmboot.core.plan.request import Call
from warmboot.core.sandbox.builders.kernel import build_arm64_image
from warmboot.core.sandbox.machine import SimulatedMachine, write_machine

MIB = 1 << 20
IOMEM = """\
00000000-03ffffff : 0.flash flash@0
09000000-09000fff : pl011@9000000
40000000-5fffffff : System RAM
  40210000-417dffff : Kernel code
  417e0000-41a5ffff : reserved
  41a60000-41f3ffff : Kernel data
  48000000-4a9fcfff : reserved
  50000000-57ffffff : Crash kernel
80000000-800fffff : System RAM
"""


def test_free_memory_is_ram_that_nothing_keeps() -> None:
    assert free_ranges(IOMEM) == [
        Range(0x40000000, 0x40210000),
        Range(0x41F40000, 0x48000000),
        Range(0x4A9FD000, 0x50000000),
        Range(0x58000000, 0x60000000),
        Range(0x80000000, 0x80100000),
    ]
    hidden = "00000000-00000000 : System RAM\n  00000000-00000000 : Kernel code\n"
    assert free_ranges(hidden) == []
    assert free_ranges("no such lines\n-: \n") == []


def test_room_is_taken_lowest_first_and_never_twice() -> None:
    room = FreeMemory([Range(3 * MIB, 9 * MIB), Range(32 * MIB, 64 * MIB)])
    first = room.take(MIB, "a", align=2 * MIB, offset=0x80000, below=1 << 48)
    assert first == 4 * MIB + 0x80000
    assert room.take(6 * MIB, "b", align=2 * MIB, below=1 << 48) == 32 * MIB
    assert room.take(4096, "c", align=4096, below=1 << 48) == 3 * MIB
    with pytest.raises(Refused, match=r"No free memory for d: .* \(EADDRNOTAVAIL\)"):
        room.take(16 * MIB, "d", align=4096, below=33 * MIB)


def tree(**chosen: bytes) -> bytes:
    made = fdt.FDT()
    made.header.version = 17
    made.root = fdt.Node("/")
    made.root.append(fdt.PropStrings("compatible", "a,board"))
    made.root.append(fdt.Property("dma-coherent"))
    node = fdt.Node("chosen")
    for name, value in chosen.items():
        node.append(fdt.PropBytes(name.replace("__", ",").replace("_", "-"), data=value))
    made.root.append(node)
    return bytes(made.to_dtb(version=17))


def chosen_of(blob: bytes) -> dict[str, bytes]:
    """Read /chosen with dtc's own program, which shares no code with what wrote it."""
    path = Path("/dev/stdin")
    names = subprocess.run(
        [needs_tool("fdtget"), "-p", path, "/chosen"], input=blob, capture_output=True, check=True
    )
    found = {}
    for name in names.stdout.decode().split():
        raw = subprocess.run(
            ["fdtget", "-t", "bx", path, "/chosen", name],
            input=blob,
            capture_output=True,
            check=True,
        )
        found[name] = bytes(int(byte, 16) for byte in raw.stdout.split())
    return found


def test_the_next_device_tree_has_its_own_chosen() -> None:
    old = tree(
        bootargs=b"old\0",
        kaslr_seed=bytes(8),
        stdout_path=b"/pl011\0",
        linux__initrd_start=bytes(4),
        linux__elfcorehdr=bytes(16),
    )
    new = chosen_of(next_tree(old, "x.dtb", b"quiet \xc3\xa9\0", (0x48000000, 0x48000123)))
    assert new.keys() == {
        *("bootargs", "stdout-path", "kaslr-seed", "rng-seed"),
        *("linux,initrd-start", "linux,initrd-end"),
    }
    assert new["bootargs"] == b"quiet \xc3\xa9\0"
    assert new["linux,initrd-end"] == struct.pack(">Q", 0x48000123)
    assert any(new["kaslr-seed"])
    assert len(new["rng-seed"]) == 128
    without = chosen_of(next_tree(old, "x.dtb", b"\0", None))
    assert "linux,initrd-start" not in without


def test_all_but_chosen_stays_as_it_was_and_nops_are_read_over() -> None:
    old = tree(bootargs=b"a\0")
    start, strings = struct.unpack_from(">II", old, 8)
    nops = struct.pack(">2I", 4, 4)
    with_nops = bytearray(old[: strings - 4] + nops + old[strings - 4 :])
    struct.pack_into(">I", with_nops, 4, len(with_nops))
    struct.pack_into(">I", with_nops, 12, strings + len(nops))
    struct.pack_into(">I", with_nops, 36, strings + len(nops) - start)
    assert start < strings
    made = fdt.parse_dtb(next_tree(bytes(with_nops), "x", b"b\0", None))
    assert made.root.get_property("compatible").value == "a,board"
    assert made.root.exist_property("dma-coherent")


@pytest.mark.parametrize("cut", [0, 3, 27, 39, 60, 100])
def test_a_damaged_device_tree_is_an_error_with_its_name(cut: int) -> None:
    with pytest.raises(ImageError, match=r"x\.dtb is not a device tree"):
        check_tree(tree(bootargs=b"a\0")[:cut], "x.dtb")


def test_hostile_device_trees_end_in_an_error() -> None:
    good = tree(bootargs=b"a\0")
    for position in range(0, len(good) - 4, 4):
        bad = good[:position] + b"\xff\xff\xff\xf0" + good[position + 4 :]
        try:
            check_tree(bad, "x")
        except ImageError as error:
            assert error.hint
    with pytest.raises(ImageError, match="larger"):
        check_tree(good + bytes(LIMIT), "x")


def test_the_initrd_s_place_is_told_in_the_device_tree() -> None:
    kernel = build_arm64_image("6.12.1", body_size=60_000)
    image = identify(BytesView(kernel))
    assert isinstance(image, RawImage)

    def made(ends: tuple[int, int] | None) -> bytes:
        return next_tree(tree(), "x", b"quiet\0", ends)

    parts = Parts(image, (4, len(kernel)), (5, 70_001), b"quiet\0", made)
    by_name = {s.what: s for s in arm64.place(parts, free_ranges(IOMEM)).segments}
    given = chosen_of(by_name["device tree"].content)
    start = struct.unpack(">Q", given["linux,initrd-start"])[0]
    end = struct.unpack(">Q", given["linux,initrd-end"])[0]
    assert (start, end - start) == (by_name["initrd"].address, 70_001)


def test_arm64_looks_for_its_initrd_within_32_gib() -> None:
    kernel = build_arm64_image("6.12.1", body_size=60_000)
    image = identify(BytesView(kernel))
    assert isinstance(image, RawImage)
    parts = Parts(image, (4, len(kernel)), (5, 128 * MIB), b"\0", lambda _: tree())
    with pytest.raises(Refused, match="No free memory for the initrd"):
        arm64.place(parts, [Range(0, 64 * MIB), Range(40 << 30, (40 << 30) + 128 * MIB)])
    both = arm64.place(parts, [Range(0, 64 * MIB), Range(40 << 30, 41 << 30)])
    assert all(s.address >= 40 << 30 for s in both.segments if s.what in ("kernel", "initrd"))


@pytest.fixture
def program(tmp_path: Path) -> Callable[[str], Host]:
    """A machine whose kexec(8) is a script."""
    write_machine(tmp_path, SimulatedMachine("riscv64", "6.1.0", "root=/dev/vda1"))

    def make(script: str) -> Host:
        path = tmp_path / "kexec"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        host = read_host(tmp_path)
        return replace(host, kexec_tools=str(path), config={"KEXEC": "y"})

    return make


VERSION = '[ "$1" = --version ] && { echo "kexec-tools 2.0.25"; exit; }\n'


def test_kexec_tools_reads_the_very_files_that_are_open(
    program: Callable[[str], Host], tmp_path: Path
) -> None:
    said = tmp_path / "said"
    host = program(f'{VERSION}for a; do echo "$a"; done >{said}\ncat "$3" >>{said}')
    with MemFile("kernel") as kernel, MemFile("initrd") as initrd:
        kernel.write(b"KERNEL")
        request = LoadRequest(
            kernel.fd, "k", initrd.fd, "i", "a  b'c", LoadFlags.ON_CRASH, Call.TOOLS
        )
        kexec_tools.load(host, request)
        path = f"--initrd=/proc/self/fd/{initrd.fd}"
    lines = said.read_text().splitlines()
    assert lines[:2] == ["--load-panic", "--kexec-syscall"]
    assert lines[3:] == [path, "--command-line=a  b'c", "KERNEL"]


def test_kexec_tools_leaves_out_a_call_that_proved_to_be_missing(
    program: Callable[[str], Host], tmp_path: Path
) -> None:
    host = replace(program(f'{VERSION}echo "$2" >{tmp_path}/said'), config=None)
    with MemFile("kernel") as kernel:
        request = LoadRequest(kernel.fd, "k", None, None, "quiet", call=Call.TOOLS)
        for known, said in ((True, "--kexec-file-syscall"), (False, "--kexec-syscall")):
            kexec_tools.load(host, replace(request, file_call=known))
            assert (tmp_path / "said").read_text() == f"{said}\n"


def test_what_kexec_tools_said_is_shown(program: Callable[[str], Host]) -> None:
    host = program(f'{VERSION}echo "cannot load \033[31mthat" >&2; exit 255')
    with MemFile("kernel") as kernel:
        request = LoadRequest(kernel.fd, "k", None, None, "quiet", call=Call.TOOLS)
        with pytest.raises(WarmbootError, match="ended with 255: cannot load") as caught:
            kexec_tools.load(host, request)
        assert "\033" not in caught.value.message


@pytest.mark.parametrize(
    ("script", "message"),
    [('echo "kexec-tools 2.0.4"', "too old"), ('echo "something"', "does not say")],
)
def test_another_or_an_old_program_is_not_run(
    program: Callable[[str], Host], script: str, message: str
) -> None:
    with (
        MemFile("kernel") as kernel,
        pytest.raises(WarmbootError, match=message),
    ):
        request = LoadRequest(kernel.fd, "k", None, None, "", call=Call.TOOLS)
        kexec_tools.load(program(script), request)
