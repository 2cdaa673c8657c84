"""EFI zboot images. Source: drivers/firmware/efi/libstub/zboot-header.S, Makefile.zboot."""

from __future__ import annotations

import struct

from warmboot.core.sandbox.builders.compress import compress
from warmboot.core.sandbox.builders.pe import (
    CODE,
    DATA,
    EXECUTE,
    READ,
    WRITE,
    PeSection,
    align,
    build_pe,
)

_LINUX_PE_MAGIC = 0x818223CD
_STUB = 0x8000  # the decompressor and EFI stub in front of the payload
#: What the header calls each method: kernels before 6.14 wrote the names on the right.
TYPE_NAMES = {"xz": "xz", "zstd": "zstd"}
OLD_TYPE_NAMES = {"xz": "xzkern", "zstd": "zstd22"}


def build_zboot(
    kernel: bytes,
    *,
    arch: str,
    method: str,
    type_name: str | None = None,
    level: int | None = None,
    count_le32: bool = False,
    parser: bytes | None = None,
    certificates: bytes = b"",
) -> bytes:
    """Return a zboot image of `kernel`, laid out as the kernel build does it.

    The payload lies in .text behind the stub; behind every stream but gzip's stands the
    uncompressed size as le32. `count_le32` counts it as part of the payload, as old build trees
    did. `parser` becomes a .bpf section.
    """
    stream = compress(kernel, method, level)
    size = struct.pack("<I", len(kernel)) if method != "gzip" else b""
    payload_size = len(stream) + (len(size) if count_le32 else 0)
    sections = 3 if parser is not None else 2
    offset = align(0x40 + 24 + 112 + 16 * 8 + 40 * sections, 0x200) + _STUB
    name = TYPE_NAMES.get(method, method) if type_name is None else type_name
    dos = struct.pack("<4s4sIIII32sI", b"MZ\0\0", b"zimg", offset, payload_size, 0, 0,
                      name.encode(), _LINUX_PE_MAGIC)  # fmt: skip
    stub = bytes(i * 37 & 0xFF for i in range(256)) * (_STUB // 256)
    content = [
        PeSection(".text", stub + stream + size, CODE | READ | EXECUTE),
        PeSection(".data", bytes(512), DATA | READ | WRITE),
    ]
    if parser is not None:
        content.append(PeSection(".bpf", parser, READ | DATA))
    return build_pe(arch, content, dos=dos, certificates=certificates)
