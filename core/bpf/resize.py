"""A parser of ours made larger or smaller, without a compiler.

Two numbers decide: the record, which the program reads out of its frozen `.rodata`, and the ring
that holds it, which is an argument of bpf(2). Both stand in opts_data.
"""

from __future__ import annotations

import struct

from warmboot.core.bpf.sizes import Sizes
from warmboot.core.errors import ImageError
from warmboot.core.images import BytesView
from warmboot.core.images.bpfobject import IDENTITY, IDENTITY_MAGIC, ParserObject
from warmboot.core.values import replace

_RING = "ringbuf_1"
_ENTRIES = 12  # max_entries in union bpf_attr; source: include/uapi/linux/bpf.h
_RECORD = IDENTITY.size - 8


def resized(content: bytes, sizes: Sizes) -> bytes:
    """Return the object with this record and ring; raise ImageError where it is none of ours."""
    before = ParserObject.parse(BytesView(content))
    start, size = before.data
    identity = content.find(IDENTITY_MAGIC, start, start + size)
    ring = next((row for row in before.maps if row.name == _RING), None)
    if identity < 0 or before.identity is None or ring is None:
        raise ImageError("Only a parser of warmboot's own can be made larger or smaller")
    out = bytearray(content)
    struct.pack_into("<Q", out, identity + _RECORD, sizes.record)
    struct.pack_into("<I", out, start + ring.place + _ENTRIES, sizes.ring)
    after = ParserObject.parse(BytesView(bytes(out)))
    wanted = replace(
        before,
        identity=replace(before.identity, record_size=sizes.record),
        maps=tuple(replace(m, ring=sizes.ring) if m is ring else m for m in before.maps),
    )
    if after != wanted:
        raise ImageError("The parser did not take its new size", hint="Report this as a bug.")
    return bytes(out)
