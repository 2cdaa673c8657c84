"""Uncompressed kernels with a 64-byte header: arm64, riscv and loongarch Image.

Sources: Documentation/arch/arm64/booting.rst, Documentation/arch/riscv/boot-image-header.rst,
arch/loongarch/kernel/head.S.
"""

from __future__ import annotations

from warmboot.core.architecture import Architecture
from warmboot.core.errors import ImageError
from warmboot.core.hints import ClassVar, Self, TypedDict
from warmboot.core.images.carried import CarriedParser, carried_parser
from warmboot.core.images.model import BootImage, Fact, Format
from warmboot.core.images.pe import is_signed, machine_of
from warmboot.core.images.view import View
from warmboot.core.images.zboot import LINUX_PE_MAGIC
from warmboot.core.values import dataclass

_ARM64 = b"ARM\x64"
_RISCV = b"RSC\x05"
_PE = LINUX_PE_MAGIC.to_bytes(4, "little")
_PAGES = {0: "not stated", 1: "4 KiB", 2: "16 KiB", 3: "64 KiB"}


@dataclass(frozen=True, kw_only=True)
class RawImage(BootImage):
    """An Image header. `text_offset` (bytes from a 2 MiB boundary) is where the kernel starts.

    `entry` is how many bytes behind the image's first one it is entered.
    """

    format: ClassVar[Format] = Format.IMAGE
    about: ClassVar[str] = "uncompressed kernel of arm64, riscv64 or loongarch64"
    recognised_by: ClassVar[str] = (
        "at 0x38 `ARM\\x64` or `RSC\\x05`, or a LoongArch PE with the Linux magic 0x818223cd"
    )

    text_offset: int
    flags: int
    big_endian: bool
    page_size: str
    place_anywhere: bool
    carried: CarriedParser | None
    signed: bool
    entry: int = 0

    @classmethod
    def matches(cls, head: bytes) -> bool:
        magic = head[0x38:0x3C]
        if magic in (_ARM64, _RISCV):
            return True
        return magic == _PE and head[:2] == b"MZ" and head[4:8] != b"zimg"

    @classmethod
    def parse(cls, view: View) -> Self:
        magic = view.read(0, 0x40, "Image header")[0x38:0x3C]
        if magic == _ARM64:
            return cls._parse_arm64(view)
        if magic == _RISCV:
            return cls._parse_riscv(view)
        return cls._parse_loongarch(view)

    @classmethod
    def _parse_arm64(cls, view: View) -> Self:
        flags = view.u64(0x18, "flags")
        image_size = view.u64(0x10, "image_size")
        if image_size == 0:
            raise ImageError(
                "The arm64 Image states no size (kernels before 3.17); kexec cannot place it",
                offset=0x10,
            )
        return cls(
            file_size=view.size,
            architecture=Architecture.ARM64,
            memory_size=image_size,
            text_offset=view.u64(0x08, "text_offset"),
            flags=flags,
            big_endian=bool(flags & 1),
            page_size=_PAGES[flags >> 1 & 3],
            place_anywhere=bool(flags & 8),
            **_pe_facts(view),
        )

    @classmethod
    def _parse_riscv(cls, view: View) -> Self:
        flags = view.u64(0x18, "flags")
        return cls(
            file_size=view.size,
            architecture=Architecture.RISCV64,
            memory_size=view.u64(0x10, "image_size"),
            text_offset=view.u64(0x08, "text_offset"),
            flags=flags,
            big_endian=bool(flags & 1),
            page_size=_PAGES[0],
            place_anywhere=True,
            **_pe_facts(view),
        )

    @classmethod
    def _parse_loongarch(cls, view: View) -> Self:
        architecture = machine_of(view)
        if architecture is not Architecture.LOONGARCH64:
            raise ImageError(
                "A Linux EFI kernel of an architecture warmboot does not know", offset=0x38
            )
        offset = view.u64(0x18, "load offset")
        return cls(
            file_size=view.size,
            architecture=architecture,
            memory_size=view.u64(0x10, "image size"),
            text_offset=offset,
            entry=view.u64(0x08, "entry point") - offset,
            flags=0,
            big_endian=False,
            page_size=_PAGES[0],
            place_anywhere=False,
            **_pe_facts(view),
        )

    def facts(self) -> tuple[Fact, ...]:
        return (
            Fact("Text offset", f"{self.text_offset:#x}"),
            Fact("Byte order", "big endian" if self.big_endian else "little endian"),
            Fact("Page size", self.page_size),
            Fact("Placement", "anywhere" if self.place_anywhere else "near the start of memory"),
        )


class _PeFacts(TypedDict):
    carried: CarriedParser | None
    signed: bool


def _pe_facts(view: View) -> _PeFacts:
    """Return what an Image that is a PE file too, for EFI, says as one."""
    return _PeFacts(carried=carried_parser(view), signed=is_signed(view))
