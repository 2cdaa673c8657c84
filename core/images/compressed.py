"""Kernels compressed as a whole: Image.gz, Image.zst and so on, under any name."""

from __future__ import annotations

from warmboot.core.errors import ImageError
from warmboot.core.hints import ClassVar, Self
from warmboot.core.images.compression import detect_method
from warmboot.core.images.model import BootImage, Fact, Format, Stream
from warmboot.core.images.view import View
from warmboot.core.values import dataclass


@dataclass(frozen=True, kw_only=True)
class CompressedImage(BootImage):
    """A compressed file. What it holds, and for which architecture, only unpacking tells."""

    format: ClassVar[Format] = Format.COMPRESSED
    about: ClassVar[str] = "kernel compressed as a whole (Image.gz, Image.zst, …)"
    recognised_by: ClassVar[str] = "the magic of gzip, zstd, xz, lz4 (legacy), lzo, lzma or bzip2"

    @classmethod
    def matches(cls, head: bytes) -> bool:
        return detect_method(head) is not None

    @classmethod
    def parse(cls, view: View) -> Self:
        method = detect_method(view.head(16))
        if method is None:
            raise ImageError("Not a compressed file that warmboot knows", offset=0)
        return cls(file_size=view.size, architecture=None, stream=Stream(method, 0, view.size))

    def facts(self) -> tuple[Fact, ...]:
        return (Fact("Compression", self.stream.method if self.stream else "none"),)
