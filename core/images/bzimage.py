"""x86 bzImage. Source: Documentation/arch/x86/boot.rst, arch/x86/kernel/kexec-bzimage64.c."""

from __future__ import annotations

import struct

from warmboot.core.architecture import Architecture
from warmboot.core.errors import ImageError
from warmboot.core.hints import ClassVar, Self
from warmboot.core.images.compression import detect_method
from warmboot.core.images.model import BootImage, Fact, Format, Method, Stream
from warmboot.core.images.view import View
from warmboot.core.text import size
from warmboot.core.values import dataclass

#: From 0x1f1: setup_sects, version, kernel_version, loadflags, kernel_alignment,
#: relocatable_kernel, xloadflags, cmdline_size, payload_offset, payload_length, pref_address,
#: init_size, handover_offset.
_SETUP_START = 0x1F1
_HEADER = "setup header"
_SETUP = struct.Struct("<B20xH6xHxB30xIBxHI12xII8xQII")
LOADED_HIGH = 0x01
XLF_KERNEL_64 = 0x01
XLF_CAN_BE_LOADED_ABOVE_4G = 0x02
XLF_5LEVEL = 0x20
_XLF_NAMES = {
    0x01: "64-bit",
    0x02: "above 4 GiB",
    0x04: "EFI handover 32",
    0x08: "EFI handover 64",
    0x10: "EFI kexec",
    0x20: "5-level paging",
    0x40: "5-level paging on",
    0x80: "memory encryption",
}


@dataclass(frozen=True, kw_only=True)
class BzImage(BootImage):
    """The x86 setup header. `protocol` is the boot protocol version (0x020f is 2.15)."""

    format: ClassVar[Format] = Format.BZIMAGE
    about: ClassVar[str] = "x86 kernel with its setup code (vmlinuz)"
    recognised_by: ClassVar[str] = "0xaa55 at 0x1fe and `HdrS` at 0x202"

    protocol: int
    loadflags: int
    xloadflags: int
    setup_size: int
    cmdline_size: int | None
    relocatable: bool
    alignment: int
    preferred_address: int
    handover_offset: int

    @classmethod
    def matches(cls, head: bytes) -> bool:
        return head[0x1FE:0x200] == b"\x55\xaa" and head[0x202:0x206] == b"HdrS"

    @classmethod
    def parse(cls, view: View) -> Self:
        raw = view.read(_SETUP_START, _SETUP.size, _HEADER)
        (
            sectors, protocol, version, loadflags, alignment, relocatable, xloadflags, cmdline_size,
            payload, payload_size, address, memory_size, handover,
        ) = _SETUP.unpack(raw)  # fmt: skip
        _check_protocol(protocol)
        if protocol < 0x20C:  # what is newer than the protocol is something else
            xloadflags = 0
        setup = ((sectors or 4) + 1) * 512
        banner = _version(view, version)
        stream = _stream(view, setup + payload, payload_size) if protocol >= 0x208 else None
        return cls(
            file_size=view.size,
            architecture=Architecture.X86_64 if xloadflags & XLF_KERNEL_64 else Architecture.X86,
            release=_release(banner),
            banner=banner,
            memory_size=memory_size or None if protocol >= 0x20A else None,
            stream=stream,
            protocol=protocol,
            loadflags=loadflags,
            xloadflags=xloadflags,
            setup_size=setup,
            cmdline_size=cmdline_size or None if protocol >= 0x206 else None,
            relocatable=bool(relocatable) if protocol >= 0x205 else False,
            alignment=alignment if protocol >= 0x205 else 0,
            preferred_address=address if protocol >= 0x20A else 0,
            handover_offset=handover if protocol >= 0x20B else 0,
        )

    @classmethod
    def stated_release(cls, view: View) -> str | None:
        _, protocol, version, *_ = _SETUP.unpack(view.read(_SETUP_START, _SETUP.size, _HEADER))
        _check_protocol(protocol)
        return _release(_version(view, version))

    def facts(self) -> tuple[Fact, ...]:
        flags = [name for bit, name in _XLF_NAMES.items() if self.xloadflags & bit]
        limit = f"{self.cmdline_size} bytes" if self.cmdline_size else "255 bytes"
        return (
            Fact("Boot protocol", f"{self.protocol >> 8}.{self.protocol & 0xFF:02d}"),
            Fact("Abilities", ", ".join(flags) or "none stated"),
            Fact("Relocatable", "yes" if self.relocatable else "no"),
            Fact("Command line limit", limit),
            Fact("Compression", self.stream.method if self.stream else "not recognised"),
            Fact("Setup code", size(self.setup_size)),
        )


def _check_protocol(protocol: int) -> None:
    if not 0x0200 <= protocol < 0x0300:
        raise ImageError(f"Unknown x86 boot protocol {protocol:#06x}", offset=0x206)


def _release(version: str | None) -> str | None:
    return version.split(" ", 1)[0] if version else None


def _version(view: View, pointer: int) -> str | None:
    """Return the version text that kernel_version points to; its first word is the release."""
    if pointer == 0 or pointer + 0x200 >= view.size:
        return None
    return view.text(pointer + 0x200, 256, "kernel version text") or None


def _stream(view: View, offset: int, count: int) -> Stream | None:
    """Return the compressed vmlinux inside; its length counts the le32 that stands behind it."""
    if count < 8 or offset + count > view.size:
        return None
    method = detect_method(view.read(offset, min(count, 9), "payload"))
    if method is None:
        return None
    declared = view.u32(offset + count - 4, "uncompressed size")
    if method is Method.GZIP:
        return Stream(method, offset, count, declared)
    return Stream(method, offset, count - 4, declared, trailer=4)
