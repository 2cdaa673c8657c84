"""Whatever the bytes: a typed error or a right answer, in little memory, and an end to it."""

from __future__ import annotations

import resource
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.parser_objects import build_parser

from warmboot.core.bpf.container import build_container, write_envelope
from warmboot.core.errors import ImageError
from warmboot.core.images import BytesView, Method, Stream, identify
from warmboot.core.images.authenticode import signatures_of
from warmboot.core.images.carried import carried_parser
from warmboot.core.payload.memfile import MemFile
from warmboot.core.payload.unpack import unpack
from warmboot.core.sandbox.builders.bzimage import build_bzimage
from warmboot.core.sandbox.builders.compress import compress
from warmboot.core.sandbox.builders.elf import build_elf_kernel
from warmboot.core.sandbox.builders.kernel import (
    build_arm64_image,
    build_loongarch_image,
    build_riscv_image,
)
from warmboot.core.sandbox.builders.pe import build_certificate
from warmboot.core.sandbox.builders.uki import Profile, build_addon, build_uki
from warmboot.core.sandbox.builders.zboot import build_zboot

#: Thousands of runs through the same lines: counting them would take as long again.
pytestmark = pytest.mark.no_cover


def envelope() -> bytes:
    out = bytearray()
    write_envelope(BytesView(bytes(900)), out.extend, initrd=BytesView(b"i"), cmdline="quiet")
    return bytes(out)


ARM64 = build_arm64_image("6.12.1", body_size=30_000)
METHODS = [method.value for method in Method]
SEEDS = {
    "zboot": build_zboot(
        ARM64, arch="arm64", method="gzip", parser=build_parser(),
        certificates=build_certificate(b"\x30\x82\x01\x00" + bytes(64)),
    ),
    "bzImage": build_bzimage("6.1.0", body_size=20_000),
    "UKI": build_uki(
        arch="arm64", linux=ARM64, initrd=b"i" * 100, cmdline="quiet", osrel="ID=x\n",
        profiles=[Profile("ID=a\n", [(".cmdline", b"b")])],
    ),
    "add-on": build_addon(arch="arm64", cmdline="quiet"),
    "arm64": ARM64,
    "riscv64": build_riscv_image("6.1", body_size=2000),
    "loongarch64": build_loongarch_image("6.1", body_size=2000),
    "ELF": build_elf_kernel("arm64", "6.1", body_size=2000),
    "parser": build_parser(),
    "container": build_container([build_parser()], build_container([build_parser()])),
    "envelope": envelope(),
}  # fmt: skip
BYTES = 64 << 20


def read(data: bytes) -> None:
    """Do all that inspect does; only ImageError may come out of it."""
    view = BytesView(data)
    try:
        image = identify(view)
        image.describe()
        signatures_of(view)
        carried = carried_parser(view)
        if carried is not None:
            assert all(fact.value.isprintable() for fact in carried.describe())
        if image.stream is not None:
            with MemFile("test") as memory:
                unpack(view, image.stream, memory, limit=8 << 20)
    except ImageError as error:
        assert error.message.isprintable()


@pytest.mark.parametrize("name", SEEDS)
def test_cut_off_at_every_byte_of_the_headers(name: str) -> None:
    data = SEEDS[name]
    for count in (*range(0x400), *range(0x400, min(len(data), 0x2400), 61)):
        read(data[:count])


@pytest.mark.parametrize("name", SEEDS)
def test_every_header_byte_at_its_extremes(name: str) -> None:
    data = bytearray(SEEDS[name])
    for offset in range(0x300):
        before = data[offset]
        for value in (0x00, 0x7F, 0xFF):
            data[offset] = value
            read(bytes(data))
        data[offset] = before


@pytest.mark.parametrize("method", METHODS)
def test_payloads_cut_off_at_200_places(method: str) -> None:
    content = ARM64 * 3
    data = compress(content, method)
    for step in range(200):
        cut = data[: len(data) * step // 200]
        with MemFile("test") as memory, pytest.raises(ImageError):
            stream = Stream(Method(method), 0, len(cut), declared=len(content))
            unpack(BytesView(cut), stream, memory)


Mutate = Callable[[st.DataObject], bytes]


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data(), st.sampled_from(sorted(SEEDS)))
def test_mutated_images(data: st.DataObject, name: str) -> None:
    image = bytearray(SEEDS[name])
    for _ in range(data.draw(st.integers(1, 6))):
        offset = data.draw(st.integers(0, min(len(image) - 1, 0x600)))
        chunk = data.draw(st.binary(min_size=1, max_size=8))
        image[offset : offset + len(chunk)] = chunk
    read(bytes(image))


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(METHODS), st.binary(max_size=600), st.integers(0, 4000))
def test_mutated_payloads(method: str, junk: bytes, offset: int) -> None:
    data = bytearray(compress(ARM64, method))
    offset = min(offset, len(data))
    data[offset : offset + len(junk)] = junk
    with MemFile("test") as memory:
        try:
            unpack(BytesView(bytes(data)), Stream(Method(method), 0, len(data)), memory)
        except ImageError as error:
            assert error.message.isprintable()


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=5000))
def test_any_bytes_at_all(data: bytes) -> None:
    read(data)


@pytest.mark.parametrize("method", METHODS)
def test_a_bomb_costs_little_memory(method: str) -> None:
    bomb = compress(bytes(64 << 20), method)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    with MemFile("test") as memory, pytest.raises(ImageError, match="more than"):
        stream = Stream(Method(method), 0, len(bomb))
        unpack(BytesView(bomb), stream, memory, limit=16 << 20)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before < BYTES
