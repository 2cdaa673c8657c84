"""Parser objects and the containers of dialect v7: what is written is read; the rest is refused."""

from __future__ import annotations

import io
import random
import struct
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from support.parser_objects import build_object, build_opts_data, build_parser

from warmboot.core.bpf.abi import MAPS
from warmboot.core.bpf.builder import build_container_file, build_envelope_file
from warmboot.core.bpf.container import build_container, write_envelope
from warmboot.core.errors import ImageError
from warmboot.core.images import BytesView, Format, ImageFile, identify
from warmboot.core.images.bpfcontainer import Envelope, ParserContainer
from warmboot.core.images.bpfobject import ParserObject
from warmboot.core.images.carried import carried_parser
from warmboot.core.sandbox.builders.elf import build_elf_kernel
from warmboot.core.sandbox.builders.kernel import build_arm64_image
from warmboot.core.sandbox.builders.uki import build_uki
from warmboot.core.sandbox.builders.zboot import build_zboot

DATA, CODE = build_opts_data(), bytes(range(200))
KERNEL = build_zboot(build_arm64_image("6.12.1", body_size=9000), arch="arm64", method="gzip")


def sections(data: bytes) -> dict[str, bytes]:
    return {s.name: s.data() for s in ELFFile(io.BytesIO(data)).iter_sections() if s.name}


def test_an_object_says_what_it_is() -> None:
    parser = identify(BytesView(build_parser(dialect=7, kind=3, record=5 << 20)))
    assert isinstance(parser, ParserObject)
    assert parser.format is Format.PARSER
    assert parser.identity is not None
    assert (parser.identity.dialect, parser.identity.kind) == (7, "UKI")
    assert parser.identity.record_size == 5 << 20
    assert [m.name.removeprefix("p") for m in parser.maps] == list(MAPS)
    assert [m.ring for m in parser.maps[:4]] == [32 << 20, 65536, 65536, 65536]
    labels = {fact.label: fact.value for fact in parser.describe()}
    assert labels["Parser dialect"] == "v7"
    assert labels["Parser made by"] == "warmboot"


def test_the_arrays_are_one_byte_shorter_than_their_symbols() -> None:
    image = build_object(DATA, CODE, machine=247)
    parser = ParserObject.parse(BytesView(image))
    for (offset, count), content in ((parser.data, DATA), (parser.code, CODE)):
        assert image[offset : offset + count] == content


def test_a_parser_of_another_tool_is_called_that() -> None:
    parser = ParserObject.parse(BytesView(build_object(build_opts_data(identity=False), CODE)))
    assert parser.identity is None
    assert "another tool" in [fact.value for fact in parser.facts()]


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (build_object(DATA, CODE, binding=0), "no global symbol opts_data"),
        (build_object(DATA, CODE, extra=5000), "does not fit"),
        (build_object(DATA, CODE, names=("opts_data", "other")), "no global symbol opts_insn"),
        (build_object(DATA, CODE)[:-30], "ends before"),
        (bytes(64), "ELF64"),
    ],
)
def test_broken_objects_are_refused(broken: bytes, message: str) -> None:
    with pytest.raises(ImageError, match=message):
        ParserObject.parse(BytesView(broken))


def test_an_image_shows_the_parser_it_carries() -> None:
    kernel = build_arm64_image("6.12.1", body_size=9000)
    good = build_zboot(kernel, arch="arm64", method="gzip", parser=build_parser())
    found = carried_parser(BytesView(good))
    assert found is not None
    assert found.parser is not None
    assert found.describe()[0].value == "3.4 KiB"
    bad = build_zboot(kernel, arch="arm64", method="gzip", parser=b"no parser at all")
    found = carried_parser(BytesView(bad))
    assert found is not None
    assert found.parser is None
    assert "unusable" in found.describe()[0].value
    assert carried_parser(BytesView(KERNEL)) is None
    assert carried_parser(BytesView(kernel)) is None


@pytest.mark.parametrize("count", [1, 3, 8])
def test_a_container_of_parsers(count: int) -> None:
    parsers = [build_parser(dialect=7, record=n << 20) for n in range(1, count + 1)]
    data = build_container(parsers)
    wanted = {f".bpf.{n}": parser for n, parser in enumerate(parsers, 1)}
    written = sections(data)
    written.pop(".shstrtab")
    assert written == wanted
    found = identify(BytesView(data))
    assert isinstance(found, ParserContainer)
    assert found.format is Format.PARSERS
    sizes = [p.identity.record_size >> 20 for p in found.parsers if p.identity]
    assert sizes == list(range(1, count + 1))


def test_containers_nest_four_deep() -> None:
    data = build_container([build_parser()])
    for _ in range(3):
        data = build_container([build_parser()], data)
    found = identify(BytesView(data))
    assert isinstance(found, ParserContainer)
    assert found.nested is not None
    assert any(fact.label.startswith("Nested: Nested: Nested: 1:") for fact in found.facts())
    with pytest.raises(ImageError, match="deeper"):
        build_container([build_parser()], data)


@pytest.mark.parametrize("count", [0, 9])
def test_a_container_has_one_to_eight(count: int) -> None:
    with pytest.raises(ImageError, match="1 to 8"):
        build_container([build_parser()] * count)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b".bpf.2\0", b".bpf.3\0", "out of place"),
        (b".bpf.2\0", b".bpf.1\0", "twice"),
        (b".bpf.1\0", b".text1\0", "out of place"),
        (b".shstrtab\0", b".shstrtax\0", "no .shstrtab"),
    ],
)
def test_foreign_sections_are_refused(old: bytes, new: bytes, message: str) -> None:
    data = build_container([build_parser()] * 2)
    head, tail = data[: data.rindex(old)], data[data.rindex(old) :]
    with pytest.raises(ImageError, match=message):
        ParserContainer.parse(BytesView(head + tail.replace(old, new, 1)))


def test_overlapping_sections_are_refused() -> None:
    data = bytearray(build_container([build_parser()] * 2))
    table = struct.unpack_from("<Q", data, 0x28)[0]
    data[table + 128 + 24 : table + 128 + 32] = data[table + 64 + 24 : table + 64 + 32]
    with pytest.raises(ImageError, match="overlaps"):
        ParserContainer.parse(BytesView(bytes(data)))


def test_an_envelope_holds_its_images_byte_for_byte(tmp_path: Path) -> None:
    initrd = random.Random(7).randbytes(70_001)
    (tmp_path / "kernel").write_bytes(KERNEL)
    (tmp_path / "initrd").write_bytes(initrd)
    target = tmp_path / "envelope"
    with ImageFile.open(tmp_path / "kernel") as kernel, ImageFile.open(tmp_path / "initrd") as file:
        count = build_envelope_file(kernel, target, initrd=file, cmdline="quiet e2e=ä")
    data = target.read_bytes()
    assert len(data) == count
    written = sections(data)
    assert written[".kernel"] == KERNEL
    assert written[".initrd"] == initrd
    assert written[".cmdline"] == "quiet e2e=ä\0".encode()
    found = identify(BytesView(data))
    assert isinstance(found, Envelope)
    assert found.cmdline == "quiet e2e=ä"
    section = found.find(".kernel")
    assert section is not None
    assert section.size == len(KERNEL)


def test_a_unified_image_goes_in_as_one(tmp_path: Path) -> None:
    uki = build_uki(
        arch="arm64", linux=KERNEL, initrd=b"x", cmdline="quiet", osrel="NAME=x\n", uname="6"
    )
    (tmp_path / "uki").write_bytes(uki)
    with ImageFile.open(tmp_path / "uki") as file:
        build_envelope_file(file, tmp_path / "out")
    assert sections((tmp_path / "out").read_bytes())[".uki"] == uki
    build_container_file([build_parser(dialect=7, kind=3)], tmp_path / "parsers")
    assert identify(BytesView((tmp_path / "parsers").read_bytes())).format is Format.PARSERS


def envelope(**options: object) -> bytes:
    out = bytearray()
    write_envelope(BytesView(KERNEL), out.extend, **options)  # type: ignore[arg-type]
    return bytes(out)


def test_broken_envelopes_are_refused() -> None:
    with pytest.raises(ImageError, match="NUL"):
        envelope(cmdline="quiet\0more")
    good = envelope(cmdline="quiet")
    with pytest.raises(ImageError, match="only NUL"):
        Envelope.parse(BytesView(good.replace(b"quiet\0", b"quie\0\0")))
    with pytest.raises(ImageError, match="out of place"):
        Envelope.parse(BytesView(good.replace(b".cmdline\0", b".cmdlinX\0")))
    with pytest.raises(ImageError, match="no image"):
        Envelope.parse(BytesView(good.replace(b".kernel\0", b".initrd\0")))
    with pytest.raises(ImageError, match="empty"):
        Envelope.parse(BytesView(envelope(initrd=BytesView(b""))))


def test_kernels_and_other_elf_files_are_still_what_they_were() -> None:
    kernel = build_elf_kernel("riscv64", "6.1", body_size=2000)
    assert identify(BytesView(kernel)).format is Format.ELF
    with pytest.raises(ImageError, match="Not a boot image"):
        identify(BytesView(build_object(DATA, CODE, names=("some", "thing"))))


def test_mutated_containers_end_in_an_error_or_a_value() -> None:
    chance = random.Random(77)
    seeds = [build_parser(), build_container([build_parser()] * 2), envelope(cmdline="x")]
    refused = 0
    for _ in range(1500):
        data = bytearray(chance.choice(seeds))
        for _ in range(chance.choice((1, 2, 5))):
            table = struct.unpack_from("<Q", data, 0x28)[0] if chance.random() < 0.7 else 0
            at = (table + chance.randrange(320)) % len(data)
            data[at] = chance.choice((0, 1, 0x7F, 0x80, 0xFF))
        try:
            identify(BytesView(bytes(data))).describe()
        except ImageError:
            refused += 1
    assert refused > 200
