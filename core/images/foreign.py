"""Kernels that kexec of the machines warmboot runs on does not take: named, and their facts shown.

Sources: arch/arm/boot/compressed/head.S (zImage); arch/s390/boot/head.S and
arch/s390/include/asm/setup.h (the kernel image of s390x).
"""

from __future__ import annotations

from warmboot.core.architecture import Architecture
from warmboot.core.errors import ImageError
from warmboot.core.hints import ClassVar, Self
from warmboot.core.images.model import BootImage, Fact, Format
from warmboot.core.images.view import View
from warmboot.core.values import dataclass

_ZIMAGE = (0x016F2818).to_bytes(4, "little")
_ZIMAGE_SWAPPED = (0x016F2818).to_bytes(4, "big")
#: The channel program that reads the image, as IPL finds it: an EBCDIC card deck.
_S390_IPL = bytes.fromhex("0200001860000050")
_S390_MARK_AT, _S390_MARK = 0x10008, b"S390EP"
_S390_VERSION_AT = 0x10428


@dataclass(frozen=True, kw_only=True)
class ZImage(BootImage):
    """A 32-bit ARM kernel that unpacks itself; `start` and `end` are the addresses it states."""

    format: ClassVar[Format] = Format.ZIMAGE
    about: ClassVar[str] = "32-bit ARM kernel that unpacks itself; named, not loaded"
    recognised_by: ClassVar[str] = "0x016f2818 at 0x24"
    unpacks_itself: ClassVar[bool] = True

    start: int
    end: int
    big_endian: bool
    efi: bool

    @classmethod
    def matches(cls, head: bytes) -> bool:
        return head[0x24:0x28] in (_ZIMAGE, _ZIMAGE_SWAPPED)

    @classmethod
    def parse(cls, view: View) -> Self:
        head = view.read(0, 0x34, "zImage header")
        swapped = head[0x24:0x28] == _ZIMAGE_SWAPPED
        order = "big" if swapped else "little"
        start, end = (
            int.from_bytes(head[at : at + 4], "big" if swapped else "little") for at in (0x28, 0x2C)
        )
        if end < start:
            raise ImageError(f"The zImage ends at {end:#x}, in front of its start", offset=0x2C)
        if end - start > view.size:
            raise ImageError(
                f"The zImage states {end - start} bytes, the file has {view.size}",
                offset=0x2C,
                hint="The file is truncated or damaged. Compare its size with the original.",
            )
        return cls(
            file_size=view.size,
            architecture=Architecture.ARM,
            start=start,
            end=end,
            big_endian=order == "big",
            efi=head[:2] == b"MZ",
        )

    def facts(self) -> tuple[Fact, ...]:
        return (
            Fact("Byte order", "big endian" if self.big_endian else "little endian"),
            Fact("EFI stub", "yes" if self.efi else "no"),
            Fact("Kernel inside", "compressed; it unpacks itself"),
        )


@dataclass(frozen=True, kw_only=True)
class S390Image(BootImage):
    """The kernel image of s390x, as zipl(8) installs it."""

    format: ClassVar[Format] = Format.S390
    about: ClassVar[str] = "kernel of s390x; named, not loaded"
    recognised_by: ClassVar[str] = "a channel program at 8 and `S390EP` at 0x10008"
    unpacks_itself: ClassVar[bool] = True

    @classmethod
    def matches(cls, head: bytes) -> bool:
        return head[8:16] == _S390_IPL

    @classmethod
    def claims(cls, view: View) -> bool:
        end = _S390_MARK_AT + len(_S390_MARK)
        return view.size >= end and view.read(_S390_MARK_AT, 6, "mark") == _S390_MARK

    @classmethod
    def parse(cls, view: View) -> Self:
        banner = None
        if view.size >= _S390_VERSION_AT + 8:
            pointer = int.from_bytes(view.read(_S390_VERSION_AT, 8, "version pointer"), "big")
            if 0 < pointer < view.size:
                banner = view.text(pointer, 256, "version text")
        return cls(
            file_size=view.size,
            architecture=Architecture.S390X,
            release=banner.split(" ", 1)[0] if banner else None,
            banner=banner or None,
        )

    def facts(self) -> tuple[Fact, ...]:
        return (Fact("Kernel inside", "compressed; it unpacks itself"),)
