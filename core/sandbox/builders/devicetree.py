"""Flattened device trees, from their nodes as nested mappings.

Source: the Devicetree Specification 0.4, chapter 5.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

from warmboot.core.images.devicetree import BEGIN_NODE, END, END_NODE, MAGIC, PROP

_VERSION, _COMPATIBLE = 17, 16
_HEADER = 40  # bytes

#: A node: the names of its properties to their bytes, and those of its children to their nodes.
Node = Mapping[str, "bytes | Node"]


def build_tree(root: Node, *, reserved: Sequence[tuple[int, int]] = ()) -> bytes:
    """Return a version 17 tree; `reserved` are the addresses and sizes of kept memory."""
    strings = bytearray()
    structure = _node("", root, strings) + struct.pack(">I", END)
    kept = b"".join(struct.pack(">2Q", *one) for one in (*reserved, (0, 0)))
    at = _HEADER + len(kept)
    names = at + len(structure)
    head = struct.pack(
        ">10I",
        *(MAGIC, names + len(strings), at, names, _HEADER, _VERSION, _COMPATIBLE, 0),
        *(len(strings), len(structure)),
    )
    return head + kept + structure + bytes(strings)


def _node(name: str, node: Node, strings: bytearray) -> bytes:
    made = struct.pack(">I", BEGIN_NODE) + _padded(name.encode() + b"\0")
    for key, value in node.items():
        if isinstance(value, bytes):
            position = strings.find(key.encode() + b"\0")
            if position < 0:
                position = len(strings)
                strings += key.encode() + b"\0"
            made += struct.pack(">3I", PROP, len(value), position) + _padded(value)
    for key, value in node.items():
        if not isinstance(value, bytes):
            made += _node(key, value, strings)
    return made + struct.pack(">I", END_NODE)


def _padded(data: bytes) -> bytes:
    return data.ljust(-(-len(data) // 4) * 4, b"\0")
