"""A flattened device tree, checked token by token, and written anew with other properties.

Source: the Devicetree Specification 0.4, chapter 5. Nothing but the properties of one node below
the root changes, so no tree is built: the tokens in between are copied as they are.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterator, Mapping

from warmboot.core.images.devicetree import BEGIN_NODE, END, END_NODE, MAGIC, NOP, PROP
from warmboot.core.values import NamedTuple

#: Magic, sizes and offsets of the three blocks, versions, the boot CPU, the blocks' sizes.
_HEADER = struct.Struct(">10I")
#: Written and read; from 16 on nodes carry their own name only, from 17 on `size_dt_struct` is set.
_VERSION, _OLDEST = 17, 16
_RESERVATION = struct.Struct(">QQ")
#: The node that may change is a child of the root.
_CHILD = 2
_NAME = 255  # bytes of a property's name, which any number of properties may share; real: 31


class Token(NamedTuple):
    """One token: where it begins and ends, the nodes that it lies in (its own too), its name."""

    kind: int
    start: int
    end: int
    depth: int
    name: bytes


class Flattened:
    """The blocks of a tree; raises ValueError where it is damaged, or of a version before 16."""

    def __init__(self, tree: bytes) -> None:
        if len(tree) < _HEADER.size:
            raise ValueError("it is too short")
        magic, total, at, names, reserved, version, oldest, self.boot_cpu, size_names, size = (
            _HEADER.unpack_from(tree)
        )
        if magic != MAGIC or total > len(tree):
            raise ValueError("wrong magic number or size")
        if version < _OLDEST or oldest > _VERSION:
            raise ValueError(f"version {version}, not 16 or 17")
        end = at + size if version >= _VERSION else total
        if at % 4 or max(at, names, reserved) < _HEADER.size:
            raise ValueError("its blocks begin where they cannot")
        if max(end, names + size_names) > total:
            raise ValueError("a block reaches beyond the end")
        self.reservations = _reservations(tree[:total], reserved)
        self.structure = tree[at:end]
        self.names = tree[names : names + size_names]
        self.tokens = tuple(self._read())

    def _read(self) -> Iterator[Token]:
        """Yield all tokens but NOPs, which firmware leaves where it took something out."""
        at = depth = roots = 0
        while True:
            kind = self._word(at)
            start, at, name = at, at + 4, b""
            if kind == BEGIN_NODE:
                end = self.structure.find(b"\0", at)
                if end < 0 or (depth == 0 and roots):
                    raise ValueError("a name without an end, or a second root")
                name, at = self.structure[at:end], end + 1
                depth, roots = depth + 1, 1
            elif kind == PROP and depth:
                length, name = self._word(at), self._name(self._word(at + 4))
                at += 8 + length
            elif kind == END and roots and not depth:
                return
            elif kind not in (NOP, END_NODE) or (kind == END_NODE and not depth):
                raise ValueError(f"token {kind:#x} at {start:#x} of the structure")
            at += -at % 4
            if at > len(self.structure):
                raise ValueError("a token reaches beyond the end")
            if kind != NOP:
                yield Token(kind, start, at, depth, name)
            depth -= kind == END_NODE

    def _word(self, at: int) -> int:
        if at + 4 > len(self.structure):
            raise ValueError("a token reaches beyond the end")
        return int.from_bytes(self.structure[at : at + 4], "big")

    def _name(self, at: int) -> bytes:
        end = self.names.find(b"\0", at, at + _NAME + 1)
        if end < 0:
            raise ValueError(f"a property without a name, or with more than {_NAME} bytes of it")
        return self.names[at:end]

    def with_properties(
        self, node: str, values: Mapping[str, bytes], unwanted: Collection[str]
    ) -> bytes:
        """Return the tree with `values` in the root's child `node`, `unwanted` not in it.

        The node is made where there is none; where there are two, the kernel looks at the first.
        """
        wanted = node.encode()
        gone = {name.encode() for name in (*unwanted, *values)}
        names = bytearray(self.names)
        properties = b"".join(_property(names, name, value) for name, value in values.items())
        made = bytearray()
        found = inside = False
        for token in self.tokens:
            if token.kind == END_NODE and token.depth == 1 and not found:
                made += struct.pack(">I", BEGIN_NODE) + padded(wanted + b"\0")
                made += properties + struct.pack(">I", END_NODE)
            if inside and token.kind == PROP and token.depth == _CHILD and token.name in gone:
                continue
            made += self.structure[token.start : token.end]
            if token.depth == _CHILD and token.kind == BEGIN_NODE:
                inside = token.name == wanted and not found
                if inside:
                    made += properties
                    found = True
            elif token.depth == _CHILD and token.kind == END_NODE:
                inside = False
        made += struct.pack(">I", END)
        return self.assembled(bytes(made), bytes(names))

    @property
    def reserved(self) -> list[tuple[int, int]]:
        """Addresses and sizes of the memory that it reserves in front of its nodes."""
        return list(_RESERVATION.iter_unpack(self.reservations))[:-1]

    def reserve(self, other: Flattened) -> None:
        """Add what another tree reserves of memory."""
        step = _RESERVATION.size
        own = [self.reservations[at : at + step] for at in range(0, len(self.reservations), step)]
        more = [
            other.reservations[at : at + step] for at in range(0, len(other.reservations), step)
        ]
        self.reservations = b"".join(dict.fromkeys([*own[:-1], *more]))

    def assembled(self, structure: bytes, names: bytes) -> bytes:
        """Return a tree with this one's reservations, and other tokens and names of properties."""
        at = _HEADER.size + len(self.reservations)
        behind = at + len(structure)
        header = _HEADER.pack(
            *(MAGIC, behind + len(names), at, behind, _HEADER.size, _VERSION, _OLDEST),
            *(self.boot_cpu, len(names), len(structure)),
        )
        return header + self.reservations + structure + names


def _reservations(tree: bytes, start: int) -> bytes:
    """Return the block of reserved memory with the zeros that end it."""
    for at in range(start, len(tree) - _RESERVATION.size + 1, _RESERVATION.size):
        if _RESERVATION.unpack_from(tree, at) == (0, 0):
            return tree[start : at + _RESERVATION.size]
    raise ValueError("its reserved memory has no end")


def _property(names: bytearray, name: str, value: bytes) -> bytes:
    """Return a property; its name is added to `names`."""
    at = len(names)
    names += name.encode() + b"\0"
    return struct.pack(">3I", PROP, len(value), at) + padded(value)


def padded(raw: bytes) -> bytes:
    """Return `raw` with zeros up to a multiple of four bytes, as the format wants it."""
    return raw + bytes(-len(raw) % 4)
