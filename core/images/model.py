"""The values that every boot image format shares."""

from __future__ import annotations

from warmboot.core.architecture import Architecture
from warmboot.core.enumeration import StrEnum
from warmboot.core.hints import ClassVar, Self
from warmboot.core.images.view import View
from warmboot.core.text import size
from warmboot.core.values import dataclass


class Format(StrEnum):
    """Boot image formats, by the names the field uses."""

    ZBOOT = "zboot"
    UKI = "UKI"
    ADDON = "UKI add-on"
    PE = "PE"
    BZIMAGE = "bzImage"
    IMAGE = "Image"
    COMPRESSED = "compressed Image"
    UIMAGE = "uImage"
    FIT = "FIT"
    ELF = "ELF"
    ZIMAGE = "zImage"
    S390 = "s390x image"
    PARSER = "BPF parser"
    PARSERS = "BPF parser container"
    ENVELOPE = "kexec envelope"


class Method(StrEnum):
    """Compression methods, by the name of the tool."""

    GZIP = "gzip"
    ZSTD = "zstd"
    LZ4 = "lz4"
    LZMA = "lzma"
    LZO = "lzo"
    XZ = "xz"
    BZIP2 = "bzip2"


@dataclass(frozen=True)
class Stream:
    """A compressed payload inside a file: `size` bytes at `offset`.

    `declared` is the uncompressed size in bytes that the container states beside the stream;
    None where it states none (gzip carries its own). `trailer` bytes behind the stream belong to
    the container (the le32 that kernel builds append).
    """

    method: Method
    offset: int
    size: int
    declared: int | None = None
    trailer: int = 0


@dataclass(frozen=True)
class Fact:
    """One line about an image for a person: a label and a value, both printable text."""

    label: str
    value: str


@dataclass(frozen=True, kw_only=True)
class BootImage:
    """What a boot image file says about itself; each format adds its own fields.

    Sizes are bytes. `memory_size` is what the kernel occupies once loaded, None where the format
    does not say. `release` is the kernel release (as ``uname -r`` prints it) where the header
    has it; for compressed kernels it comes out of the payload only. `unpacks_itself`: it holds a
    kernel that is not unpacked here.
    """

    format: ClassVar[Format]
    about: ClassVar[str]
    recognised_by: ClassVar[str]
    unpacks_itself: ClassVar[bool] = False

    file_size: int
    architecture: Architecture | None
    release: str | None = None
    banner: str | None = None
    memory_size: int | None = None
    stream: Stream | None = None

    @classmethod
    def matches(cls, head: bytes) -> bool:
        """Tell from the first 4096 bytes whether a file claims to be of this format."""
        raise NotImplementedError

    @classmethod
    def claims(cls, view: View) -> bool:
        """Tell for a file that matches, where its first bytes do not decide; may raise
        ImageError."""
        return True

    @classmethod
    def parse(cls, view: View) -> Self:
        """Return the header's value; raise ImageError where the bytes break the format."""
        raise NotImplementedError

    @classmethod
    def stated_release(cls, view: View) -> str | None:
        """Return the `release` that `parse` finds, where less does; raise ImageError as it does."""
        return cls.parse(view).release

    def facts(self) -> tuple[Fact, ...]:
        """Return the lines that are special to this format."""
        return ()

    def describe(self) -> tuple[Fact, ...]:
        """Return everything the header says, as lines for a person."""
        lines = [Fact("Format", self.format.value)]
        lines.append(Fact("Architecture", self.architecture or "not stated"))
        if self.release:
            lines.append(Fact("Kernel release", self.release))
        if self.banner:
            lines.append(Fact("Banner", self.banner))
        lines.append(Fact("File size", f"{size(self.file_size)} ({self.file_size} bytes)"))
        if self.memory_size is not None:
            lines.append(Fact("Size in memory", f"{size(self.memory_size)}"))
        return (*lines, *self.facts())
