"""Parsers of other tools: what can be told of them without running them, and what is refused."""

from __future__ import annotations

import struct

import pytest
from support.parser_objects import build_object, build_opts_data, build_parser

from warmboot.core.bpf.abi import ANCHOR, Dialect
from warmboot.core.bpf.carried import check_carried
from warmboot.core.bpf.compatibility import check_fit, check_object
from warmboot.core.bpf.parsers import prebuilt_content, prebuilt_recipes
from warmboot.core.bpf.toolchain import Recipe
from warmboot.core.errors import ImageError
from warmboot.core.images import BytesView, identify
from warmboot.core.images.bpfobject import IDENTITY_MAGIC, ParserObject
from warmboot.core.sandbox.builders.kernel import build_arm64_image
from warmboot.core.sandbox.builders.zboot import build_zboot

IMAGE = build_arm64_image("6.12.1", body_size=9000)
ZBOOT = identify(BytesView(build_zboot(IMAGE, arch="arm64", method="gzip")))
PARSERS = [recipe for recipe in prebuilt_recipes() if not recipe.rehearsal]
# Places in the arguments of BPF_PROG_LOAD, from the program's name; include/uapi/linux/bpf.h.
FLAGS, ATTACH = -4, 20


def foreign(recipe: Recipe) -> bytes:
    """A real object as another tool would make it: without our identity."""
    return prebuilt_content(recipe).replace(IDENTITY_MAGIC, b"somebody's own.\0")


def changed(content: bytes, place: int, value: int) -> bytes:
    """The object with another number in the arguments that load its program."""
    out = bytearray(content)
    struct.pack_into("<I", out, content.rindex(b"parse_pe\0") + place, value)
    return bytes(out)


@pytest.mark.parametrize("recipe", PARSERS, ids=str)
def test_dialect_and_program_are_told_of_any_tools_parser(recipe: Recipe) -> None:
    found = ParserObject.parse(BytesView(foreign(recipe)))
    assert found.identity is None
    assert f"v{found.dialect}" == recipe.dialect
    assert [(program.name, program.fentry) for program in found.programs] == [("parse_pe", True)]
    check_object(found)


@pytest.mark.parametrize("recipe", PARSERS, ids=str)
def test_a_carried_parser_of_the_other_dialect_is_named(recipe: Recipe) -> None:
    image = identify(
        BytesView(build_zboot(IMAGE, arch="arm64", method="gzip", parser=foreign(recipe)))
    )
    if recipe.dialect is Dialect.V6:
        check_carried(image)
    else:
        with pytest.raises(ImageError, match="speaks dialect v7, not v6"):
            check_carried(image)


@pytest.mark.parametrize(
    "parser",
    [
        changed(foreign(PARSERS[0]), FLAGS, 0),  # it may not sleep
        changed(foreign(PARSERS[0]), ATTACH, 25),  # fexit
        foreign(PARSERS[0]).replace(ANCHOR.encode(), b"kexec_image_parser_other!"),
    ],
    ids=["sleep", "fexit", "hook"],
)
def test_a_program_for_another_place_is_named(parser: bytes) -> None:
    with pytest.raises(ImageError, match=f"none for the section fentry.s/{ANCHOR}"):
        check_fit(ZBOOT, ParserObject.parse(BytesView(parser)), Dialect.V6)


def test_two_programs_are_named() -> None:
    content = foreign(PARSERS[0])
    at = content.rindex(b"parse_pe\0") - 48
    data = build_opts_data(identity=False) + content[at : at + 72] * 2
    with pytest.raises(ImageError, match="the programs parse_pe, parse_pe; the kernel wants one"):
        check_fit(ZBOOT, ParserObject.parse(BytesView(build_object(data, bytes(64)))), Dialect.V6)


def test_what_cannot_be_told_is_left_to_the_kernel() -> None:
    found = ParserObject.parse(BytesView(build_parser(identity=False)))
    assert (found.dialect, found.programs) == (None, ())
    check_fit(ZBOOT, found, Dialect.V6)
    cut = build_opts_data(identity=False) + b"\x9f\xeb\x01\0" + b"\xff" * 20
    assert ParserObject.parse(BytesView(build_object(cut, bytes(64)))).dialect is None
