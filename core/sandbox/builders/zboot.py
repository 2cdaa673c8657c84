"""EFI zboot images. Source: drivers/firmware/efi/libstub/zboot-header.S, Makefile.zboot."""

from __future__ import annotations

import random
import struct

from warmboot.core.sandbox.builders.compress import compress
from warmboot.core.sandbox.builders.pe import (
    DATA,
    KERNEL_DIRECTORIES,
    LINUX_PE_MAGIC,
    NX_COMPAT,
    READ,
    TEXT,
    WRITE,
    PeSection,
    align,
    build_pe,
    headers_size,
)

_STUB = 0xA738  # bytes of decompressor and EFI stub in front of the payload
_BSS = 0x40400  # .data in memory: the decompressor's heap
_ALIGNMENT = 0x1000
_FILE_ALIGNMENT = 0x200
#: What the header of older kernels calls a method; newer ones write its own name.
OLD_TYPE_NAMES = {"xz": "xzkern", "zstd": "zstd22"}


def build_zboot(
    kernel: bytes,
    *,
    arch: str,
    method: str,
    type_name: str | None = None,
    level: int | None = None,
    window_log: int | None = None,
    branch_filter: str | None = None,
    append_size: bool = True,
    count_le32: bool = False,
    header_size: int = 0x1000,
    stub_size: int = _STUB,
    parser: bytes | None = None,
    certificates: bytes = b"",
) -> bytes:
    """Return a zboot image of `kernel`, laid out as the kernel build does it.

    The payload lies in .text behind the stub; behind every stream but gzip's stands the
    uncompressed size as le32, unless `append_size` is off. `count_le32` counts it as part of the
    payload, as old build trees did. `header_size` (SizeOfHeaders; 0 for as small as can be) is
    where .text starts. `parser` becomes a .bpf section. The other arguments are those of
    `compress` and `build_pe`. Raises WarmbootError as they do.
    """
    stream = compress(kernel, method, level, window_log=window_log, branch_filter=branch_filter)
    size = struct.pack("<I", len(kernel)) if append_size and method != "gzip" else b""
    sections = 2 if parser is None else 3
    needed = headers_size(arch, sections, KERNEL_DIRECTORIES)
    text_offset = align(max(needed, header_size), _FILE_ALIGNMENT)
    name = method if type_name is None else type_name
    dos = struct.pack(
        "<4s4sIIII32sI",
        b"MZ\0\0", b"zimg", text_offset + stub_size,
        len(stream) + (len(size) if count_le32 else 0), 0, 0, name.encode(), LINUX_PE_MAGIC,
    )  # fmt: skip
    text = random.Random("stub").randbytes(stub_size) + stream + size
    text = text.ljust(align(len(text), _ALIGNMENT), b"\0")
    content = [
        PeSection(".text", text, TEXT),
        PeSection(".data", bytes(_FILE_ALIGNMENT), DATA | READ | WRITE, memory_size=_BSS),
    ]
    if parser is not None:
        content.append(PeSection(".bpf", parser, READ))
    return build_pe(
        arch,
        content,
        dos=dos,
        header_size=header_size,
        section_alignment=_ALIGNMENT,
        dll_characteristics=NX_COMPAT,
        image_version=3,
        directories=KERNEL_DIRECTORIES,
        checksum=bool(certificates),  # signing tools fill it in, the kernel build does not
        certificates=certificates,
    )
