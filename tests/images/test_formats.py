"""Every format from bytes built here: what its parser must read, and what it must refuse."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path

import pytest
from support.tools import needs_tool

from warmboot.core.architecture import Architecture
from warmboot.core.errors import ImageError
from warmboot.core.images import BootImage, BytesView, Format, Method, identify
from warmboot.core.images.authenticode import signatures_of
from warmboot.core.images.bzimage import BzImage
from warmboot.core.images.image_file import ImageFile
from warmboot.core.images.rawimage import RawImage
from warmboot.core.images.uki import Addon, Uki
from warmboot.core.images.zboot import Zboot
from warmboot.core.sandbox.builders.bzimage import build_bzimage
from warmboot.core.sandbox.builders.compress import compress
from warmboot.core.sandbox.builders.elf import build_elf_kernel
from warmboot.core.sandbox.builders.kernel import (
    build_arm64_image,
    build_loongarch_image,
    build_riscv_image,
)
from warmboot.core.sandbox.builders.pe import PeSection, build_pe
from warmboot.core.sandbox.builders.uki import Profile, build_addon, build_uki
from warmboot.core.sandbox.builders.zboot import build_zboot

ARM64 = build_arm64_image("6.12.1", body_size=20_000)
IMAGES = {
    Architecture.ARM64: ARM64,
    Architecture.RISCV64: build_riscv_image("6.12.1", body_size=20_000),
    Architecture.LOONGARCH64: build_loongarch_image("6.12.1", body_size=20_000),
}


def parse(data: bytes) -> BootImage:
    return identify(BytesView(data))


@pytest.mark.parametrize("arch", list(IMAGES))
def test_raw_images(arch: Architecture) -> None:
    image = parse(IMAGES[arch])
    assert isinstance(image, RawImage)
    assert image.architecture is arch
    assert image.memory_size == len(IMAGES[arch])
    assert not image.big_endian


def test_arm64_flags() -> None:
    for flags, big, page, anywhere in (
        (0x0, False, "not stated", False),
        (0xA, False, "4 KiB", True),
        (0x5, True, "16 KiB", False),
        (0x6, False, "64 KiB", False),
    ):
        image = parse(build_arm64_image("6", body_size=100, flags=flags, text_offset=0x80000))
        assert isinstance(image, RawImage)
        assert (image.big_endian, image.page_size, image.place_anywhere) == (big, page, anywhere)
        assert image.text_offset == 0x80000
    with pytest.raises(ImageError, match="states no size"):
        parse(build_arm64_image("3.10", body_size=100, image_size=0))


@pytest.mark.parametrize("arch", list(IMAGES))
@pytest.mark.parametrize("method", ["gzip", "zstd"])
def test_zboot(arch: Architecture, method: str) -> None:
    data = build_zboot(IMAGES[arch], arch=arch, method=method)
    image = parse(data)
    assert isinstance(image, Zboot)
    assert image.architecture is arch
    assert image.compression == method
    assert image.linux_magic
    assert not image.has_parser
    assert image.stream is not None
    assert image.stream.declared == len(IMAGES[arch])
    assert data[image.payload_offset :].startswith(compress(IMAGES[arch], method)[:8])
    with_parser = parse(build_zboot(ARM64, arch="arm64", method="gzip", parser=b"ELF"))
    assert isinstance(with_parser, Zboot)
    assert with_parser.has_parser


def test_zboot_headers_that_cannot_be() -> None:
    good = build_zboot(ARM64, arch="arm64", method="gzip")

    def changed(offset: int, value: int) -> bytes:
        return good[:offset] + struct.pack("<I", value) + good[offset + 4 :]

    for offset, value, words in (
        (0x08, len(good), "reaches beyond the end"),
        (0x08, 0x10, "overlap"),
        (0x0C, 0xFFFFFFFF, "reaches beyond the end"),
        (0x0C, 3, "overlap the header, or are empty"),
        (0x3C, len(good) - 2, "PE signature"),
        (0x3C, 0, "PE signature"),
    ):
        with pytest.raises(ImageError, match=words):
            parse(changed(offset, value))
    unknown = parse(good[:0x18] + b"brotli\0\0" + good[0x20:])
    assert isinstance(unknown, Zboot)
    assert unknown.stream is None
    assert unknown.compression == "brotli"
    assert not parse(changed(0x38, 0)).linux_magic  # type: ignore[attr-defined]


def test_the_header_s_claim_is_checked_against_the_payload() -> None:
    data = build_zboot(ARM64, arch="arm64", method="zstd", type_name="gzip")
    with pytest.raises(ImageError, match="says gzip, but the payload is zstd"):
        parse(data)


def test_bzimage() -> None:
    data = build_bzimage("6.12.1-test", xloadflags=0x2B, method="xz")
    image = parse(data)
    assert isinstance(image, BzImage)
    assert image.architecture is Architecture.X86_64
    assert image.release == "6.12.1-test"
    assert image.banner is not None
    assert image.banner.startswith("6.12.1-test (build@sandbox) #1 SMP PREEMPT_DYNAMIC")
    assert (image.protocol, image.loadflags, image.xloadflags) == (0x20F, 1, 0x2B)
    assert (image.cmdline_size, image.relocatable, image.alignment) == (2047, True, 0x200000)
    assert image.setup_size == (data[0x1F1] + 1) * 512
    assert image.stream is not None
    assert image.stream.method is Method.XZ
    assert "5-level paging" in str(image.facts())
    old = parse(build_bzimage("2.6.20", protocol=0x205))
    assert isinstance(old, BzImage)
    assert old.architecture is Architecture.X86
    assert old.cmdline_size is None
    assert old.memory_size is None


def test_elf() -> None:
    for arch in ("x86-64", "arm64", "riscv64", "loongarch64", "ppc64le"):
        data = build_elf_kernel(arch, "6.1", body_size=9000)
        image = parse(data)
        assert image.format is Format.ELF
        assert image.architecture == arch
        assert image.memory_size is not None
        assert 9000 <= image.memory_size < 9000 + 0x2000
    for cut in (20, 63, 100, 5000):
        with pytest.raises(ImageError):
            parse(data[:cut])


@pytest.mark.parametrize("method", [method.value for method in Method])
def test_compressed_as_a_whole(method: str) -> None:
    image = parse(compress(ARM64, method))
    assert image.format is Format.COMPRESSED
    assert image.architecture is None
    assert image.stream is not None
    assert image.stream.method == method


def test_uki_with_profiles_and_device_trees() -> None:
    data = build_uki(
        arch="arm64",
        linux=build_zboot(ARM64, arch="arm64", method="gzip"),
        initrd=b"initrd",
        cmdline="root=/dev/a quiet\n",
        osrel="NAME=x\nPRETTY_NAME='Some Linux 1'\n",
        uname="6.12.1",
        sbat="sbat,1,SBAT Version,sbat,1,https://x\nlinux,1,Kernel,linux,6.12,x\n",
        dtbauto=[b"\xd0\x0d\xfe\xed", b"\xd0\x0d\xfe\xed"],
        profiles=[
            Profile("ID=main\n"),
            Profile('ID=factory\nTITLE="Factory reset"\n', [(".cmdline", b"factory=1")]),
        ],
    )
    image = parse(data)
    assert isinstance(image, Uki)
    assert (image.release, image.cmdline, image.os_name) == (
        "6.12.1", "root=/dev/a quiet", "Some Linux 1",
    )  # fmt: skip
    assert isinstance(image.linux, Zboot)
    assert image.device_trees == 2
    assert image.sbat == ("linux,1,Kernel,linux,6.12,x",)
    assert [(p.id, p.title, p.cmdline) for p in image.profiles] == [
        ("main", None, None),
        ("factory", "Factory reset", "factory=1"),
    ]
    assert image.headers.nx_compatible


def test_addons_and_other_programs() -> None:
    addon = parse(build_addon(arch="x86-64", cmdline="console=ttyS0"))
    assert isinstance(addon, Addon)
    assert addon.cmdline == "console=ttyS0"
    other = parse(build_pe("x86-64", [PeSection(".text", b"\xc3")]))
    assert other.format is Format.PE


def test_uboot_images_are_named() -> None:
    header = struct.pack(
        ">IIIIIIIBBBB32s", 0x27051956, 0, 0, 100, 0, 0, 0, 5, 22, 2, 1, b"Linux-6.1"
    )
    image = parse(header + bytes(100))
    assert image.format is Format.UIMAGE
    assert image.architecture is Architecture.ARM64
    assert "Linux-6.1" in str(image.describe())
    assert parse(struct.pack(">II", 0xD00DFEED, 60) + bytes(60)).format is Format.FIT
    for broken in (header, struct.pack(">II", 0xD00DFEED, 600) + bytes(60)):
        with pytest.raises(ImageError):
            parse(broken)


@pytest.mark.parametrize("data", [b"", b"MZ", b"#!/bin/sh\n", bytes(5000), b"\x7fELF", b"\x1f"])
def test_what_is_no_boot_image_is_said_to_be_none(data: bytes) -> None:
    with pytest.raises(ImageError):
        parse(data)


def test_a_signature_is_read_and_checked(tmp_path: Path) -> None:
    openssl, sbsign = needs_tool("openssl"), needs_tool("sbsign")
    key, cert, plain, signed = (tmp_path / n for n in ("key", "cert", "plain.efi", "signed.efi"))
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert,
         "-days", "2", "-subj", "/CN=Test Signer"],
        check=True, capture_output=True,
    )  # fmt: skip
    for data in (build_zboot(ARM64, arch="arm64", method="gzip"), build_bzimage("6.1")):
        plain.write_bytes(data)
        with ImageFile.open(plain) as file:
            assert signatures_of(file.view) == ()
        files = map(str, (key, "--cert", cert, "--output", signed, plain))
        command = [sbsign, "--key", *files]
        subprocess.run(command, check=True, capture_output=True)
        with ImageFile.open(signed) as file:
            (signature,) = signatures_of(file.view)
        assert signature.matches
        assert signature.algorithm == "sha256"
        assert "Test Signer" in signature.signer
        changed = bytearray(signed.read_bytes())
        changed[len(data) // 2] ^= 1
        (signature,) = signatures_of(BytesView(bytes(changed)))
        assert signature.matches is False
        broken = bytes(changed[:-1200]) + bytes(1200)
        with pytest.raises(ImageError, match="signature cannot be read"):
            signatures_of(BytesView(broken))


def test_a_bzimage_with_the_linux_pe_magic_is_still_a_bzimage() -> None:
    data = bytearray(build_bzimage("6.18"))
    struct.pack_into("<I", data, 0x38, 0x818223CD)
    assert parse(bytes(data)).format is Format.BZIMAGE


def test_the_manual_s_table_of_formats_is_that_of_the_code() -> None:
    from warmboot.tui.manual import formats

    assert formats() in (Path(__file__).parent.parent.parent / "man/warmboot-formats.7").read_text()
