"""The files that a kernel with CONFIG_KEXEC_BPF is handed: built in memory, checked, sealed."""

from __future__ import annotations

from collections.abc import Sequence

from warmboot.core.bpf.abi import Dialect
from warmboot.core.bpf.compatibility import check_fit, check_room
from warmboot.core.bpf.dialects import facts_of
from warmboot.core.bpf.dialects.base import CallFiles, CallParts
from warmboot.core.images import BootImage, BytesView, View
from warmboot.core.images.bpfobject import ParserObject
from warmboot.core.progress import Cancel
from warmboot.core.values import replace


def build_call_files(
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
) -> CallFiles:
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
    facts = facts_of(dialect)
    if facts.whole and initrd is not None:
        for parser in objects:
            check_room(parser, initrd.size, dialect)
    files = facts.build(
        CallParts(view, image, parsers, nested, initrd, addon, cmdline, cancel),
    )
    return replace(files, warnings=warnings)
