"""Built kernels have the headers of real ones."""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pefile
import pytest
from elftools.elf.elffile import ELFFile
from support.readers import check_layout, read_pe, unpack

from warmboot.core.errors import WarmbootError
from warmboot.core.sandbox.builders.bzimage import build_bzimage
from warmboot.core.sandbox.builders.elf import build_elf_kernel
from warmboot.core.sandbox.builders.kernel import (
    banner,
    build_arm64_image,
    build_loongarch_image,
    build_riscv_image,
)
from warmboot.core.sandbox.builders.pe import build_certificate
from warmboot.core.sandbox.builders.zboot import build_zboot

RELEASE = "6.12.1-test"
KERNEL = build_arm64_image(RELEASE, body_size=300_000)
CERTIFICATE = build_certificate(b"0\x82 not a real one")


@pytest.mark.parametrize("method", ["gzip", "zstd"])
def test_zboot_is_laid_out_like_a_real_one(image_file: Callable[[str], Path], method: str) -> None:
    real_data = image_file(f"arm64-6.12-{method}.vmlinuz.efi").read_bytes()
    data = build_zboot(KERNEL, arch="arm64", method=method)
    assert data[0x10:0x40] == real_data[0x10:0x40]
    compare_headers(read_pe(data), pefile.PE(data=real_data))
    for image in (data, real_data):
        offset, size = struct.unpack_from("<II", image, 8)
        kernel = unpack(image[offset : offset + size], method)
        assert kernel[0x38:0x3C] == b"ARM\x64"
        assert struct.unpack_from("<Q", kernel, 0x10)[0] == len(kernel)  # padded to its BSS


def test_arm64_image_is_laid_out_like_a_real_one(image_file: Callable[[str], Path]) -> None:
    real_data = image_file("arm64-6.12.Image").read_bytes()
    data = build_arm64_image(RELEASE, body_size=300_000, bss=0x20000)
    for one in (data, real_data):
        size = struct.unpack_from("<Q", one, 0x10)[0]
        assert size > len(one)  # BSS lies in memory only
        assert struct.unpack_from("<I", one, 0x3C)[0] == 0x40
    assert data[:4] == real_data[:4]
    assert data[0x08:0x10] + data[0x18:0x40] == real_data[0x08:0x10] + real_data[0x18:0x40]
    compare_headers(read_pe(data), pefile.PE(data=real_data))


def compare_headers(mine: pefile.PE, real: pefile.PE) -> None:
    """Require the fields that do not depend on what the image holds to be those of the kernel."""
    for name in ("Machine", "SizeOfOptionalHeader", "Characteristics", "NumberOfSections"):
        assert getattr(mine.FILE_HEADER, name) == getattr(real.FILE_HEADER, name)
    for name in (
        "Magic", "BaseOfCode", "ImageBase", "SectionAlignment", "FileAlignment", "SizeOfHeaders",
        "MajorImageVersion", "CheckSum", "Subsystem", "DllCharacteristics", "NumberOfRvaAndSizes",
    ):  # fmt: skip
        assert getattr(mine.OPTIONAL_HEADER, name) == getattr(real.OPTIONAL_HEADER, name), name
    for one, other in zip(mine.sections, real.sections, strict=True):
        assert (one.Name, one.Characteristics) == (other.Name, other.Characteristics)
        assert one.VirtualAddress == one.PointerToRawData
        assert other.VirtualAddress == other.PointerToRawData


def test_arm64_image() -> None:
    data = build_arm64_image(RELEASE, body_size=70_000, flags=0xE, text_offset=0x80000)
    _, jump, *numbers = struct.unpack_from("<IIQQQQQQ4sI", data)
    assert numbers == [0x80000, len(data), 0xE, 0, 0, 0, b"ARM\x64", 0x40]
    assert jump >> 26 == 0b000101  # b, from its own address
    assert 4 + 4 * (jump & 0x03FFFFFF) == 0x10000
    check_layout(read_pe(data), len(data))
    assert data.count(banner(RELEASE)) == 1
    bare = build_arm64_image(RELEASE, body_size=70_000, image_size=0, efi_stub=False)
    assert struct.unpack_from("<Q", bare, 0x10)[0] == 0
    assert (bare[:2] == b"MZ", bare[0x3C:0x10000].strip(b"\0")) == (False, b"")


def test_riscv_image() -> None:
    for data, start in (
        (build_riscv_image(RELEASE, body_size=70_000), 2),
        (build_riscv_image(RELEASE, body_size=70_000, efi_stub=False), 0),
    ):
        fields = struct.unpack_from("<QQQIIQ8s4s", data, 8)
        assert fields == (0x200000, len(data), 0, 2, 0, 0, b"RISCV\0\0\0", b"RSC\x05")
        assert start + riscv_jump(struct.unpack_from("<I", data, start)[0]) == 0x10000
    parsed = read_pe(build_riscv_image(RELEASE, body_size=70_000, bss=0x40000))
    assert parsed.FILE_HEADER.Machine == 0x5064
    data = parsed.sections[-1]
    assert data.Misc_VirtualSize - data.SizeOfRawData == 0x40000


def riscv_jump(word: int) -> int:
    """Return the distance of ``j``: imm[20|10:1|11|19:12] in the upper 20 bits."""
    assert word & 0xFFF == 0x6F
    bits = word >> 12
    return (
        (bits & 0xFF) << 12 | (bits >> 8 & 1) << 11 | (bits >> 9 & 0x3FF) << 1 | (bits >> 19) << 20
    )


def test_loongarch_image() -> None:
    data = build_loongarch_image(RELEASE, body_size=200_000)
    fields = struct.unpack_from("<8sQQQQQQII", data)
    assert fields == (b"MZ".ljust(8, b"\0"), 0x210000, len(data), 0x200000, 0, 0, 0,
                      0x818223CD, 0x40)  # fmt: skip
    parsed = read_pe(data)
    check_layout(parsed, len(data))
    assert parsed.FILE_HEADER.Machine == 0x6264


def test_embedded_build_options() -> None:
    options = "CONFIG_KEXEC_FILE=y\n" * 50
    for data in (
        build_arm64_image(RELEASE, ikconfig=options),
        build_elf_kernel("x86-64", RELEASE, body_size=0, ikconfig=options),
    ):
        packed = data.partition(b"IKCFG_ST")[2].partition(b"IKCFG_ED")[0]
        assert gzip.decompress(packed).decode() == options
        assert banner(RELEASE) in data


@pytest.mark.parametrize(
    ("arch", "machine"),
    [
        ("x86-64", "EM_X86_64"),
        ("arm64", "EM_AARCH64"),
        ("riscv64", "EM_RISCV"),
        ("loongarch64", "EM_LOONGARCH"),
        ("ppc64le", "EM_PPC64"),
        ("s390x", "EM_S390"),
    ],
)
def test_elf_kernel(arch: str, machine: str) -> None:
    elf = ELFFile(BytesIO(build_elf_kernel(arch, RELEASE, body_size=90_000)))
    assert elf.elfclass == 64
    assert elf.little_endian is (arch != "s390x")
    assert (elf["e_type"], elf["e_machine"]) == ("ET_EXEC", machine)
    assert [one.name for one in elf.iter_sections()] == ["", ".text", ".rodata", ".shstrtab"]
    assert banner(RELEASE) in elf.get_section(2).data()
    (segment,) = elf.iter_segments()
    assert segment["p_type"] == "PT_LOAD"
    assert all(segment.section_in_segment(elf.get_section(index)) for index in (1, 2))
    assert segment["p_vaddr"] == elf["e_entry"]
    with pytest.raises(WarmbootError):
        build_elf_kernel("vax", RELEASE)


@pytest.mark.parametrize("efi_stub", [True, False])
@pytest.mark.parametrize("method", ["gzip", "zstd", "xz"])
def test_bzimage(method: str, efi_stub: bool) -> None:
    data = build_bzimage(RELEASE, method=method, efi_stub=efi_stub, init_size=0x1234000)
    setup = (data[0x1F1] + 1) * 512
    assert data[0x1FE:0x200] == b"\x55\xaa"
    assert data[0x200] == 0xEB
    assert 0x202 + data[0x201] == 0x26C  # the end of the header, field kernel_info_offset included
    assert data[0x202:0x206] == b"HdrS"
    assert u(data, 0x206, "H") == 0x020F
    assert data[0x211] & 1  # LOADED_HIGH
    assert u(data, 0x236, "H") & 0x03 == 0x03  # XLF_KERNEL_64, XLF_CAN_BE_LOADED_ABOVE_4G
    assert u(data, 0x238, "I") == 2047
    assert u(data, 0x260, "I") == 0x1234000
    assert data[0x200 + u(data, 0x20E, "H") :].startswith(RELEASE.encode() + b" (")
    assert setup + 16 * u(data, 0x1F4, "I") == len(data)
    assert zlib.crc32(data) == 0xFFFFFFFF  # a register of 0, which zlib inverts at the end
    assert data[setup + u(data, 0x268, "I") :][:4] == b"LToP"
    offset, size = setup + u(data, 0x248, "I"), u(data, 0x24C, "I")
    stream = data[offset : offset + size]
    vmlinux = unpack(stream if method == "gzip" else stream[:-4], method)
    assert stream[-4:] == struct.pack("<I", len(vmlinux))
    assert ELFFile(BytesIO(vmlinux))["e_machine"] == "EM_X86_64"
    assert banner(RELEASE) in vmlinux
    assert (data[:2] == b"MZ") is efi_stub
    if efi_stub:
        parsed = read_pe(data)
        check_layout(parsed, len(data))
        assert parsed.sections[-1].get_file_offset() + 40 <= 0x1F1


def u(data: bytes, offset: int, form: str) -> int:
    return int(struct.unpack_from(f"<{form}", data, offset)[0])


@pytest.mark.parametrize("setup_sects", [4, 7, 39, 255])
def test_bzimage_with_any_setup_size(setup_sects: int) -> None:
    data = build_bzimage(RELEASE, setup_sects=setup_sects, certificates=CERTIFICATE)
    parsed = read_pe(data)
    check_layout(parsed, len(data))
    assert parsed.verify_checksum()
    table = parsed.OPTIONAL_HEADER.DATA_DIRECTORY[4]
    assert data[table.VirtualAddress :] == CERTIFICATE


def test_bzimage_of_old_protocols() -> None:
    old = build_bzimage(RELEASE, protocol=0x0205)
    assert old[0x235:0x26C].strip(b"\0") == b""
    assert old[0x234] == 1
    assert u(build_bzimage(RELEASE, xloadflags=0), 0x236, "H") == 0
    with pytest.raises(WarmbootError):
        build_bzimage(RELEASE, setup_sects=3)
    with pytest.raises(WarmbootError):
        build_bzimage(RELEASE, efi_stub=False, certificates=CERTIFICATE)
