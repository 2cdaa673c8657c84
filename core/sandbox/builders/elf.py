"""Uncompressed ELF kernels (vmlinux). Source: elf(5), the System V ABI."""

from __future__ import annotations

import struct

from warmboot.core.errors import WarmbootError
from warmboot.core.sandbox.builders.kernel import build_body
from warmboot.core.sandbox.builders.pe import align
from warmboot.core.values import dataclass

_TEXT_OFFSET = 0x1000
_PROGBITS, _STRTAB = 1, 3
_ALLOC, _EXECINSTR = 2, 4
_EXECUTABLE, _LOAD = 2, 1
_READ_WRITE_EXECUTE = 7


@dataclass(frozen=True)
class _Target:
    machine: int
    order: str
    virtual: int
    physical: int


_TARGETS = {
    "x86-64": _Target(62, "<", 0xFFFFFFFF81000000, 0x1000000),
    "arm64": _Target(183, "<", 0xFFFF800080000000, 0),
    "riscv64": _Target(243, "<", 0xFFFFFFFF80000000, 0),
    "loongarch64": _Target(258, "<", 0x9000000000200000, 0x200000),
    "ppc64le": _Target(21, "<", 0xC000000000000000, 0),
    "s390x": _Target(22, ">", 0x100000, 0x100000),
}


def build_elf_kernel(
    arch: str, release: str, *, body_size: int = 1 << 20, ikconfig: str | None = None
) -> bytes:
    """Return an ELF64 executable with one PT_LOAD segment: .text, and .rodata with the banner.

    Raises WarmbootError for an architecture that has no 64-bit ELF kernel here.
    """
    target = _TARGETS.get(arch)
    if target is None:
        raise WarmbootError(f"No ELF kernel for {arch}", hint=f"One of {', '.join(_TARGETS)}.")
    body = build_body(release, body_size, ikconfig=ikconfig)
    split = len(body) // 8 & ~0xFFF  # the banner stands behind the first third
    names = b"\0.text\0.rodata\0.shstrtab\0"
    end = _TEXT_OFFSET + len(body)
    sections = (
        (0, 0, 0, 0, 0, 0, 0),
        (1, _PROGBITS, _ALLOC | _EXECINSTR, target.virtual, _TEXT_OFFSET, split, 4096),
        (7, _PROGBITS, _ALLOC, target.virtual + split, _TEXT_OFFSET + split, len(body) - split, 64),
        (15, _STRTAB, 0, 0, end, len(names), 1),
    )
    table = align(end + len(names), 8)
    order = target.order
    header = struct.pack(
        order + "4sBBBB8xHHIQQQIHHHHHH",
        b"\x7fELF", 2, 1 if order == "<" else 2, 1, 0,
        _EXECUTABLE, target.machine, 1, target.virtual, 64, table, 0,
        64, 56, 1, 64, len(sections), len(sections) - 1,
    )  # fmt: skip
    segment = struct.pack(
        order + "IIQQQQQQ",
        _LOAD, _READ_WRITE_EXECUTE, _TEXT_OFFSET, target.virtual, target.physical,
        len(body), align(len(body), 0x1000), 0x1000,
    )  # fmt: skip
    image = ((header + segment).ljust(_TEXT_OFFSET, b"\0") + body + names).ljust(table, b"\0")
    return image + b"".join(
        struct.pack(order + "IIQQQQIIQQ", name, kind, flags, address, offset, size, 0, 0, unit, 0)
        for name, kind, flags, address, offset, size, unit in sections
    )
