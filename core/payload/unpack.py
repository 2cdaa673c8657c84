"""From a compressed payload to a kernel in memory: streamed, measured, checked."""

from __future__ import annotations

from collections.abc import Callable

from warmboot.core.errors import ImageError
from warmboot.core.images import BootImage, Method, Stream, View, identify
from warmboot.core.payload.codecs import Piece, Source, decoder_for
from warmboot.core.payload.follow import Follower
from warmboot.core.payload.memfile import MemFile
from warmboot.core.progress import Cancel, Phase, Report, Reporter, ignore
from warmboot.core.values import dataclass

#: No payload may unpack to more than this many bytes; the kernel's own limit for kexec.
LIMIT = 512 * 1024 * 1024


@dataclass(frozen=True)
class Payload:
    """What is inside an image. `method` is None where the kernel stands there uncompressed.

    `size` in bytes; `sha256` in hex, of the whole content; `release` and `banner` as found in
    it; `config` the build options it embeds, as the text of a .config file; `image` is what the
    content is, None where it is no boot image that warmboot knows. `unverified` says why the
    content could not be compared with a check, None where it was.
    """

    method: Method | None
    size: int
    sha256: str
    release: str | None
    banner: str | None
    config: str | None
    image: BootImage | None
    unverified: str | None = None


def unpack(
    view: View,
    stream: Stream,
    sink: MemFile,
    *,
    report: Report = ignore,
    cancel: Cancel | None = None,
    limit: int = LIMIT,
    alone: bool = False,
) -> Payload:
    """Decompress `stream` of `view` into `sink`, seal it, and return what came out.

    `alone`: nothing may stand behind the stream, not even padding or a size; the kernel's own
    decompressors want it so. Raises ImageError where the stream is damaged, longer than `limit`, or
    not of the size that its container declares; Cancelled where `cancel` is set. The sink then
    holds a part only and is the caller's to close.
    """
    with Follower(sink.fd, own=True) as follower:
        unverified = decompress(
            view,
            stream,
            sink,
            report=report,
            cancel=cancel,
            limit=limit,
            written=follower.wrote,
            alone=alone,
        )
        sha256 = follower.finish()
    return Payload(
        method=stream.method,
        size=sink.size,
        sha256=sha256,
        release=follower.scanner.release,
        banner=follower.scanner.banner,
        config=follower.scanner.config,
        image=identify_payload(sink),
        unverified=unverified,
    )


def decompress(
    view: View,
    stream: Stream,
    sink: MemFile,
    *,
    report: Report = ignore,
    cancel: Cancel | None = None,
    limit: int = LIMIT,
    written: Callable[[Piece], None] | None = None,
    alone: bool = False,
) -> str | None:
    """As `unpack`, without looking at what comes out; return why no check was made, or None.

    `written` is given each piece once it was written; it holds until that returns.
    """
    decoder = decoder_for(stream.method)
    source = Source(view, stream.offset, stream.size)
    reporter = Reporter(report, Phase.UNPACK, stream.size)
    for piece in decoder(source):
        if cancel is not None:
            cancel.check()
        _check_room(sink.size + len(piece), limit)
        sink.write(piece)
        if written is not None:
            written(piece)
        reporter.advance(source.position, sink.size)
    _check_declared(sink.size, stream)
    if alone and source.behind:
        raise ImageError(
            f"{source.behind} bytes that are not the payload's are counted as part of it",
            hint="The kernel does not unpack that. The payload's size in the header is wrong: "
            "install the image again.",
        )
    reporter.finish(sink.size)
    sink.seal()
    return source.unverified


def identify_payload(sink: MemFile) -> BootImage | None:
    """Return what came out; None where it is no boot image that warmboot knows."""
    try:
        return identify(sink.view())
    except ImageError:
        return None


def _check_room(produced: int, limit: int) -> None:
    if produced > limit:
        raise ImageError(
            f"The payload unpacks to more than {limit} bytes; no kernel is that large",
            hint="The file is damaged, or made to fill memory. Do not use it.",
        )


def _check_declared(produced: int, stream: Stream) -> None:
    if stream.declared is not None and stream.declared != produced & 0xFFFFFFFF:
        raise ImageError(
            f"The payload unpacks to {produced} bytes, but the image declares {stream.declared}",
            hint="The file is corrupt. Install the kernel again or choose another one.",
        )
