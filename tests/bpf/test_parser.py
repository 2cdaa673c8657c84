"""The parser program on this machine's kernel: rehearsed, replayed, and compared with its model."""

from __future__ import annotations

import os
import random
import struct
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import pytest
from support.tools import needs_tool

from warmboot.core.bpf import toolchain
from warmboot.core.bpf.abi import MAPS, Action, Dialect, Kind, Target
from warmboot.core.bpf.container import write_envelope
from warmboot.core.bpf.parser_model import run_model
from warmboot.core.bpf.parsers import (
    Parser,
    parser_for,
    prebuilt,
    prebuilt_content,
    prebuilt_name,
    prebuilt_recipes,
    recipe_for,
)
from warmboot.core.bpf.prebuild import TOOLS
from warmboot.core.bpf.refusal import Outcome, Refusal
from warmboot.core.bpf.rehearse import CannotRehearse, LoadedRehearsal
from warmboot.core.bpf.replay import Stage, replay
from warmboot.core.bpf.resize import resized
from warmboot.core.bpf.sizes import sizes_for
from warmboot.core.bpf.skeleton import read_arrays
from warmboot.core.bpf.toolchain import Recipe, find_toolchain
from warmboot.core.errors import ImageError, NotFound
from warmboot.core.images import BytesView, identify
from warmboot.core.images.bpfobject import ParserObject
from warmboot.core.images.zboot import Zboot
from warmboot.core.sandbox.builders.kernel import build_arm64_image
from warmboot.core.sandbox.builders.uki import build_addon, build_uki
from warmboot.core.sandbox.builders.zboot import build_zboot

KERNEL = build_arm64_image("6.12.1", body_size=30_000)
ZBOOT = build_zboot(KERNEL, arch="arm64", method="zstd")
UKI = build_uki(arch="arm64", linux=ZBOOT, initrd=b"initrd" * 50, cmdline="quiet")
ADDON = build_addon(arch="arm64", cmdline="added")
ROOM = 256 << 10  # bytes an image may have in the tests that change it
RECORD = sizes_for(60_000)


def enveloped(image: bytes, *, uki: bool = False, **parts: object) -> bytes:
    out = bytearray()
    write_envelope(BytesView(image), out.extend, uki=uki, **parts)  # type: ignore[arg-type]
    return bytes(out)


IMAGES = {
    (Dialect.V6, Kind.ZBOOT): (ZBOOT, build_zboot(KERNEL, arch="riscv64", method="gzip")),
    (Dialect.V6, Kind.COPY): (KERNEL, ZBOOT[:700]),
    (Dialect.V7, Kind.ZBOOT): (
        ZBOOT,
        enveloped(ZBOOT, initrd=BytesView(b"i" * 999), cmdline="root=/dev/vda2"),
    ),
    (Dialect.V7, Kind.INNER): (ZBOOT, enveloped(ZBOOT, cmdline="quiet")),
    (Dialect.V7, Kind.UKI): (
        UKI,
        enveloped(UKI, uki=True, cmdline="given", addon=BytesView(ADDON)),
    ),
}


def rehearsal(dialect: Dialect, kind: Kind) -> Parser:
    recipe = Recipe(dialect, kind, RECORD, rehearsal=True)
    return Parser(find_toolchain().build(recipe), recipe, "test")


@pytest.fixture(params=IMAGES, ids=lambda key: f"{key[0]}-{key[1].name}")
def stand(request: pytest.FixtureRequest) -> Iterator[tuple[LoadedRehearsal, Dialect, Kind]]:
    needs_tool("clang")
    needs_tool("bpftool")
    dialect, kind = request.param
    try:
        stand = LoadedRehearsal(rehearsal(dialect, kind), ROOM)
    except CannotRehearse as error:
        pytest.skip(f"this kernel runs no BPF here: {error.message}")
    with stand:
        yield stand, dialect, kind


def changed(image: bytes, chance: random.Random) -> bytes:
    """The image cut, or with some of its header's numbers and bytes replaced."""
    data = bytearray(image)
    for _ in range(chance.choice((0, 1, 1, 2, 3, 6))):
        at = chance.randrange(min(len(data), chance.choice((16, 64, 0x300, len(data)))))
        value = chance.choice(
            (
                0,
                1,
                4,
                0x40,
                len(image),
                len(image) - 4,
                0x7FFFFFFF,
                0xFFFFFFFF,
                chance.getrandbits(32),
            )
        )
        width = chance.choice((1, 2, 4, 8))
        piece = struct.pack("<Q", value)[:width] if width < 8 else struct.pack("<q", -value - 1)
        data[at : at + width] = piece[: len(data) - at]
    if chance.random() < 0.25:
        del data[chance.randrange(len(data) + 1) :]
    if chance.random() < 0.1:
        data += bytes(chance.randrange(5000))
    return bytes(data)


def test_program_and_model_agree_on_changed_images(
    stand: tuple[LoadedRehearsal, Dialect, Kind],
) -> None:
    program, dialect, kind = stand
    chance = random.Random(f"{dialect} {kind}")
    verdicts: set[object] = set()
    for number in range(1000):
        image = changed(chance.choice(IMAGES[dialect, kind]), chance)
        found = program.run(BytesView(image))
        wanted = run_model(BytesView(image), dialect, kind, RECORD.record)
        assert found == wanted, f"image {number}: {image[:80].hex()}"
        verdicts.add(found.refusal)
        if (dialect, kind) == (Dialect.V6, Kind.ZBOOT):
            agree_with_header(image, found)
    assert None in verdicts
    assert len(verdicts) > (1 if kind is Kind.COPY else 3)


def agree_with_header(image: bytes, found: Outcome) -> None:
    """What the header's own reader says: the same stream, or both refuse."""
    try:
        header = identify(BytesView(image))
    except ImageError:
        header = None
    if isinstance(header, Zboot):
        start = header.payload_offset
        stream = image[start : start + header.payload_size]
        if found.refusal is None:
            assert found.commands[0].payload == stream
        else:
            assert len(stream) + 8 > RECORD.record, found.refusal
    elif found.refusal is None:
        # The program reads the zboot header alone; the reader wants a sound PE file around it.
        payload = found.commands[0].payload
        assert payload in image
        with pytest.raises(ImageError):
            identify(BytesView(image))


def test_the_stream_is_exact() -> None:
    image = identify(BytesView(ZBOOT))
    assert image.stream is not None
    stream = ZBOOT[image.stream.offset :][: image.stream.size]
    (command,) = outcome(ZBOOT, Dialect.V6).commands
    assert (command.action, command.target) == (Action.DECOMPRESS, Target.KERNEL)
    assert command.payload == stream


def test_a_copied_image_is_no_pe_file_and_else_the_same() -> None:
    (command,) = outcome(KERNEL, Dialect.V6).commands
    assert command.action is Action.COPY
    place = struct.unpack_from("<I", KERNEL, 0x3C)[0]
    assert KERNEL[place : place + 4] == b"PE\0\0"
    assert command.payload[place : place + 4] == bytes(4)
    assert command.payload[:place] == KERNEL[:place]
    assert command.payload[place + 4 :] == KERNEL[place + 4 :]


def test_a_refusal_of_v6_ends_the_kernels_loop(
    stand: tuple[LoadedRehearsal, Dialect, Kind],
) -> None:
    program, dialect, _ = stand
    found = program.run(BytesView(b"MZ"))
    assert found.refusal is not None
    payloads = [command.payload for command in found.commands]
    assert payloads == ([bytes(8)] if dialect is Dialect.V6 else [])


def test_everything_of_a_uki_in_order() -> None:
    whole = enveloped(UKI, uki=True, cmdline="given")
    commands = outcome(whole, Dialect.V7, UKI).commands
    actions = [(command.action, command.target) for command in commands]
    assert actions == [
        (Action.VERIFY_SIG, Target.KERNEL),
        (Action.COPY, Target.KERNEL),
        (Action.COPY, Target.INITRD),
        (Action.COPY, Target.CMDLINE),
        (Action.DONE, Target.NONE),
    ]
    assert commands[0].payload == UKI
    assert commands[1].payload == ZBOOT
    assert commands[1].fill
    assert commands[3].payload == b"given\0"


def test_an_add_on_is_verified_and_never_forgotten() -> None:
    whole = enveloped(UKI, uki=True, cmdline="given added", addon=BytesView(ADDON))
    commands = outcome(whole, Dialect.V7, UKI).commands
    assert [c.payload for c in commands if c.action is Action.VERIFY_SIG] == [UKI, ADDON]
    alone = enveloped(UKI, uki=True, addon=BytesView(ADDON))
    found = outcome(alone, Dialect.V7, UKI)
    assert (found.commands, found.refusal) == ((), Refusal.ADDON_ALONE)


def outcome(data: bytes, dialect: Dialect, image: bytes | None = None) -> Outcome:
    """What the program makes of an image; `image` is what stands in an envelope."""
    needs_tool("clang")
    needs_tool("bpftool")
    parser = parser_for(identify(BytesView(image or data)), dialect, rehearsal=True)
    try:
        with LoadedRehearsal(parser, len(data)) as stand:
            return stand.run(BytesView(data))
    except CannotRehearse as error:
        pytest.skip(f"this kernel runs no BPF here: {error.message}")


@pytest.mark.parametrize("given", [False, True], ids=["built", "prebuilt"])
@pytest.mark.parametrize(("image", "dialect"), [(ZBOOT, "v6"), (KERNEL, "v6"), (UKI, "v7")])
def test_replay_ends_only_at_the_missing_interface(image: bytes, dialect: str, given: bool) -> None:
    needs_tool("clang")
    needs_tool("bpftool")
    chosen = identify(BytesView(image))
    parser = (
        prebuilt(recipe_for(chosen, Dialect(dialect)))
        if given
        else parser_for(chosen, Dialect(dialect))
    )
    result = replay(BytesView(parser.content))
    if result.stage in (Stage.NO_BPF, Stage.RIGHTS):
        pytest.skip(f"this kernel loads no BPF here: {result.text}")
    assert result.stage is Stage.ABSENT, result
    assert result.code == 2  # ENOENT


def test_replay_of_other_things() -> None:
    assert replay(BytesView(b"no object")).stage is Stage.OBJECT
    parser = prebuilt(recipe_for(identify(BytesView(ZBOOT)), Dialect.V6))
    found = ParserObject.parse(BytesView(parser.content))
    broken = bytearray(parser.content)
    broken[found.code[0] + 8 : found.code[0] + 64] = b"\xff" * 56
    result = replay(BytesView(bytes(broken)))
    assert result.stage in (Stage.LOADER, Stage.NO_BPF, Stage.RIGHTS)
    assert not result.fine


def test_the_object_is_what_the_kernel_wants() -> None:
    from io import BytesIO

    from elftools.elf.elffile import ELFFile
    from elftools.elf.sections import SymbolTableSection

    parser = prebuilt(recipe_for(identify(BytesView(ZBOOT)), Dialect.V6))
    elf = ELFFile(BytesIO(parser.content))
    assert (elf.elfclass, elf.little_endian, elf["e_type"]) == (64, True, "ET_REL")
    found = ParserObject.parse(BytesView(parser.content))
    for name, (offset, count) in (("opts_data", found.data), ("opts_insn", found.code)):
        table = elf.get_section_by_name(".symtab")
        assert isinstance(table, SymbolTableSection)
        symbols = table.get_symbol_by_name(name)
        assert symbols is not None
        assert len(symbols) == 1
        symbol = symbols[0]
        assert symbol["st_size"] == count + 1
        assert symbol["st_info"]["bind"] == "STB_GLOBAL"
        assert symbol["st_value"] % 8 == 0
        section = elf.get_section(symbol["st_shndx"])
        assert section["sh_offset"] + symbol["st_value"] == offset
    assert len(found.maps) == len(MAPS)
    assert found.identity is not None
    assert found.identity.record_size == parser.recipe.sizes.record


def test_rings_hold_their_records() -> None:
    for size in (1, 4096, 65536 - 40960, (1 << 20) - 40960, (1 << 20) - 1, 1 << 20, 300 << 20):
        sizes = sizes_for(size)
        assert sizes.ring & (sizes.ring - 1) == 0
        assert sizes.ring > size
        assert sizes.record <= sizes.ring - 16
        assert sizes.record >= size + 40960
    with pytest.raises(ImageError, match="too large"):
        sizes_for(600 << 20)


@pytest.mark.parametrize("recipe", prebuilt_recipes(), ids=prebuilt_name)
def test_what_comes_with_warmboot_can_be_built_again(recipe: Recipe) -> None:
    needs_tool("clang")
    needs_tool("bpftool")
    tools = find_toolchain()
    given = prebuilt_content(recipe)
    versions = f"clang {tools.clang_version}\nbpftool {tools.bpftool_version}\n"
    made_by = (resources.files("warmboot.core.bpf") / "prebuilt" / TOOLS).read_text()
    larger = Recipe(recipe.dialect, recipe.kind, sizes_for(5 << 20), recipe.rehearsal)
    if versions == made_by:
        assert tools.build(recipe) == given
        assert tools.build(larger) == resized(given, larger.sizes)
    else:  # other tools, other bytes; what it is must be the same
        assert os.environ.get("WARMBOOT_CI") != "1", "other tools than TOOLS: run make prebuilt"
        built = ParserObject.parse(BytesView(tools.build(recipe)))
        found = ParserObject.parse(BytesView(given))
        assert (built.identity, built.maps) == (found.identity, found.maps)


def test_the_cache_keeps_what_was_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    needs_tool("clang")
    needs_tool("bpftool")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    tools = find_toolchain()
    recipe = Recipe(Dialect.V6, Kind.ZBOOT, sizes_for(1 << 20))
    first = tools.build(recipe)
    (kept,) = (tmp_path / "warmboot/parsers").iterdir()
    assert resized(kept.read_bytes(), recipe.sizes) == first
    monkeypatch.setattr(toolchain, "_run", None)  # nothing is run the second time
    assert tools.build(recipe) == first


def test_without_tools_the_hint_names_the_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    with pytest.raises(NotFound, match="clang is not installed") as caught:
        find_toolchain()
    assert "apt-get install clang libbpf-dev" in str(caught.value.hint)
    parser = parser_for(identify(BytesView(ZBOOT)), Dialect.V6)
    assert parser.origin == "comes with warmboot"


INLINE = r"""opts.data = (void *)"\
\x01\0a\
\377";
opts.insns = (void *)"\
\x02";"""
NAMED = r"""static const char opts_data[] __attribute__((__aligned__(8))) = "\
\x01\0a\377";
static const char opts_insn[] __attribute__((__aligned__(8))) = "\
\x02";"""


@pytest.mark.parametrize("text", [INLINE, NAMED], ids=["inline", "named"])
def test_arrays_in_both_forms_that_bpftool_writes(text: str) -> None:
    assert read_arrays(text) == (b"\x01\0a\xff", b"\x02")
    with pytest.raises(Exception, match="no array opts_data"):
        read_arrays("int main;")
