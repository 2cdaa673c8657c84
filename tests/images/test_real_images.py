"""Images made by the kernel's own build give the figures known of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from warmboot.core.architecture import Architecture
from warmboot.core.images import Format, ImageFile, Method, identify
from warmboot.core.images.zboot import Zboot
from warmboot.core.payload.memfile import MemFile
from warmboot.core.payload.unpack import unpack

Images = Callable[[str], Path]

# name, architecture, payload offset, payload size, type, unpacked size, release
ZBOOTS = [
    ("arm64-6.12-gzip.vmlinuz.efi", Architecture.ARM64, 0xB738, 1238266, "gzip", 4063232,
     "6.12.95-kexectest2"),
    ("arm64-6.12-zstd.vmlinuz.efi", Architecture.ARM64, 0x153F0, 1587757, "zstd", 5373952,
     "6.12.95-kexectest"),
    ("loong64-7.2-zstd.vmlinuz.efi", Architecture.LOONGARCH64, 0x15CE0, 8666856, "zstd",
     27262976, "7.2.13+deb14-loong64"),
]  # fmt: skip


@pytest.mark.parametrize("row", ZBOOTS, ids=[row[0] for row in ZBOOTS])
def test_zboot(image_file: Images, row: tuple[str, Architecture, int, int, str, int, str]) -> None:
    name, architecture, offset, size, compression, unpacked, release = row
    with ImageFile.open(image_file(name)) as file, MemFile("test") as memory:
        image = identify(file.view)
        assert isinstance(image, Zboot)
        assert image.architecture is architecture
        assert (image.payload_offset, image.payload_size) == (offset, size)
        assert image.compression == compression
        assert image.linux_magic
        assert not image.has_parser
        assert image.stream is not None
        assert image.stream.method is Method(compression)
        assert image.stream.declared == unpacked
        payload = unpack(file.view, image.stream, memory)
        assert payload.size == unpacked == memory.size
        assert payload.release == release
        assert payload.image is not None
        assert payload.image.format is Format.IMAGE
        assert payload.image.architecture is architecture
        assert payload.image.memory_size == unpacked


def test_raw_arm64_image(image_file: Images) -> None:
    with ImageFile.open(image_file("arm64-6.12.Image")) as file:
        image = identify(file.view)
    assert image.format is Format.IMAGE
    assert image.architecture is Architecture.ARM64
    assert image.file_size == 3580416
    assert image.memory_size == 4063232


def test_the_gzip_payload_is_the_raw_image_padded(image_file: Images) -> None:
    raw = image_file("arm64-6.12.Image").read_bytes()
    with ImageFile.open(image_file(ZBOOTS[0][0])) as file, MemFile("test") as memory:
        image = identify(file.view)
        assert image.stream is not None
        unpack(file.view, image.stream, memory)
        content = memory.view().read(0, memory.size, "content")
    assert content[: len(raw)] == raw
    assert not content[len(raw) :].strip(b"\0")
