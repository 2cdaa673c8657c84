"""The nodes of a flattened device tree in memory, to be changed and written again."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from warmboot.core.images.devicetree import BEGIN_NODE, END, END_NODE, PROP
from warmboot.core.load.kexec_load.flattened import Flattened, padded

_DEPTH = 64  # nodes within each other; real trees have fewer than ten
_NAME = 128  # bytes of a node's name; the specification has 31
PHANDLES = (b"phandle", b"linux,phandle")
CELL = struct.Struct(">I")


class Node:
    """A node; `bare` has its children by their names without unit addresses."""

    __slots__ = ("bare", "children", "name", "parent", "properties")

    def __init__(self, name: bytes, parent: Node | None = None) -> None:
        self.name = name
        self.parent = parent
        self.properties: dict[bytes, bytearray] = {}
        self.children: dict[bytes, Node] = {}
        self.bare: dict[bytes, Node] = {}
        if parent is not None:
            parent.children[name] = self
            parent.bare.setdefault(name.partition(b"@")[0], self)

    @property
    def phandle(self) -> int | None:
        """The number that others name it by, None where it has none; raises ValueError."""
        for name in PHANDLES:
            value = self.properties.get(name)
            if value is not None:
                if len(value) != CELL.size:
                    raise ValueError(f"a phandle of {len(value)} bytes")
                return int.from_bytes(value, "big")
        return None

    @property
    def path(self) -> bytes:
        """Where it is, b"" for the root."""
        return b"" if self.parent is None else self.parent.path + b"/" + self.name

    def find(self, path: bytes) -> Node:
        """Return the node at a path below this one; raises ValueError.

        A name without a unit address is also that of the first node with one.
        """
        node: Node | None = self
        for name in filter(None, path.split(b"/")):
            if node is not None:
                node = node.children.get(name) or node.bare.get(name)
        if node is None:
            raise ValueError(f"there is no node {path.decode('utf-8', 'replace')}")
        return node

    def leave(self) -> None:
        """Take this node out of its parent."""
        if self.parent is not None:
            del self.parent.children[self.name]

    def walk(self) -> Iterator[Node]:
        """Yield this node and all below it."""
        waiting = [self]
        while waiting:
            node = waiting.pop()
            yield node
            waiting += node.children.values()


def read_nodes(tree: Flattened) -> Node:
    """Return the root with all below it; raises ValueError where it is nothing that is kept."""
    inside: list[Node] = []
    root = Node(b"")
    for token in tree.tokens:
        if token.kind == BEGIN_NODE:
            if inside and token.name in inside[-1].children:
                raise ValueError(f"two nodes {token.name!r} in one")
            if len(token.name) > _NAME or len(inside) == _DEPTH:
                raise ValueError(f"more than {_DEPTH} nodes within each other, or a longer name")
            inside.append(Node(token.name, inside[-1]) if inside else root)
        elif token.kind == PROP:
            length = int.from_bytes(tree.structure[token.start + 4 : token.start + 8], "big")
            value = tree.structure[token.start + 12 : token.start + 12 + length]
            inside[-1].properties[token.name] = bytearray(value)
        else:
            inside.pop()
    return root


def written(tree: Flattened, root: Node) -> bytes:
    """Return a tree of these nodes, with all else of `tree`."""
    names = bytearray()
    structure = _tokens(root, names, {}) + CELL.pack(END)
    return tree.assembled(structure, bytes(names))


def _tokens(node: Node, names: bytearray, known: dict[bytes, int]) -> bytes:
    """Return the tokens of a node; `names` grows by its properties' names, `known` is where."""
    made = bytearray(CELL.pack(BEGIN_NODE) + padded(node.name + b"\0"))
    for name, value in node.properties.items():
        if name not in known:
            known[name] = len(names)
            names += name + b"\0"
        made += struct.pack(">3I", PROP, len(value), known[name]) + padded(bytes(value))
    for child in node.children.values():
        made += _tokens(child, names, known)
    return bytes(made + CELL.pack(END_NODE))
