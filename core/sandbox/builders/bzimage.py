"""x86 bzImages. Source: Documentation/arch/x86/boot.rst (the setup header)."""

from __future__ import annotations

import struct

from warmboot.core.sandbox.builders.compress import compress
from warmboot.core.sandbox.builders.kernel import build_body
from warmboot.core.sandbox.builders.pe import align, headers, with_checksum

_SETUP_SECTORS = 7
_SETUP_SIZE = (_SETUP_SECTORS + 1) * 512
_STUB = 0x1000


def build_bzimage(
    release: str,
    *,
    protocol: int = 0x020F,
    loadflags: int = 0x01,
    xloadflags: int = 0x7F,
    cmdline_size: int = 2047,
    relocatable: int = 1,
    method: str = "zstd",
    body_size: int = 1 << 20,
    certificates: bytes = b"",
) -> bytes:
    """Return a bzImage whose header has every field of boot protocol 2.15 in its place.

    It is an EFI program as well, as kernels with an EFI stub are; `certificates` sign it.
    """
    vmlinux = b"\x7fELF" + build_body(release, body_size)
    payload = compress(vmlinux, method)
    if method != "gzip":
        payload += struct.pack("<I", len(vmlinux))
    version = f"{release} (build@sandbox) #1 SMP PREEMPT_DYNAMIC".encode() + b"\0"
    setup = bytearray(_SETUP_SIZE)
    body = bytes(_STUB) + payload
    body = body.ljust(align(len(body), 512), b"\0")
    head = _efi_headers(len(body), len(certificates))
    setup[: len(head)] = head
    fields = (
        (0x1F1, "<B", _SETUP_SECTORS),
        (0x1F4, "<I", len(body) // 16),
        (0x1FE, "<H", 0xAA55),
        (0x200, "<H", 0x6AEB),
        (0x202, "<4s", b"HdrS"),
        (0x206, "<H", protocol),
        (0x20E, "<H", 0x400),
        (0x211, "<B", loadflags),
        (0x214, "<I", 0x100000),
        (0x22C, "<I", 0x7FFFFFFF),
        (0x230, "<I", 0x200000),
        (0x234, "<B", relocatable),
        (0x235, "<B", 21),
        (0x236, "<H", xloadflags),
        (0x238, "<I", cmdline_size),
        (0x248, "<I", _STUB),
        (0x24C, "<I", len(payload)),
        (0x258, "<Q", 0x1000000),
        (0x260, "<I", align(len(vmlinux) * 2, 0x1000)),
        (0x264, "<I", 0),
    )
    for offset, form, value in fields:
        struct.pack_into(form, setup, offset, value)
    setup[0x600 : 0x600 + len(version)] = version
    return with_checksum(bytes(setup) + body + certificates)


def _efi_headers(body: int, certificates: int) -> bytes:
    """Return DOS and PE headers with one section, which fit in front of the setup header."""
    address = align(_SETUP_SIZE, 0x1000)
    fields = (address + align(body, 0x1000), 0x200, 0x1000, 0x0100)
    where = (_SETUP_SIZE + body, certificates) if certificates else (0, 0)
    section = struct.pack(
        "<8sIIIIIIHHI", b".text", body, address, body, _SETUP_SIZE, 0, 0, 0, 0, 0x60000020
    )
    dos = b"MZ".ljust(0x3C, b"\0") + struct.pack("<I", 0x40)
    return dos + headers("x86-64", 1, _SETUP_SIZE, fields, where) + section
