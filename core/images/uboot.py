"""U-Boot's images, uImage and FIT: recognised and named; kexec cannot load them.

Sources: include/image.h of U-Boot (legacy header, big endian); the Devicetree Specification.
"""

from __future__ import annotations

from warmboot.core.architecture import of_uboot
from warmboot.core.errors import ImageError
from warmboot.core.hints import ClassVar, Self
from warmboot.core.images.model import BootImage, Fact, Format
from warmboot.core.images.view import View
from warmboot.core.values import dataclass

_UIMAGE = b"\x27\x05\x19\x56"
_FDT = b"\xd0\x0d\xfe\xed"
_HEADER = 64
_KERNEL, _RAMDISK, _SCRIPT, _KERNEL_ANYWHERE = 2, 3, 6, 14
_LONGEST_SCRIPT = 1 << 20  # bytes
_TYPES = {
    1: "standalone program", _KERNEL: "kernel", _RAMDISK: "ramdisk (initrd)", 4: "several files",
    5: "firmware", _SCRIPT: "script", 7: "file system", 8: "device tree",
    _KERNEL_ANYWHERE: "kernel that runs at any address",
}  # fmt: skip
_COMPRESSIONS = {0: "none", 1: "gzip", 2: "bzip2", 3: "lzma", 4: "lzo", 5: "lz4", 6: "zstd"}


@dataclass(frozen=True, kw_only=True)
class UImage(BootImage):
    """A legacy U-Boot image; `name` is the text its maker gave it, `kind` and `compression` the
    numbers of ih_type and ih_comp."""

    format: ClassVar[Format] = Format.UIMAGE
    about: ClassVar[str] = "legacy U-Boot image; named, not loaded"
    recognised_by: ClassVar[str] = "0x27051956 (big endian) at 0"
    unpacks_itself: ClassVar[bool] = True

    name: str
    data_size: int
    kind: int
    compression: int

    @classmethod
    def matches(cls, head: bytes) -> bool:
        return head[:4] == _UIMAGE

    @classmethod
    def parse(cls, view: View) -> Self:
        header = view.read(0, _HEADER, "uImage header")
        count = int.from_bytes(header[12:16], "big")
        view.part(_HEADER, count, "uImage data")
        return cls(
            file_size=view.size,
            architecture=of_uboot(header[29]),
            name=view.text(32, 32, "uImage name"),
            data_size=count,
            kind=header[30],
            compression=header[31],
        )

    @property
    def holds(self) -> str:
        """What the image is for, in words."""
        return _TYPES.get(self.kind, f"type {self.kind}")

    def facts(self) -> tuple[Fact, ...]:
        compression = _COMPRESSIONS.get(self.compression, f"number {self.compression}")
        return (
            Fact("Holds", self.holds),
            Fact("Name", self.name or "none"),
            Fact("Compression", compression),
        )


def unwrapped(view: View, name: str) -> View:
    """Return an initrd without the header that U-Boot wants in front of it; others as they are.

    A kernel finds no archive in a wrapped one. Raises ImageError where the file holds something
    else than an initrd, or is cut off; `name` is for the message.
    """
    if view.head(4) != _UIMAGE:
        return view
    image = UImage.parse(view)
    if image.kind != _RAMDISK:
        raise ImageError(
            f"{name} holds no initrd; its U-Boot header calls the content {image.holds}",
            hint="Name the initrd itself; U-Boot's dumpimage takes such files apart.",
        )
    return view.part(_HEADER, image.data_size, "initrd")


def holds_initrd(view: View) -> bool:
    """Whether a file is an initrd with U-Boot's header in front."""
    head = view.head(_HEADER)
    return head[:4] == _UIMAGE and len(head) == _HEADER and head[30] == _RAMDISK


def is_wrapped(view: View) -> bool:
    """Whether U-Boot's header stands in front of a file."""
    return view.head(4) == _UIMAGE


def script_of(view: View) -> str:
    """Return the text of a script that U-Boot's ``source`` runs.

    Raises ImageError where the file holds something else, or where U-Boot refuses it: it is cut off
    or its check sums do not fit. More than a script ever has is not read.
    """
    if view.head(4) != _UIMAGE:
        raise ImageError("It is no script behind U-Boot's header, which is all that is read here")
    image = UImage.parse(view)
    if image.kind != _SCRIPT:
        raise ImageError(f"It holds no script; its U-Boot header calls the content {image.holds}")
    if image.data_size > _LONGEST_SCRIPT:
        raise ImageError(f"Its script has {image.data_size} bytes, more than one ever has")
    header = view.read(0, _HEADER, "uImage header")
    data = view.read(_HEADER, image.data_size, "script")
    blank = header[:4] + bytes(4) + header[8:]  # its own sum counts as 0
    sums = int.from_bytes(header[4:8], "big"), int.from_bytes(header[24:28], "big")
    import zlib  # few machines have such a script

    if (zlib.crc32(blank), zlib.crc32(data)) != sums:
        raise ImageError("Its check sum does not fit: U-Boot refuses it")
    # The sizes of what it holds stand in front, up to one of 0; a script is the first.
    length = int.from_bytes(data[:4], "big")
    start = 4 * next((n + 1 for n in range(len(data) // 4) if not any(data[4 * n : 4 * n + 4])), 0)
    if start == 0 or start + length > len(data):
        raise ImageError("Its table of sizes does not end", offset=_HEADER)
    return data[start : start + length].decode("utf-8", "backslashreplace")


@dataclass(frozen=True, kw_only=True)
class FitImage(BootImage):
    """A flattened image tree: a device tree that holds kernels."""

    format: ClassVar[Format] = Format.FIT
    about: ClassVar[str] = "flattened image tree of U-Boot; named, not loaded"
    recognised_by: ClassVar[str] = "0xd00dfeed (big endian) at 0"
    unpacks_itself: ClassVar[bool] = True

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
