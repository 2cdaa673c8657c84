"""Built EFI programs are what they say, by readers that share nothing with the builders."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pefile
import pytest
from support.cost import seconds
from support.readers import check_layout, content, read_pe, section, unpack
from support.tools import ROOT, needs_tool
from support.uboot_images import build_fit, build_uimage

from warmboot.core.errors import WarmbootError
from warmboot.core.payload.cpio_writer import build_cpio
from warmboot.core.sandbox.builders.bzimage import build_bzimage
from warmboot.core.sandbox.builders.compress import compress
from warmboot.core.sandbox.builders.elf import build_elf_kernel
from warmboot.core.sandbox.builders.initrd import build_initrd
from warmboot.core.sandbox.builders.kernel import build_arm64_image, build_riscv_image
from warmboot.core.sandbox.builders.pe import (
    EXECUTE,
    MACHINES,
    READ,
    PeSection,
    build_certificate,
    build_pe,
)
from warmboot.core.sandbox.builders.uki import Profile, build_addon, build_uki
from warmboot.core.sandbox.builders.zboot import OLD_TYPE_NAMES, build_zboot

RELEASE = "6.12.1-test"
KERNEL = build_arm64_image(RELEASE, body_size=300_000)
CERTIFICATE = build_certificate(b"0\x82 not a real one")


@pytest.mark.parametrize("arch", MACHINES)
def test_pe_of_every_machine(arch: str) -> None:
    sections = [PeSection(".text", b"\x90" * 700, READ | EXECUTE | 0x20), PeSection(".one", b"1")]
    sections.append(PeSection(".heap", b"", 0xC0000080, memory_size=0x5000))
    data = build_pe(arch, sections, overlay=b"over", certificates=CERTIFICATE, image_base=0x10000)
    parsed = read_pe(data)
    check_layout(parsed, len(data))
    narrow = arch in ("x86", "arm")
    assert parsed.FILE_HEADER.Machine == MACHINES[arch]
    assert parsed.OPTIONAL_HEADER.Magic == (0x10B if narrow else 0x20B)
    assert parsed.OPTIONAL_HEADER.ImageBase == 0x10000
    assert parsed.OPTIONAL_HEADER.Subsystem == 10
    assert parsed.verify_checksum()
    assert [s.Misc_VirtualSize for s in parsed.sections] == [700, 1, 0x5000]
    table = parsed.OPTIONAL_HEADER.DATA_DIRECTORY[4]
    assert table.VirtualAddress % 8 == 0
    assert data[table.VirtualAddress : table.VirtualAddress + table.Size] == CERTIFICATE
    assert table.VirtualAddress + table.Size == len(data)
    assert b"over" in data[: table.VirtualAddress]


@pytest.mark.parametrize("size", [0, 1, 511, 512])
def test_pe_checksum_of_odd_sizes(size: int) -> None:
    data = build_pe("arm64", [PeSection(".text", b"\xff" * 9, 0x60000020)], overlay=b"\xff" * size)
    assert read_pe(data).verify_checksum()


def test_pe_refuses_what_it_cannot_hold() -> None:
    with pytest.raises(WarmbootError):
        build_pe("s390x", [])
    with pytest.raises(WarmbootError):
        build_pe("arm64", [PeSection(".toolongname", b"")])
    with pytest.raises(WarmbootError):
        build_pe("arm64", [], directories=4, certificates=CERTIFICATE)


def check_zboot(data: bytes, kernel: bytes, method: str, name: str) -> pefile.PE:
    offset, size = struct.unpack_from("<II", data, 8)
    assert data[:8] == b"MZ\0\0zimg"
    assert data[0x10:0x18] == bytes(8)
    assert data[0x18:0x38] == name.encode().ljust(32, b"\0")
    assert data[0x38:0x3C] == b"\xcd\x23\x82\x81"
    assert unpack(data[offset : offset + size], method) == kernel
    behind = struct.unpack_from("<I", data, offset + size)[0]
    if method == "gzip":
        assert data[offset + size - 4 : offset + size] == struct.pack("<I", len(kernel))
        assert behind == 0
    else:
        assert behind == len(kernel)
    parsed = read_pe(data)
    check_layout(parsed, len(data))
    text = section(parsed, ".text")
    assert text.PointerToRawData < offset
    assert offset + size + 4 <= text.PointerToRawData + text.SizeOfRawData
    return parsed


@pytest.mark.parametrize("arch", ["arm64", "riscv64", "loongarch64"])
@pytest.mark.parametrize("method", ["gzip", "zstd", "lz4", "lzma", "lzo", "xz"])
def test_zboot(arch: str, method: str) -> None:
    data = build_zboot(KERNEL, arch=arch, method=method)
    assert check_zboot(data, KERNEL, method, method).FILE_HEADER.Machine == MACHINES[arch]


def test_zboot_variants() -> None:
    name = OLD_TYPE_NAMES["zstd"]
    old = build_zboot(KERNEL, arch="arm64", method="zstd", type_name=name, header_size=0)
    assert check_zboot(old, KERNEL, "zstd", "zstd22").OPTIONAL_HEADER.SizeOfHeaders == 0x200
    counted = build_zboot(KERNEL, arch="arm64", method="zstd", count_le32=True)
    offset, size = struct.unpack_from("<II", counted, 8)
    assert counted[offset + size - 4 : offset + size] == struct.pack("<I", len(KERNEL))
    bare = build_zboot(KERNEL, arch="arm64", method="zstd", append_size=False)
    offset, size = struct.unpack_from("<II", bare, 8)
    assert bare[offset + size : offset + size + 4] == bytes(4)


def test_zboot_with_parser_and_signature() -> None:
    data = build_zboot(KERNEL, arch="arm64", method="gzip", parser=b"\x7fELF parser",
                       certificates=CERTIFICATE)  # fmt: skip
    parsed = check_zboot(data, KERNEL, "gzip", "gzip")
    assert content(parsed, ".bpf") == b"\x7fELF parser"
    assert section(parsed, ".bpf").Characteristics == READ
    assert parsed.verify_checksum()
    table = parsed.OPTIONAL_HEADER.DATA_DIRECTORY[4]
    assert (table.VirtualAddress + table.Size, table.Size) == (len(data), len(CERTIFICATE))


def test_uki_holds_its_parts_byte_for_byte() -> None:
    linux = build_zboot(KERNEL, arch="arm64", method="zstd") + b"odd"
    initrd = build_initrd({"init": b"#!/bin/sh\n"}, method="zstd")
    data = build_uki(
        arch="arm64",
        linux=linux,
        initrd=initrd,
        cmdline="quiet größe",
        osrel="ID=x\n",
        uname=RELEASE,
        sbat="sbat,1\n",
        splash=b"BM",
        ucode=b"0707",
        dtb=b"\xd0\x0d\xfe\xed",
        dtbauto=[b"a", b"bb"],
        more=[(".pcrsig", b"{}")],
        profiles=[Profile("ID=one\n", [(".cmdline", b"one")]), Profile("ID=two\n")],
        certificates=CERTIFICATE,
    )
    parsed = read_pe(data)
    check_layout(parsed, len(data))
    assert parsed.verify_checksum()
    names = [one.Name.rstrip(b"\0").decode() for one in parsed.sections]
    assert names == [
        ".text", ".data", ".sdmagic", ".sbat", ".osrel", ".cmdline", ".uname", ".splash", ".dtb",
        ".dtbauto", ".dtbauto", ".ucode", ".pcrsig", ".initrd", ".linux",
        ".profile", ".cmdline", ".profile",
    ]  # fmt: skip
    assert content(parsed, ".linux") == linux
    assert content(parsed, ".initrd") == initrd
    assert content(parsed, ".cmdline").decode() == "quiet größe"
    assert content(parsed, ".uname").decode() == RELEASE
    assert content(parsed, ".sdmagic").startswith(b"#### LoaderInfo: systemd-stub ")
    assert [s.Misc_VirtualSize for s in parsed.sections[9:11]] == [1, 2]
    assert parsed.sections[16].get_data()[:3] == b"one"


def test_uki_larger_in_memory_and_addon() -> None:
    data = build_uki(arch="x86-64", linux=b"k" * 600, linux_memory_size=0x9000)
    parsed = read_pe(data)
    check_layout(parsed, len(data))
    assert section(parsed, ".linux").Misc_VirtualSize == 0x9000
    addon = build_addon(arch="x86-64", cmdline="debug", sbat="sbat,1\n", more=[(".ucode", b"u")])
    parsed = read_pe(addon)
    check_layout(parsed, len(addon))
    assert content(parsed, ".cmdline") == b"debug"
    assert len(parsed.sections) == 4


ALL: dict[str, tuple[Callable[[], bytes], str]] = {
    "arm64": (lambda: build_arm64_image(RELEASE), "Linux kernel ARM64 boot executable Image"),
    "riscv": (lambda: build_riscv_image(RELEASE), "PE32+ executable (EFI application)"),
    "bzimage": (lambda: build_bzimage(RELEASE), f"bzImage, version {RELEASE} "),
    "zboot": (lambda: build_zboot(KERNEL, arch="arm64", method="xz"), "PE32+ executable (EFI app"),
    "uki": (lambda: build_uki(arch="x86-64", linux=KERNEL), "PE32+ executable (EFI application)"),
    "addon": (lambda: build_addon(arch="arm64", cmdline="x"), "PE32+ executable (EFI application)"),
    "elf": (lambda: build_elf_kernel("arm64", RELEASE), "ELF 64-bit LSB executable, ARM aarch64"),
    "cpio": (lambda: build_cpio({"a/b": b"c"}), "ASCII cpio archive"),
    "uimage": (lambda: build_uimage(KERNEL, "arm64"), "u-boot legacy uImage, Linux, Linux/ARM"),
    "fit": (lambda: build_fit(KERNEL, "arm64"), "Device Tree Blob version 17"),
    "lz4": (lambda: compress(KERNEL, "lz4"), "LZ4 compressed data"),
    "lzo": (lambda: compress(KERNEL, "lzo"), "lzop compressed data"),
    "zstd": (lambda: compress(KERNEL, "zstd"), "Zstandard compressed data"),
    "lzma": (lambda: compress(KERNEL, "lzma"), "LZMA compressed data, streamed"),
    "xz": (lambda: compress(KERNEL, "xz", branch_filter="arm64"), "XZ compressed data"),
}


@pytest.mark.parametrize("name", ALL)
def test_file_knows_them(tmp_path: Path, name: str) -> None:
    build, expected = ALL[name]
    path = tmp_path / name
    path.write_bytes(build())
    command = [needs_tool("file"), "--brief", str(path)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert expected in said


def test_the_same_arguments_give_the_same_bytes() -> None:
    program = (
        "import hashlib, sys\nsys.path.append('..')\nimport test_builders as t\n"
        "for name, (build, _) in t.ALL.items(): print(name, hashlib.sha256(build()).hexdigest())"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", program],
            cwd=Path(__file__).parent,
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT / "tests")},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert runs[0] == runs[1]
    assert len(runs[0].splitlines()) == len(ALL)


def test_a_sandbox_full_of_kernels_is_quick() -> None:
    def build() -> None:
        for number, method in enumerate(("gzip", "zstd", "lz4", "xz", "gzip", "zstd")):
            kernel = build_arm64_image(f"6.{number}", body_size=6 << 20)
            build_zboot(kernel, arch="arm64", method=method)
        build_bzimage(RELEASE, body_size=12 << 20)

    # Takes 1 s. The bound is what slow levels of compression exceed.
    assert seconds(build, 5) < 5
