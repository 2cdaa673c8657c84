"""A boot image with a parser in it is the same boot image; anything else is refused."""

from __future__ import annotations

import random
import resource
import struct
from collections.abc import Callable
from pathlib import Path

import pefile
import pytest
from support.parser_objects import build_parser

from warmboot.core.bpf.envelope import EnvelopeReport, envelope
from warmboot.core.bpf.verify_envelope import check_unchanged
from warmboot.core.errors import ImageError
from warmboot.core.images import BytesView, ImageFile, identify
from warmboot.core.images.zboot import Zboot
from warmboot.core.payload.memfile import MemFile
from warmboot.core.payload.unpack import unpack
from warmboot.core.sandbox.builders.kernel import build_arm64_image
from warmboot.core.sandbox.builders.pe import (
    DATA,
    READ,
    TEXT,
    PeSection,
    build_certificate,
    build_pe,
)
from warmboot.core.sandbox.builders.zboot import build_zboot

KERNEL = build_arm64_image("6.12.1-envelope", body_size=300_000)
PARSER = build_parser()


def zboot(**options: object) -> bytes:
    return build_zboot(KERNEL, arch="arm64", **{"method": "gzip", **options})  # type: ignore[arg-type]


def put(
    image: bytes, parser: bytes = PARSER, *, replace: bool = False
) -> tuple[bytes, EnvelopeReport]:
    out = bytearray()
    report = envelope(BytesView(image), parser, out.extend, replace=replace)
    check_unchanged(BytesView(image), BytesView(bytes(out)), parser)
    assert report.size == len(out)
    return bytes(out), report


def pe(data: bytes) -> pefile.PE:
    return pefile.PE(data=data, fast_load=True)


@pytest.mark.parametrize("method", ["gzip", "zstd", "xz"])
def test_the_section_is_where_the_interface_wants_it(method: str) -> None:
    image = zboot(method=method)
    result, report = put(image)
    before, after = pe(image), pe(result)
    own, last = after.sections[-1], before.sections[-1]
    assert own.Name == b".bpf\0\0\0\0"
    assert own.Characteristics == 0x40000000
    assert own.Misc_VirtualSize == own.SizeOfRawData == len(PARSER)
    assert own.get_data() == PARSER
    assert own.VirtualAddress == -(-(last.VirtualAddress + last.Misc_VirtualSize) // 4096) * 4096
    assert own.PointerToRawData == -(-len(image) // 512) * 512 == report.parser_offset
    header = after.OPTIONAL_HEADER
    assert header.SizeOfImage >= own.VirtualAddress + len(PARSER)
    assert header.SizeOfImage % header.SectionAlignment == 0
    assert after.verify_checksum()
    assert len(after.sections) == len(before.sections) + 1
    found = identify(BytesView(result))
    assert isinstance(found, Zboot)
    assert found.has_parser
    with MemFile("test") as memory:
        assert unpack(BytesView(result), found.stream, memory).release == "6.12.1-envelope"  # type: ignore[arg-type]


REAL = [*(f"arm64-6.12-{m}.vmlinuz.efi" for m in ("gzip", "zstd")), "arm64-6.12.Image"]


@pytest.mark.parametrize("name", [*REAL, "loong64-7.2-zstd.vmlinuz.efi"])
def test_real_images(image_file: Callable[[str], Path], name: str) -> None:
    image = image_file(name).read_bytes()
    result, report = put(image)
    assert report.moved == 0
    assert pe(result).verify_checksum()


def test_content_moves_where_the_table_cannot_grow_and_the_payload_is_still_found() -> None:
    # Two sections, and headers of 0x148 bytes in 0x160: no room for the third entry.
    image = bytearray(zboot(header_size=0))
    first = pe(bytes(image)).sections[0].PointerToRawData
    room = 0x160
    squeezed = _squeeze(bytes(image), first, room)
    result, report = put(squeezed)
    assert report.moved > 0
    assert report.payload_offset == struct.unpack_from("<I", squeezed, 8)[0] + report.moved
    assert struct.unpack_from("<I", result, 8)[0] == report.payload_offset
    found = identify(BytesView(result))
    with MemFile("test") as memory:
        assert unpack(BytesView(result), found.stream, memory).size == len(KERNEL)  # type: ignore[arg-type]


def _squeeze(image: bytes, first: int, room: int) -> bytes:
    """Move the content of an image forward to `room`, with a FileAlignment of 0x20 to match."""
    delta = first - room
    head = bytearray(image[:room])
    table = pe(image).sections[0].get_file_offset()
    for at in (table + 20, table + 60):
        struct.pack_into("<I", head, at, struct.unpack_from("<I", head, at)[0] - delta)
    struct.pack_into("<I", head, 8, struct.unpack_from("<I", head, 8)[0] - delta)
    struct.pack_into("<I", head, 0x40 + 24 + 36, 0x20)
    struct.pack_into("<I", head, 0x40 + 24 + 60, room)
    return bytes(head) + image[first:]


def test_a_table_that_cannot_grow_without_harm_is_refused() -> None:
    image = bytearray(zboot(header_size=0))
    end = pe(bytes(image)).sections[-1].get_file_offset() + 40
    image[end + 8] = 1
    with pytest.raises(ImageError, match="would overwrite"):
        put(bytes(image))


def test_a_parser_is_replaced_only_where_asked_and_then_exactly() -> None:
    image = zboot()
    once, _ = put(image)
    with pytest.raises(ImageError, match="already") as caught:
        put(once)
    assert "--replace" in (caught.value.hint or "")
    bigger = build_parser(record=20 << 20) + bytes(5000)
    again, report = put(once, bigger, replace=True)
    assert report.replaced == len(PARSER)
    assert again == put(image, bigger)[0]
    assert put(again, PARSER, replace=True)[0] == once


def test_a_signature_goes_and_is_reported() -> None:
    image = zboot(certificates=build_certificate(b"0\x82" + bytes(500)))
    result, report = put(image)
    assert report.signature_lost
    directory = pe(result).OPTIONAL_HEADER.DATA_DIRECTORY[4]
    assert (directory.VirtualAddress, directory.Size) == (0, 0)
    assert len(result) == report.size


def test_data_behind_the_sections_is_kept() -> None:
    trailing = b"appended by a build system" * 40
    result, report = put(zboot() + trailing)
    assert result.endswith(trailing)
    assert report.trailing == len(trailing)


def test_a_payload_outside_every_section_is_an_error() -> None:
    image = bytearray(zboot())
    struct.pack_into("<II", image, 8, len(image), 1000)
    with pytest.raises(ImageError, match="in no section"):
        put(bytes(image) + bytes(4096))


@pytest.mark.parametrize(
    ("offset", "value"), [(36, 0x1FF), (36, 0), (32, 0x1001), (32, 0x80000000)]
)
def test_impossible_alignments_are_refused(offset: int, value: int) -> None:
    image = bytearray(zboot())
    struct.pack_into("<I", image, 0x40 + 24 + offset, value)
    with pytest.raises(ImageError):
        put(bytes(image))


@pytest.mark.parametrize("data", [b"", b"MZ", KERNEL[:64] + bytes(64), b"\x7fELF" * 50])
def test_what_is_no_pe_file_is_refused(data: bytes) -> None:
    with pytest.raises(ImageError):
        put(data)


def test_mutated_headers_never_give_a_wrong_file() -> None:
    image = zboot(header_size=0)
    chance = random.Random(6)
    refused = 0
    for _ in range(600):
        broken = bytearray(image)
        for _ in range(chance.choice((1, 1, 2, 4))):
            at = chance.randrange(0x180)
            broken[at] = chance.choice((0, 1, 0x7F, 0xFF, chance.randrange(256)))
        try:
            put(bytes(broken))  # compares with the original itself
        except ImageError:
            refused += 1
    assert 50 < refused < 550


@pytest.mark.parametrize(
    ("what", "at"),
    [("header", 0x90), ("characteristics", -1), ("section", 0x2000), ("parser", -2), ("sum", -3)],
)
def test_the_check_sees_every_difference(what: str, at: int) -> None:
    image = zboot()
    out, report = put(image)
    result = bytearray(out)
    table = pe(out).sections[-1].get_file_offset()
    places = {-1: table + 39, -2: report.parser_offset + 5, -3: 0x40 + 24 + 64}
    result[places.get(at, at)] ^= 1
    with pytest.raises(ImageError, match="differs"):
        check_unchanged(BytesView(image), BytesView(bytes(result)), PARSER)


def test_sections_of_other_pe_files_stay_as_they_are() -> None:
    sections = [
        PeSection(".text", random.Random(1).randbytes(5000), TEXT),
        PeSection(".bss", b"", DATA | READ, memory_size=70_000),
        PeSection(".sbat", b"sbat,1\n", READ),
    ]
    for arch in ("x86-64", "x86"):
        result, report = put(build_pe(arch, sections))
        assert pe(result).verify_checksum()
        assert report.payload_offset is None


def test_it_streams(tmp_path: Path) -> None:
    body = PeSection(".text", random.Random(2).randbytes(1 << 20) * 96, TEXT)
    path = tmp_path / "large.efi"
    path.write_bytes(build_pe("arm64", [body], checksum=False))
    del body
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with ImageFile.open(path) as file, MemFile("result") as result:
        envelope(file.view, PARSER, result.write)
        check_unchanged(file.view, result.view(), PARSER)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 16 << 10  # KiB
