"""Every way a parser can end, run on this machine's kernel.

The program is compiled as it is, with stand-ins for what only a kernel with the interface has
(tests/bpf/endings.c); so its calls can fail, and what it does then is seen.
"""

from __future__ import annotations

import ctypes
import errno
import struct
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.stand_ins import compile_with_stand_ins

from warmboot.core.bpf.abi import MAPS, SMALLEST_RING, Dialect, Kind
from warmboot.core.bpf.bpf_syscall import Loaded, LoadError, Ring, _call, load
from warmboot.core.bpf.dialects import facts_of
from warmboot.core.bpf.refusal import Refusal
from warmboot.core.bpf.sizes import Sizes
from warmboot.core.bpf.toolchain import Recipe, sources

RUN = struct.Struct("<8I144s128s")  # struct run
CALL = struct.Struct("<I16s4x")
HEADER = facts_of(Dialect.V6).header
NOTHING = HEADER.pack(2, 1, 8) + bytes(8)
STREAM = bytes(range(1, 33))
ZBOOT = struct.pack("<4s4sII", b"MZ\0\0", b"zimg", 64, 32).ljust(64, b"\0") + STREAM
WHOLE = HEADER.pack(1, 1, 32) + STREAM
_OBJECT_INFO = 15  # BPF_OBJ_GET_INFO_BY_FD


@dataclass
class Ending:
    """What the program asked of the kernel: the begin of each command, and the context's use."""

    commands: list[bytes]
    gets: int
    puts: int


class Program:
    """The program with its stand-ins, loaded."""

    def __init__(self, loaded: Loaded) -> None:
        self._loaded = loaded

    def ring(self, place: int) -> Ring:
        return Ring(self._loaded.maps[place], SMALLEST_RING)

    def verified(self) -> int:
        """How many instructions the verifier went through (verified_insns of bpf_prog_info)."""
        room = ctypes.create_string_buffer(256)
        _call(_OBJECT_INFO, struct.pack("<IIQ", self._loaded.program, 232, ctypes.addressof(room)))
        return int(struct.unpack_from("<I", room.raw, 216)[0])

    def close(self) -> None:
        self._loaded.close()

    def run(
        self,
        image: bytes,
        *,
        size: int | None = None,
        without_image: bool = False,
        without_context: bool = False,
        failures: tuple[int, int] = (0, 0),
    ) -> Ending:
        claimed = len(image) if size is None else size
        context = bytearray(
            RUN.pack(claimed, without_image, without_context, *failures, 0, 0, 0, b"", image)
        )
        self._loaded.run(context)
        gets, puts, calls = struct.unpack_from("<3I", context, 20)
        found = [CALL.unpack_from(context, 32 + CALL.size * n) for n in range(calls)]
        return Ending([head[: min(length, 16)] for length, head in found], gets, puts)


def load_program(folder: Path, kind: Kind, sizes: Sizes, dialect: Dialect = Dialect.V6) -> Program:
    arrays = compile_with_stand_ins("endings.c", Recipe(dialect, kind, sizes), folder)
    try:
        return Program(load(*arrays, len(MAPS)))
    except LoadError as error:
        if error.code in (errno.EPERM, errno.EACCES, errno.ENOSYS) and not error.log:
            pytest.skip(f"this kernel loads no BPF here: {error}")
        raise AssertionError(error.log[-3000:]) from error


@pytest.fixture(scope="module")
def zboot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    program = load_program(tmp_path_factory.mktemp("zboot"), Kind.ZBOOT, Sizes(4096, SMALLEST_RING))
    yield program
    program.close()


def test_the_payload_is_handed_over_once(zboot: Program) -> None:
    assert zboot.run(ZBOOT) == Ending([WHOLE[:16]], gets=1, puts=1)


@pytest.mark.parametrize(
    ("image", "size"),
    [
        (b"XZ" + ZBOOT[2:], None),
        (ZBOOT[:4] + b"zimh" + ZBOOT[8:], None),
        (ZBOOT, 95),
        (ZBOOT, 63),
        (ZBOOT, 0),
        (ZBOOT, -1),
        (ZBOOT[:12] + b"\x03" + ZBOOT[13:], None),
        (ZBOOT[:8] + b"\xff\xff\xff\xff" + ZBOOT[12:], None),
        (ZBOOT[:12] + b"\xff\xff\xff\xff" + ZBOOT[16:], None),
        (ZBOOT[:12] + struct.pack("<I", 4089) + ZBOOT[16:], 1 << 20),
    ],
    ids=["magic", "zimg", "cut", "short", "empty", "negative", "small", "offset", "size", "record"],
)
def test_what_cannot_be_taken_apart_ends_the_kernels_loop(
    zboot: Program, image: bytes, size: int | None
) -> None:
    found = zboot.run(image, size=None if size is None else size & 0xFFFFFFFF)
    assert found == Ending([NOTHING], gets=1, puts=1)


def test_no_image_at_all(zboot: Program) -> None:
    assert zboot.run(ZBOOT, without_image=True) == Ending([NOTHING], gets=1, puts=1)


def test_a_command_that_the_kernel_does_not_take(zboot: Program) -> None:
    assert zboot.run(ZBOOT, failures=(0, 1)) == Ending([WHOLE[:16], NOTHING], gets=2, puts=2)
    assert zboot.run(ZBOOT, failures=(0, 2)) == Ending([WHOLE[:16], NOTHING], gets=2, puts=2)


def test_no_context_means_no_command_and_nothing_to_put_back(zboot: Program) -> None:
    assert zboot.run(ZBOOT, without_context=True) == Ending([], gets=2, puts=0)


def test_records_are_given_back_in_every_ending(zboot: Program) -> None:
    """The rings hold fifteen records: one that was kept would be missed soon."""
    with ExitStack() as held:
        rings = [held.enter_context(closing(zboot.ring(place))) for place in (0, 1)]
        for number in range(100):
            image = ZBOOT if number % 3 else ZBOOT[:32]
            zboot.run(image, failures=(0, number % 2), without_context=number % 5 == 0)
            for ring in rings:
                assert ring.take() == []  # discarded, each of them
                ring.free()
    assert zboot.run(ZBOOT) == Ending([WHOLE[:16]], gets=1, puts=1)


@pytest.mark.parametrize(
    ("dialect", "kind"),
    [
        (Dialect.V6, Kind.ZBOOT),
        (Dialect.V6, Kind.COPY),
        (Dialect.V7, Kind.ZBOOT),
        (Dialect.V7, Kind.UKI),
        (Dialect.V7, Kind.INNER),
    ],
    ids=["v6-zboot", "v6-copy", "v7-zboot", "v7-uki", "v7-inner"],
)
def test_the_verifier_is_far_from_its_limit(dialect: Dialect, kind: Kind, tmp_path: Path) -> None:
    """A million instructions is the limit of every kernel; older ones go through more of them."""
    program = load_program(tmp_path, kind, Sizes(4096, SMALLEST_RING), dialect)
    assert 0 < program.verified() < 20_000
    program.close()


def test_a_ring_too_small_for_the_record(tmp_path: Path) -> None:
    program = load_program(tmp_path, Kind.ZBOOT, Sizes(SMALLEST_RING, SMALLEST_RING))
    assert program.run(ZBOOT) == Ending([NOTHING], gets=1, puts=1)
    program.close()


def test_a_copy_is_no_pe_file_any_more(tmp_path: Path) -> None:
    program = load_program(tmp_path, Kind.COPY, Sizes(4096, SMALLEST_RING))
    image = b"PE\0\0Image!" + bytes(50) + struct.pack("<I", 0) + bytes(64)
    assert program.run(image[:128]) == Ending(
        [HEADER.pack(2, 1, 128) + b"\0\0\0\0Imag"], gets=1, puts=1
    )
    program.close()


def test_v7_says_done_only_behind_all_else(tmp_path: Path) -> None:
    program = load_program(tmp_path, Kind.ZBOOT, Sizes(4096, SMALLEST_RING), Dialect.V7)
    header = facts_of(Dialect.V7).header
    whole = [
        header.pack(4, 1, 0, len(ZBOOT), 0) + ZBOOT[:6],
        header.pack(2, 1, 0, 32, 0) + STREAM[:6],
        header.pack(1, 0, 0, 0, 0),
    ]
    assert program.run(ZBOOT) == Ending(whole, gets=1, puts=1)
    for first in range(3):
        found = program.run(ZBOOT, failures=(first, first + 1))
        assert found == Ending(whole[: first + 1], gets=1, puts=1)
    assert program.run(ZBOOT, without_context=True) == Ending([], gets=1, puts=0)
    for image in (b"XZ" + ZBOOT[2:], ZBOOT[:40]):
        assert program.run(image, size=len(image)) == Ending([], gets=0, puts=0)
    assert program.run(ZBOOT, without_image=True) == Ending([], gets=0, puts=0)
    program.close()


def test_the_trace_log_names_every_cause_in_the_operators_words() -> None:
    text = sources()["refusal.h"]
    for refusal in Refusal:
        assert f'case {refusal.name}:\n\t\tbpf_printk("warmboot: {refusal.text}");' in text
