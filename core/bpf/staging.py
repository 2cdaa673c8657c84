"""The files that a kernel with CONFIG_KEXEC_BPF is handed: built in memory, checked, sealed."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from warmboot.core.bpf.abi import Dialect
from warmboot.core.bpf.compatibility import check_fit, check_room
from warmboot.core.bpf.container import build_container, write_envelope
from warmboot.core.bpf.envelope import envelope
from warmboot.core.bpf.verify_envelope import check_unchanged
from warmboot.core.errors import ImageError
from warmboot.core.images import BootImage, BytesView, View
from warmboot.core.images.bpfcontainer import Envelope
from warmboot.core.images.bpfobject import ParserObject, carried_parser
from warmboot.core.images.uki import Uki
from warmboot.core.payload.memfile import MemFile
from warmboot.core.progress import Cancel


@dataclass(frozen=True, slots=True)
class StageFiles:
    """What goes into the call in the kernel's place and in the initrd's.

    `initrd` is None where the initrd goes into the call by itself, and so does the command line
    (v6). Closing gives the memory back.
    """

    kernel: MemFile
    initrd: MemFile | None
    warnings: tuple[str, ...]

    def close(self) -> None:
        """Close both files; calling it again does nothing."""
        self.kernel.close()
        if self.initrd is not None:
            self.initrd.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def build_for_stage(
    view: View,
    image: BootImage,
    dialect: Dialect,
    parsers: Sequence[bytes],
    *,
    nested: Sequence[bytes] = (),
    initrd: View | None = None,
    addon: View | None = None,
    cmdline: str | None = None,
    cancel: Cancel | None = None,
) -> StageFiles:
    """Build what the kernel of this dialect takes for `image`, whose bytes are `view`.

    v6 takes one parser object, and nothing but the kernel; v7 takes up to eight, and initrd and
    command line go into the envelope; `nested` are the parsers for what the first ones hand over,
    such as the zboot in a UKI; `addon` is a UKI's, to be
    verified, its words in `cmdline` already. A parser that the image carries already is replaced.
    Raises ImageError where parser and image do not belong together or the result is not exactly
    the image with the parser, Cancelled, WarmbootError where memory runs out.

    The payload is not looked at: it must have been unpacked and checked before the call.
    """
    objects = [ParserObject.parse(BytesView(parser)) for parser in parsers]
    warnings = tuple(filter(None, (check_fit(image, parser, dialect) for parser in objects)))
    if dialect is Dialect.V6:
        if len(parsers) != 1:
            raise ImageError(f"{len(parsers)} parsers; a kernel of dialect v6 takes one")
        return StageFiles(_sixth(view, parsers[0], cancel), None, warnings)
    for parser in objects:
        if initrd is not None:
            check_room(parser, initrd.size, dialect)
    with ExitStack() as held:
        container = held.enter_context(MemFile("warmboot-parsers"))
        inner = build_container(nested) if nested else None
        container.write(build_container(parsers, inner))
        container.seal()
        images = held.enter_context(MemFile("warmboot-envelope"))
        uki = isinstance(image, Uki)
        write_envelope(
            view,
            images.write,
            initrd=initrd,
            addon=addon,
            cmdline=cmdline,
            uki=uki,
            cancel=cancel,
        )
        Envelope.parse(images.view())
        images.seal()
        held.pop_all()
        return StageFiles(container, images, warnings)


def _sixth(view: View, parser: bytes, cancel: Cancel | None) -> MemFile:
    with ExitStack() as held:
        memory = held.enter_context(MemFile("warmboot-enveloped-kernel"))
        envelope(view, parser, memory.write, replace=True, cancel=cancel)
        check_unchanged(view, memory.view(), parser, cancel=cancel)
        memory.seal()
        held.pop_all()
        return memory


def carries_fitting(view: View, image: BootImage) -> bool:
    """Whether an image carries a parser of dialect v6 that fits it: it can be staged as it is.

    That is the only way for a signed image to stay signed.
    """
    carried = carried_parser(view)
    if carried is None or carried.parser is None or carried.parser.identity is None:
        return False
    try:
        check_fit(image, carried.parser, Dialect.V6)
    except ImageError:
        return False
    return True
