"""Built streams, initrds and U-Boot images unpack elsewhere."""

from __future__ import annotations

import gzip
import lzma
import struct
import zlib

import pytest
import zstandard
from support.readers import lz4_blocks, read_cpio, read_tree, unpack
from support.uboot_images import build_fit, build_uimage

from warmboot.core.errors import WarmbootError
from warmboot.core.payload.cpio_writer import build_cpio, character_device, directory, link
from warmboot.core.sandbox.builders.compress import METHODS, compress
from warmboot.core.sandbox.builders.initrd import build_initrd, build_microcode
from warmboot.core.sandbox.builders.kernel import build_arm64_image

RELEASE = "6.12.1-test"
KERNEL = build_arm64_image(RELEASE, body_size=300_000)


@pytest.mark.parametrize("size", [0, 1, 262_144, 1_000_001])
@pytest.mark.parametrize("method", [method for method in METHODS if method != "lzo"])
def test_streams_unpack(method: str, size: int) -> None:
    data = (KERNEL * (size // len(KERNEL) + 1))[:size]
    assert unpack(compress(data, method), method) == data


def test_lz4_of_more_than_a_block() -> None:
    data = KERNEL * (9_000_000 // len(KERNEL) + 1)
    packed = compress(data, "lz4")
    assert unpack(packed, "lz4") == data
    assert len(list(lz4_blocks(packed))) == 2
    assert len(compress(KERNEL, "lz4", 9)) < len(compress(KERNEL, "lz4"))


@pytest.mark.parametrize("packed_sums", [False, True])
def test_lzop_unpacks(packed_sums: bool) -> None:
    data = KERNEL + bytes(3)
    assert unpack(compress(data, "lzo", packed_sums=packed_sums), "lzo") == data


def test_streams_are_of_the_kind_that_kernel_builds_write() -> None:
    frame = zstandard.get_frame_parameters(compress(KERNEL, "zstd", window_log=27))
    assert frame.window_size == 128 << 20
    assert frame.content_size == zstandard.CONTENTSIZE_UNKNOWN
    assert frame.has_checksum
    assert compress(KERNEL, "xz")[6:8] == b"\x00\x01"  # check: CRC-32
    assert compress(KERNEL, "lzma")[5:13] == b"\xff" * 8  # size: not stated
    assert compress(KERNEL, "gzip")[4:8] == bytes(4)  # time: none
    ratios = [len(compress(KERNEL, method)) / len(KERNEL) for method in ("gzip", "zstd", "xz")]
    assert all(0.25 < ratio < 0.65 for ratio in ratios), ratios
    with pytest.raises(WarmbootError):
        compress(KERNEL, "zip")


@pytest.mark.parametrize("branch_filter", ["x86", "arm64"])
def test_xz_with_branch_filters(branch_filter: str) -> None:
    pieces = [struct.pack("<I", 0x94000000 | n * 7919 & 0x03FFFFFF) for n in range(4000)]
    pieces += [struct.pack("<I", 0x90000000 | n * 104_729 & 0x60FFFFFF) for n in range(9000)]
    code = b"".join(pieces) + b"\xe8\x00\x01\x00\x00" * 99 + b"end"
    data = compress(code, "xz", branch_filter=branch_filter)
    assert data != compress(code, "xz")
    try:
        assert lzma.decompress(data) == code
    except lzma.LZMAError as error:
        if "nsupported" not in str(error):
            raise
        pytest.skip("needs liblzma 5.4 for the ARM64 filter")


def test_xz_with_the_riscv_filter() -> None:
    data = compress(bytes(5000), "xz", branch_filter="riscv64")
    assert data[14] == 0x0B  # id of the first filter in the block header
    with pytest.raises(WarmbootError):
        compress(b"\x00\x00\x97\x00", "xz", branch_filter="riscv64")
    with pytest.raises(WarmbootError):
        compress(b"", "xz", branch_filter="vax")


def test_initrd() -> None:
    archive = build_cpio(
        {
            "init": b"#!/bin/sh\n",
            "bin/sh": link("busybox"),
            "dev/console": character_device(5, 1),
            "tmp": directory(0o1777),
        }
    )
    assert len(archive) % 512 == 0
    assert read_cpio(archive) == {
        "bin": (0o040755, b"", (0, 0)),
        "bin/sh": (0o120777, b"busybox", (0, 0)),
        "dev": (0o040755, b"", (0, 0)),
        "dev/console": (0o020600, b"", (5, 1)),
        "init": (0o100755, b"#!/bin/sh\n", (0, 0)),
        "tmp": (0o041777, b"", (0, 0)),
    }


def test_initrd_with_microcode() -> None:
    early = build_microcode({"intel": b"\x01" * 99})
    initrd = build_initrd({"init": b"x"}, method="gzip", microcode={"intel": b"\x01" * 99})
    assert initrd.startswith(early)
    name = "kernel/x86/microcode/GenuineIntel.bin"
    assert read_cpio(early)[name][1] == b"\x01" * 99
    assert "init" in read_cpio(gzip.decompress(initrd[len(early) :]))


def test_uimage() -> None:
    kernel = compress(KERNEL, "gzip")
    data = build_uimage(kernel, "arm64", name="Linux 6.12", compression="gzip", load=4096)
    magic, checksum, _, size, load, _, data_checksum = struct.unpack_from(">7I", data)
    assert (magic, size, load) == (0x27051956, len(kernel), 4096)
    assert checksum == zlib.crc32(data[:4] + bytes(4) + data[8:64])
    assert data_checksum == zlib.crc32(data[64:])
    assert data[28:32] == bytes([5, 22, 2, 1])
    assert data[32:64].rstrip(b"\0") == b"Linux 6.12"
    with pytest.raises(WarmbootError):
        build_uimage(kernel, "arm64", name="x" * 33)
    with pytest.raises(WarmbootError):
        build_uimage(kernel, "arm64", compression="zip")


def test_fit() -> None:
    tree = read_tree(build_fit(KERNEL + b"!", "arm64", description="a kernel"))
    image = "/images/kernel-1"
    assert tree[f"{image}/data"] == KERNEL + b"!"
    assert tree[f"{image}/arch"] == b"arm64\0"
    assert tree[f"{image}/hash-1/value"] == struct.pack(">I", zlib.crc32(KERNEL + b"!"))
    assert tree["/configurations/default"] == b"conf-1\0"
    assert tree["/configurations/conf-1/kernel"] == b"kernel-1\0"
    assert tree["/description"] == b"a kernel\0"
