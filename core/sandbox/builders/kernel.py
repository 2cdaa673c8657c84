"""Kernels with the headers of arm64, riscv and loongarch, and a body that compresses like one."""

from __future__ import annotations

import random
import struct
from functools import lru_cache

from warmboot.core.sandbox.builders.pe import align

_LINUX_PE_MAGIC = 0x818223CD
_HEADER = 0x1000
_PIECE = 1 << 16


@lru_cache(maxsize=4)
def _material(seed: int) -> tuple[bytes, bytes]:
    """Return 64 KiB of noise and 64 KiB of repeating text: a kernel is about half of each."""
    source = random.Random(seed)
    words = [source.randbytes(source.randrange(4, 24)) for _ in range(512)]
    text = b"".join(source.choice(words) for _ in range(_PIECE // 4))
    return source.randbytes(_PIECE), text[:_PIECE]


def build_body(release: str, size: int) -> bytes:
    """Return `size` bytes of kernel: its banner among code-like content, the same every time."""
    banner = (
        f"Linux version {release} (build@sandbox) (gcc 14.2.0, GNU ld 2.44) "
        f"#1 SMP PREEMPT {release}\n\0"
    ).encode()
    source = random.Random(release)
    parts = [b"\0%s version %s (build@sandbox) %s\n\0", banner]
    length = sum(map(len, parts))
    while length < size:
        noise, text = _material(source.randrange(4))
        cut = source.randrange(_PIECE // 2)
        parts += [noise[cut : cut + _PIECE // 3], text[cut:]]
        length += len(parts[-1]) + len(parts[-2])
    return b"".join(parts)[:size]


def build_arm64_image(
    release: str,
    *,
    body_size: int = 1 << 20,
    flags: int = 0xA,
    text_offset: int = 0,
    image_size: int | None = None,
) -> bytes:
    """Return an arm64 Image; flags 0xa: little endian, 4 KiB pages, anywhere in memory.

    Source: Documentation/arch/arm64/booting.rst.
    """
    body = build_body(release, body_size)
    whole = align(_HEADER + len(body), 0x10000)
    header = struct.pack(
        "<IIQQQQQQ4sI",
        0xFA405A4D, 0x14000000 | _HEADER // 4,
        text_offset, whole if image_size is None else image_size, flags,
        0, 0, 0, b"ARM\x64", 0,
    )  # fmt: skip
    return (header.ljust(_HEADER, b"\0") + body).ljust(whole, b"\0")


def build_riscv_image(release: str, *, body_size: int = 1 << 20) -> bytes:
    """Return a riscv64 Image. Source: Documentation/arch/riscv/boot-image-header.rst."""
    body = build_body(release, body_size)
    whole = align(_HEADER + len(body), 0x10000)
    header = struct.pack(
        "<IIQQQIIQ8s4sI",
        0x00005A4D, 0x0000006F, 0x200000, whole, 0, 2, 0, 0, b"RISCV\0\0\0", b"RSC\x05", 0,
    )  # fmt: skip
    return (header.ljust(_HEADER, b"\0") + body).ljust(whole, b"\0")


def build_loongarch_image(release: str, *, body_size: int = 1 << 20) -> bytes:
    """Return a loongarch64 Image. Source: arch/loongarch/kernel/head.S."""
    body = build_body(release, body_size)
    whole = align(_HEADER + len(body), 0x10000)
    header = struct.pack(
        "<4sIQQQQQQII",
        b"MZ\0\0", 0, 0x200000 + _HEADER, whole, 0x200000, 0, 0, 0, _LINUX_PE_MAGIC, 0x40,
    )  # fmt: skip
    coff = struct.pack("<4sHHIIIHH", b"PE\0\0", 0x6264, 0, 0, 0, 0, 0, 0x0206)
    return ((header + coff).ljust(_HEADER, b"\0") + body).ljust(whole, b"\0")
