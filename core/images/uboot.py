"""U-Boot's images, uImage and FIT: recognised and named; kexec cannot load them.

Sources: include/image.h of U-Boot (legacy header, big endian); the Devicetree Specification.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from warmboot.core.architecture import of_uboot
from warmboot.core.errors import ImageError
from warmboot.core.images.model import BootImage, Fact, Format
from warmboot.core.images.view import View

_UIMAGE = b"\x27\x05\x19\x56"
_FDT = b"\xd0\x0d\xfe\xed"


@dataclass(frozen=True, slots=True, kw_only=True)
class UImage(BootImage):
    """A legacy U-Boot image; `name` is the text its maker gave it."""

    format: ClassVar[Format] = Format.UIMAGE
    about: ClassVar[str] = "legacy U-Boot image; named, not loaded"
    recognised_by: ClassVar[str] = "0x27051956 (big endian) at 0"

    name: str
    data_size: int

    @classmethod
    def matches(cls, head: bytes) -> bool:
        return head[:4] == _UIMAGE

    @classmethod
    def parse(cls, view: View) -> Self:
        header = view.read(0, 64, "uImage header")
        count = int.from_bytes(header[12:16], "big")
        view.part(64, count, "uImage data")
        return cls(
            file_size=view.size,
            architecture=of_uboot(header[29]),
            name=view.text(32, 32, "uImage name"),
            data_size=count,
        )

    def facts(self) -> tuple[Fact, ...]:
        return (Fact("Name", self.name or "none"),)


@dataclass(frozen=True, slots=True, kw_only=True)
class FitImage(BootImage):
    """A flattened image tree: a device tree that holds kernels."""

    format: ClassVar[Format] = Format.FIT
    about: ClassVar[str] = "flattened image tree of U-Boot; named, not loaded"
    recognised_by: ClassVar[str] = "0xd00dfeed (big endian) at 0"

    tree_size: int

    @classmethod
    def matches(cls, head: bytes) -> bool:
        return head[:4] == _FDT

    @classmethod
    def parse(cls, view: View) -> Self:
        count = int.from_bytes(view.read(4, 4, "tree size"), "big")
        if count < 40:
            raise ImageError(f"Invalid device tree size: {count} bytes", offset=4)
        view.part(0, count, "image tree")
        return cls(file_size=view.size, architecture=None, tree_size=count)
