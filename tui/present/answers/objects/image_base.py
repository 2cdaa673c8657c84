"""What the images of every format have in common, in JSON."""

from __future__ import annotations

from warmboot.core.architecture import Architecture
from warmboot.core.hints import Annotated, TypedDict
from warmboot.core.images import BootImage, Method, Stream


class StreamFields(TypedDict):
    """A compressed payload inside a file."""

    method: Annotated[Method, "how it is compressed"]
    offset: Annotated[int, "where it stands in the file"]
    size: Annotated[int, "its bytes, compressed"]
    declared: Annotated[
        int | None, "bytes once it is unpacked, as stated beside it; null where that is not stated"
    ]
    trailer: Annotated[int, "bytes behind it that belong to the container"]


class ImageBase(TypedDict):
    """What every image says of itself."""

    file_size: Annotated[int, "bytes of the file"]
    architecture: Annotated[Architecture | None, "what it is for; null where it does not say"]
    release: Annotated[
        str | None, "the kernel's release, as uname -r prints it; null where the header lacks it"
    ]
    banner: Annotated[str | None, "the kernel's version line; null where the header lacks it"]
    memory_size: Annotated[int | None, "bytes it takes once loaded; null where it does not say"]
    stream: Annotated[StreamFields | None, "the compressed payload; null where there is none"]


def stream_fields(stream: Stream) -> StreamFields:
    """Return a compressed payload as answers hold it."""
    return {
        "method": stream.method,
        "offset": stream.offset,
        "size": stream.size,
        "declared": stream.declared,
        "trailer": stream.trailer,
    }


def image_base(image: BootImage) -> ImageBase:
    """Return what the images of every format have in common."""
    return {
        "file_size": image.file_size,
        "architecture": image.architecture,
        "release": image.release,
        "banner": image.banner,
        "memory_size": image.memory_size,
        "stream": stream_fields(image.stream) if image.stream is not None else None,
    }
