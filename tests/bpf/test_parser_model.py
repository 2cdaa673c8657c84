"""The model of our parsers agrees with the reader of zboot images, on sound and broken ones."""

from __future__ import annotations

import random
import struct

import pytest

from warmboot.core.bpf.abi import Action, Dialect, Kind, Target
from warmboot.core.bpf.parser_model import run_model
from warmboot.core.bpf.refusal import Outcome, Refusal
from warmboot.core.errors import ImageError
from warmboot.core.images import BytesView
from warmboot.core.images.zboot import Zboot, payload_range
from warmboot.core.sandbox.builders.kernel import build_arm64_image
from warmboot.core.sandbox.builders.pe import READ, PeSection, build_pe
from warmboot.core.sandbox.builders.uki import build_uki
from warmboot.core.sandbox.builders.zboot import build_zboot

KERNEL = build_arm64_image("6.12.1-model", body_size=20_000)
ZBOOTS = [build_zboot(KERNEL, arch="arm64", method=method) for method in ("gzip", "zstd", "lz4")]
ROOM = 1 << 20
INTERESTING = (0, 1, 3, 4, 0x3F, 0x40, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFC0)


def v6(image: bytes, kind: Kind = Kind.ZBOOT, record: int = ROOM) -> Outcome:
    return run_model(BytesView(image), Dialect.V6, kind, record)


@pytest.mark.parametrize("image", ZBOOTS, ids=["gzip", "zstd", "lz4"])
def test_the_exact_stream_is_handed_over(image: bytes) -> None:
    outcome = v6(image)
    stream = Zboot.parse(BytesView(image)).stream
    assert stream is not None
    (command,) = outcome.commands
    assert (command.action, command.target) == (Action.DECOMPRESS, Target.KERNEL)
    assert command.payload == image[stream.offset : stream.offset + stream.size]
    assert outcome.refusal is None


def test_verdicts_and_streams_agree_on_broken_images() -> None:
    chance = random.Random(2026)
    accepted = 0
    for _ in range(4000):
        image = bytearray(chance.choice(ZBOOTS))
        for _ in range(chance.choice((0, 1, 1, 2))):
            at = chance.choice((0, 4, 8, 8, 12, 12, 0x18, chance.randrange(0x40)))
            value = chance.choice((*INTERESTING, len(image), chance.randrange(1 << 32)))
            struct.pack_into("<I", image, at, value & 0xFFFFFFFF)
        if chance.random() < 0.2:
            del image[chance.randrange(len(image)) :]
        view = BytesView(bytes(image))
        try:
            if not Zboot.matches(bytes(image[:4096])):
                raise ImageError("no zboot")
            expected = payload_range(view)
        except ImageError:
            expected = None
        outcome = v6(bytes(image))
        assert (outcome.refusal is None) is (expected is not None)
        (command,) = outcome.commands
        if expected is None:
            assert (command.action, command.payload) == (Action.COPY, bytes(8))
        else:
            offset, size = expected
            assert command.payload == image[offset : offset + size]
            accepted += 1
    assert 800 < accepted < 3200


@pytest.mark.parametrize(
    ("offset", "value", "refusal"),
    [
        (0, 0, Refusal.NOT_ZBOOT),
        (4, 0, Refusal.NOT_ZBOOT),
        (8, 0x3F, Refusal.OUTSIDE),
        (8, 0xFFFFFFFF, Refusal.OUTSIDE),
        (12, 0xFFFFFFFF, Refusal.OUTSIDE),
        (12, 3, Refusal.TOO_SMALL),
    ],
)
def test_refusals(offset: int, value: int, refusal: Refusal) -> None:
    image = bytearray(ZBOOTS[0])
    struct.pack_into("<I", image, offset, value)
    assert v6(bytes(image)).refusal is refusal


def test_the_record_is_the_limit() -> None:
    size = payload_range(BytesView(ZBOOTS[0]))[1]
    assert v6(ZBOOTS[0], record=size + 8).refusal is None
    assert v6(ZBOOTS[0], record=size + 7).refusal is Refusal.TOO_LARGE
    assert v6(b"MZ\0\0zimg").refusal is Refusal.TOO_SHORT
    assert v6(b"").refusal is Refusal.TOO_SHORT


def test_a_copy_is_no_pe_file_any_more() -> None:
    outcome = v6(KERNEL, Kind.COPY)
    (command,) = outcome.commands
    assert (command.action, command.target) == (Action.COPY, Target.KERNEL)
    assert len(command.payload) == len(KERNEL)
    assert command.payload != KERNEL
    assert [a for a, b in zip(KERNEL, command.payload, strict=True) if a != b] == list(b"PE")
    assert v6(KERNEL, Kind.COPY, len(KERNEL) + 7).refusal is Refusal.TOO_LARGE
    assert v6(b"abc", Kind.COPY).refusal is Refusal.TOO_SMALL


def test_v7_refuses_with_nothing_to_do() -> None:
    for kind in (Kind.ZBOOT, Kind.UKI):
        for image in (b"", bytes(100), b"\x7fELF\x02\x01\x01" + bytes(60), KERNEL[:90]):
            outcome = run_model(BytesView(image), Dialect.V7, kind, ROOM)
            assert outcome.commands == ()
            assert outcome.refusal is not None
    plain = build_pe("arm64", [PeSection(".text", b"x" * 900, READ)])
    assert run_model(BytesView(plain), Dialect.V7, Kind.UKI, ROOM).refusal is Refusal.NO_KERNEL


def test_v7_ends_with_done() -> None:
    uki = build_uki(
        arch="arm64", linux=ZBOOTS[0], initrd=b"i", cmdline="quiet", osrel="ID=x\n", uname="6"
    )
    for image, kind, targets in (
        (ZBOOTS[0], Kind.ZBOOT, [Target.KERNEL, Target.KERNEL, Target.NONE]),
        (uki, Kind.UKI, [Target.KERNEL, Target.KERNEL, *(Target(n) for n in (2, 3, 0))]),
    ):
        commands = run_model(BytesView(image), Dialect.V7, kind, ROOM).commands
        assert [command.target for command in commands] == targets
        assert commands[0].action is Action.VERIFY_SIG
        assert commands[0].payload == image
        assert commands[-1].action is Action.DONE
        assert [c.fill for c in commands].count(True) == (kind is Kind.UKI)


def test_a_parser_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(ImageError, match="no parser"):
        run_model(BytesView(b""), Dialect.V6, Kind.UKI, ROOM)
