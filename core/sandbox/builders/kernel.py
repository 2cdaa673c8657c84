"""Kernels with the headers of arm64, riscv and loongarch, and a body that compresses like one."""

from __future__ import annotations

import random
import struct
import zlib
from functools import lru_cache

from warmboot.core.sandbox.builders.pe import (
    DATA,
    KERNEL_DIRECTORIES,
    LINUX_PE_MAGIC,
    NX_COMPAT,
    READ,
    TEXT,
    WRITE,
    PeOptions,
    Placed,
    align,
    build_headers,
)

_HEADER = 0x10000  # the header has a segment to itself; SEGMENT_ALIGN is 64 KiB
_PE_OFFSET = 0x40
_PIECE = 1 << 16
_LOONGARCH_LOAD = 0x200000
_RISCV_LOAD = 0x200000


@lru_cache(maxsize=1)
def _words() -> bytes:
    """Return 64 KiB of the kind that repeats: what compilers write again and again."""
    source = random.Random("words")
    words = [source.randbytes(source.randrange(4, 24)) for _ in range(512)]
    return b"".join(source.choice(words) for _ in range(_PIECE // 4))[:_PIECE]


def _filler(source: random.Random, size: int) -> bytes:
    """Return `size` bytes, about 45 % of which stay after compression."""
    parts, length = [], 0
    while length < size:
        cut = source.randrange(_PIECE // 2)
        parts += [source.randbytes(_PIECE // 3), _words()[cut : cut + _PIECE // 2]]
        length += len(parts[-1]) + len(parts[-2])
    return b"".join(parts)[:size]


def banner(release: str) -> bytes:
    """Return the line that a kernel of this release prints first (init/version.c), NUL at its end.

    The text in parentheses is always the same, so that the same arguments give the same bytes.
    """
    compiler = "gcc (Debian 14.2.0-19) 14.2.0, GNU ld (GNU Binutils for Debian) 2.44"
    version = "#1 SMP PREEMPT_DYNAMIC Thu Jan  1 00:00:00 UTC 1970"
    return f"Linux version {release} (build@sandbox) ({compiler}) {version}\n\0".encode()


def build_body(release: str, size: int, *, ikconfig: str | None = None) -> bytes:
    """Return `size` bytes of kernel: its banner amid code-like content, the same every time.

    `ikconfig` are build options that the kernel carries (CONFIG_IKCONFIG, kernel/configs.c). What
    the kernel says of itself is never cut, even where `size` is smaller.
    """
    core = b"\0%s version %s (build@sandbox) %s\n\0" + banner(release)
    if ikconfig is not None:
        packer = zlib.compressobj(9, zlib.DEFLATED, 31)
        packed = packer.compress(ikconfig.encode()) + packer.flush()
        core += b"IKCFG_ST" + packed + b"IKCFG_ED"
    source = random.Random(release)
    room = max(0, size - len(core))
    return _filler(source, room // 3) + core + _filler(source, room - room // 3)


def build_arm64_image(
    release: str,
    *,
    body_size: int = 1 << 20,
    flags: int = 0xA,
    text_offset: int = 0,
    image_size: int | None = None,
    bss: int = 0,
    ikconfig: str | None = None,
    efi_stub: bool = True,
) -> bytes:
    """Return an arm64 Image; flags 0xa: little endian, 4 KiB pages, anywhere in memory.

    image_size is the length of the result plus `bss`, bytes that only memory holds, unless it is
    given. Source: Documentation/arch/arm64/booting.rst, arch/arm64/kernel/head.S.
    """
    body = build_body(release, body_size, ikconfig=ikconfig)
    whole = _sizes(body, bss)
    first = 0xFA405A4D if efi_stub else 0xD503201F  # ccmp x18, #0, #0xd, pl reads "MZ"; nop
    header = struct.pack(
        "<IIQQQQQQ4sI",
        first, 0x14000000 | (_HEADER - 4) // 4,
        text_offset, whole if image_size is None else image_size, flags,
        0, 0, 0, b"ARM\x64", _PE_OFFSET if efi_stub else 0,
    )  # fmt: skip
    return _image("arm64", header, body, bss, NX_COMPAT if efi_stub else None)


def build_riscv_image(
    release: str,
    *,
    body_size: int = 1 << 20,
    flags: int = 0,
    image_size: int | None = None,
    bss: int = 0,
    ikconfig: str | None = None,
    efi_stub: bool = True,
) -> bytes:
    """Return a riscv64 Image with header version 0.2; sizes as in build_arm64_image.

    Source: Documentation/arch/riscv/boot-image-header.rst, arch/riscv/kernel/head.S.
    """
    body = build_body(release, body_size, ikconfig=ikconfig)
    whole = _sizes(body, bss)
    if efi_stub:  # c.li s4, -13 reads "MZ"; the jump stands behind it
        code = b"MZ" + struct.pack("<IH", _jump(_HEADER - 2), 1)
    else:
        code = struct.pack("<II", _jump(_HEADER), 0)
    header = struct.pack(
        "<8sQQQIIQ8s4sI",
        code, _RISCV_LOAD, whole if image_size is None else image_size, flags,
        2, 0, 0, b"RISCV\0\0\0", b"RSC\x05", _PE_OFFSET if efi_stub else 0,
    )  # fmt: skip
    return _image("riscv64", header, body, bss, NX_COMPAT if efi_stub else None)


def build_loongarch_image(
    release: str,
    *,
    body_size: int = 1 << 20,
    image_size: int | None = None,
    bss: int = 0,
    ikconfig: str | None = None,
) -> bytes:
    """Return a loongarch64 Image, which always is an EFI program; sizes as in build_arm64_image.

    Source: arch/loongarch/kernel/head.S.
    """
    body = build_body(release, body_size, ikconfig=ikconfig)
    whole = _sizes(body, bss)
    header = struct.pack(
        "<8sQQQQQQII",
        b"MZ", _LOONGARCH_LOAD + _HEADER, whole if image_size is None else image_size,
        _LOONGARCH_LOAD, 0, 0, 0, LINUX_PE_MAGIC, _PE_OFFSET,
    )  # fmt: skip
    return _image("loongarch64", header, body, bss, 0)


def _sizes(body: bytes, bss: int) -> int:
    """Return the bytes of memory that an image with this body takes."""
    return align(_HEADER + len(body), _HEADER) + bss


def _image(arch: str, header: bytes, body: bytes, bss: int, characteristics: int | None) -> bytes:
    """Return header and body; `characteristics` are its DllCharacteristics, None for no PE file."""
    whole = align(_HEADER + len(body), _HEADER)
    if characteristics is not None:
        split = max(align(whole * 2 // 3, _HEADER), 2 * _HEADER)
        placed = [Placed(".text", TEXT, _HEADER, split - _HEADER, _HEADER, split - _HEADER)]
        if whole - split + bss:
            rest = whole - split
            data = Placed(".data", DATA | READ | WRITE, split, rest + bss, split, rest)
            placed.append(data)
        options = PeOptions(
            header_size=_HEADER,
            section_alignment=_HEADER,
            dll_characteristics=characteristics,
            image_version=3,
            directories=KERNEL_DIRECTORIES,
        )
        header += build_headers(arch, placed, options)
    return (header.ljust(_HEADER, b"\0") + body).ljust(whole, b"\0")


def _jump(distance: int) -> int:
    """Return the RISC-V instruction ``j distance`` (bytes, even, below 1 MiB)."""
    low = distance >> 1 & 0x3FF
    return 0x6F | low << 21 | (distance >> 11 & 1) << 20 | (distance >> 12 & 0xFF) << 12
