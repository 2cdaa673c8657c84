"""What is this file? Parsers from bytes to one immutable value per boot image."""

from warmboot.core.images.identify import formats, identify
from warmboot.core.images.image_file import Identity, ImageFile
from warmboot.core.images.model import BootImage, Fact, Format, Method, Stream
from warmboot.core.images.view import BytesView, FileView, View

__all__ = [
    "BootImage",
    "BytesView",
    "Fact",
    "FileView",
    "Format",
    "Identity",
    "ImageFile",
    "Method",
    "Stream",
    "View",
    "formats",
    "identify",
]
