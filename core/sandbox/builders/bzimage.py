"""x86 bzImages. Sources: Documentation/arch/x86/boot.rst (the setup header),
arch/x86/boot/header.S."""

from __future__ import annotations

import struct
import zlib

from warmboot.core.errors import WarmbootError
from warmboot.core.sandbox.builders.compress import compress
from warmboot.core.sandbox.builders.elf import build_elf_kernel
from warmboot.core.sandbox.builders.pe import (
    DATA,
    KERNEL_DIRECTORIES,
    LINUX_PE_MAGIC,
    READ,
    TEXT,
    WRITE,
    PeOptions,
    Placed,
    align,
    build_headers,
    with_checksum,
)

_SECTOR = 512
_PAGE = 0x1000
_STUB = 0x4000  # protected-mode code in front of the payload
_HEAP = 0x10000  # .data in memory
_KERNEL_INFO = 0x800  # in that code
_HANDOVER = 0x390
_VERSION_TEXT = 0x600
_PE_OFFSET = 0x40
_NO_EFI_FLAGS = 0x63
_ALL_FLAGS = 0x7F

#: Every field of the setup header: name → offset, struct format, first protocol that has it.
#: Source: the table "The Real-Mode Kernel Header" of boot.rst.
FIELDS = {
    "setup_sects": (0x1F1, "<B", 0x0200),
    "root_flags": (0x1F2, "<H", 0x0200),
    "syssize": (0x1F4, "<I", 0x0204),
    "ram_size": (0x1F8, "<H", 0x0200),
    "vid_mode": (0x1FA, "<H", 0x0200),
    "root_dev": (0x1FC, "<H", 0x0200),
    "boot_flag": (0x1FE, "<H", 0x0200),
    "jump": (0x200, "<H", 0x0200),
    "header": (0x202, "<4s", 0x0200),
    "version": (0x206, "<H", 0x0200),
    "realmode_swtch": (0x208, "<I", 0x0200),
    "start_sys_seg": (0x20C, "<H", 0x0200),
    "kernel_version": (0x20E, "<H", 0x0200),
    "type_of_loader": (0x210, "<B", 0x0200),
    "loadflags": (0x211, "<B", 0x0200),
    "setup_move_size": (0x212, "<H", 0x0200),
    "code32_start": (0x214, "<I", 0x0200),
    "ramdisk_image": (0x218, "<I", 0x0200),
    "ramdisk_size": (0x21C, "<I", 0x0200),
    "bootsect_kludge": (0x220, "<I", 0x0200),
    "heap_end_ptr": (0x224, "<H", 0x0201),
    "ext_loader_ver": (0x226, "<B", 0x0202),
    "ext_loader_type": (0x227, "<B", 0x0202),
    "cmd_line_ptr": (0x228, "<I", 0x0202),
    "initrd_addr_max": (0x22C, "<I", 0x0203),
    "kernel_alignment": (0x230, "<I", 0x0205),
    "relocatable_kernel": (0x234, "<B", 0x0205),
    "min_alignment": (0x235, "<B", 0x020A),
    "xloadflags": (0x236, "<H", 0x020C),
    "cmdline_size": (0x238, "<I", 0x0206),
    "hardware_subarch": (0x23C, "<I", 0x0207),
    "hardware_subarch_data": (0x240, "<Q", 0x0207),
    "payload_offset": (0x248, "<I", 0x0208),
    "payload_length": (0x24C, "<I", 0x0208),
    "setup_data": (0x250, "<Q", 0x0209),
    "pref_address": (0x258, "<Q", 0x020A),
    "init_size": (0x260, "<I", 0x020A),
    "handover_offset": (0x264, "<I", 0x020B),
    "kernel_info_offset": (0x268, "<I", 0x020F),
}


def build_bzimage(
    release: str,
    *,
    protocol: int = 0x020F,
    loadflags: int = 0x01,
    xloadflags: int | None = None,
    setup_sects: int = 39,
    cmdline_size: int = 2047,
    relocatable: int = 1,
    init_size: int | None = None,
    method: str = "zstd",
    level: int | None = None,
    body_size: int = 1 << 20,
    ikconfig: str | None = None,
    efi_stub: bool = True,
    certificates: bytes = b"",
) -> bytes:
    """Return a bzImage whose header has every field that boot protocol `protocol` knows.

    Its payload is an ELF vmlinux; with `efi_stub` it is an EFI program as well, which
    `certificates` sign. Sizes are in bytes, `setup_sects` counts sectors of 512. `xloadflags` is
    None for all abilities of a kernel with or without that stub, `init_size` for what the
    kernel needs. Raises WarmbootError for `setup_sects` below 4 or without room in its byte, and
    for certificates of a kernel that is no EFI program.
    """
    if not 4 <= setup_sects <= 0xFF:
        raise WarmbootError(f"A bzImage cannot have {setup_sects} setup sectors")
    if certificates and not efi_stub:
        raise WarmbootError("Only an EFI program can carry certificates")
    vmlinux = build_elf_kernel("x86-64", release, body_size=body_size, ikconfig=ikconfig)
    payload = compress(vmlinux, method, level)
    if method != "gzip":
        payload += struct.pack("<I", len(vmlinux))
    code = _protected_mode(payload)
    memory = align(max(len(vmlinux), len(payload)) + (1 << 20), _PAGE)
    values: dict[str, int | bytes] = {
        "setup_sects": setup_sects,
        "root_flags": 1,
        "syssize": len(code) // 16,
        "vid_mode": 0xFFFF,
        "boot_flag": 0xAA55,
        "jump": 0x6AEB,  # a short jump over the header
        "header": b"HdrS",
        "version": protocol,
        "start_sys_seg": 0x1000,
        "kernel_version": _VERSION_TEXT - 0x200,
        "loadflags": loadflags,
        "setup_move_size": 0x8000,
        "code32_start": 0x100000,
        "heap_end_ptr": 0x5320,
        "initrd_addr_max": 0x7FFFFFFF,
        "kernel_alignment": 0x200000,
        "relocatable_kernel": relocatable,
        "min_alignment": 21,
        "xloadflags": xloadflags or 0,
        "cmdline_size": cmdline_size,
        "payload_offset": _STUB,
        "payload_length": len(payload),
        "pref_address": 0x1000000,
        "init_size": memory if init_size is None else init_size,
        "handover_offset": _HANDOVER if efi_stub else 0,
        "kernel_info_offset": _KERNEL_INFO,
    }
    if xloadflags is None:
        values["xloadflags"] = _ALL_FLAGS if efi_stub else _NO_EFI_FLAGS
    setup = _setup(release, values, (setup_sects + 1) * _SECTOR)
    if efi_stub:
        head = _efi_headers(len(setup), len(code), len(certificates))
        setup[: len(head)] = head
    return _finish(bytes(setup) + code, certificates)


def _protected_mode(payload: bytes) -> bytes:
    """Return the part behind the setup code in whole sectors, the last one free for the CRC."""
    stub = bytearray(b"\x90" * _STUB)
    struct.pack_into("<4sIII", stub, _KERNEL_INFO, b"LToP", 16, 16, 0x80000009)
    code = bytes(stub) + payload
    return code.ljust(align(len(code), _SECTOR) + _SECTOR, b"\0")


def _setup(release: str, values: dict[str, int | bytes], size: int) -> bytearray:
    """Return the setup code; fields newer than the protocol stay 0."""
    setup = bytearray(size)
    protocol = values["version"]
    for name, (offset, form, since) in FIELDS.items():
        if isinstance(protocol, int) and since <= protocol and name in values:
            struct.pack_into(form, setup, offset, values[name])
    text = f"{release} (build@sandbox) #1 SMP PREEMPT_DYNAMIC Thu Jan  1 00:00:00 UTC 1970\0"
    setup[_VERSION_TEXT : _VERSION_TEXT + len(text)] = text.encode()
    return setup


def _efi_headers(setup: int, code: int, certificates: int) -> bytes:
    """Return DOS and PE headers, which fit in front of the setup header."""
    head = min(setup, _PAGE)
    start = align(setup, _PAGE)
    text = code - _SECTOR
    placed = [
        Placed(".text", TEXT, start, text, setup, text),
        Placed(
            ".data", DATA | READ | WRITE, align(start + text, _PAGE), _HEAP, setup + text, _SECTOR
        ),
    ]
    if setup > head:
        placed.insert(0, Placed(".setup", DATA | READ, head, setup - head, head, setup - head))
    options = PeOptions(
        header_size=head,
        image_version=3,
        entry=start + _HANDOVER,
        directories=KERNEL_DIRECTORIES,
        certificates=(setup + code, certificates) if certificates else (0, 0),
    )
    dos = b"MZ".ljust(0x38, b"\0") + struct.pack("<II", LINUX_PE_MAGIC, _PE_OFFSET)
    return dos + build_headers("x86-64", placed, options)


def _finish(image: bytes, certificates: bytes) -> bytes:
    """Fill in the CRC-32 of the whole image; sign it.

    Up to the end that syssize states, the CRC register ends at 0. Signing changes the header
    afterwards, so a signed kernel has the right PE checksum and no right CRC.
    """
    crc = zlib.crc32(image[:-4]) ^ 0xFFFFFFFF
    image = image[:-4] + struct.pack("<I", crc)
    return with_checksum(image + certificates) if certificates else image
