"""Overlays of device trees: what they change, and the tree that comes of it.

Sources: Documentation/devicetree/overlay-notes.rst and dynamic-resolution-notes.rst of the kernel,
Documentation/dt-object-internal.txt of dtc. An overlay's own phandles are moved behind those of
the tree; ``__local_fixups__`` tells where it names them, ``__fixups__`` where it names the tree's
labels.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from warmboot.core.images.devicetree import BEGIN_NODE, END, END_NODE, PROP
from warmboot.core.load.kexec_load.flattened import Flattened, padded

_DEPTH = 64  # nodes within each other; real trees have fewer than ten
_NAME = 128  # bytes of a node's name; the specification has 31
_PATHS = 1 << 21  # bytes of all labels' paths; more than a tree may have anyway
_PHANDLES = (b"phandle", b"linux,phandle")
_LAST_PHANDLE = 0xFFFFFFFE
_CELL = struct.Struct(">I")


class _Node:
    """A node in memory; `bare` has its children by their names without unit addresses."""

    __slots__ = ("bare", "children", "name", "parent", "properties")

    def __init__(self, name: bytes, parent: _Node | None = None) -> None:
        self.name = name
        self.parent = parent
        self.properties: dict[bytes, bytearray] = {}
        self.children: dict[bytes, _Node] = {}
        self.bare: dict[bytes, _Node] = {}
        if parent is not None:
            parent.children[name] = self
            parent.bare.setdefault(name.partition(b"@")[0], self)

    @property
    def phandle(self) -> int | None:
        """The number that others name it by, None where it has none; raises ValueError."""
        for name in _PHANDLES:
            value = self.properties.get(name)
            if value is not None:
                if len(value) != _CELL.size:
                    raise ValueError(f"a phandle of {len(value)} bytes")
                return int.from_bytes(value, "big")
        return None

    @property
    def path(self) -> bytes:
        """Where it is, b"" for the root."""
        return b"" if self.parent is None else self.parent.path + b"/" + self.name

    def find(self, path: bytes) -> _Node:
        """Return the node at a path below this one; raises ValueError.

        A name without a unit address is also that of the first node with one.
        """
        node: _Node | None = self
        for name in filter(None, path.split(b"/")):
            if node is not None:
                node = node.children.get(name) or node.bare.get(name)
        if node is None:
            raise ValueError(f"there is no node {path.decode('utf-8', 'replace')}")
        return node

    def walk(self) -> Iterator[_Node]:
        """Yield this node and all below it."""
        waiting = [self]
        while waiting:
            node = waiting.pop()
            yield node
            waiting += node.children.values()


def apply_overlay(tree: bytes, overlay: bytes) -> bytes:
    """Return `tree` with an overlay applied.

    Raises ValueError where either is damaged, or where the overlay does not fit the tree.
    """
    flat = Flattened(tree)
    base, change = _read(flat), _read(Flattened(overlay))
    known = {number: node for node in base.walk() if (number := node.phandle) is not None}
    _move_phandles(change, max(known, default=0))
    _name_labels(change, base)
    targets: dict[bytes, _Node] = {}
    for fragment in change.children.values():
        content = fragment.children.get(b"__overlay__")
        if content is not None:
            targets[fragment.name] = target = _target(fragment, base, known)
            _merge(target, content, known)
    _merge_labels(base, change, targets)
    names = bytearray()
    structure = _written(base, names, {}) + _CELL.pack(END)
    return flat.assembled(structure, bytes(names))


def _read(tree: Flattened) -> _Node:
    inside: list[_Node] = []
    root = _Node(b"")
    for token in tree.tokens:
        if token.kind == BEGIN_NODE:
            if inside and token.name in inside[-1].children:
                raise ValueError(f"two nodes {token.name!r} in one")
            if len(token.name) > _NAME or len(inside) == _DEPTH:
                raise ValueError(f"more than {_DEPTH} nodes within each other, or a longer name")
            inside.append(_Node(token.name, inside[-1]) if inside else root)
        elif token.kind == PROP:
            length = int.from_bytes(tree.structure[token.start + 4 : token.start + 8], "big")
            value = tree.structure[token.start + 12 : token.start + 12 + length]
            inside[-1].properties[token.name] = bytearray(value)
        else:
            inside.pop()
    return root


def _written(node: _Node, names: bytearray, known: dict[bytes, int]) -> bytes:
    """Return the tokens of a node; `names` grows by its properties' names, `known` is where."""
    made = bytearray(_CELL.pack(BEGIN_NODE) + padded(node.name + b"\0"))
    for name, value in node.properties.items():
        if name not in known:
            known[name] = len(names)
            names += name + b"\0"
        made += struct.pack(">3I", PROP, len(value), known[name]) + padded(bytes(value))
    for child in node.children.values():
        made += _written(child, names, known)
    return bytes(made + _CELL.pack(END_NODE))


def _found(root: _Node, path: bytes) -> _Node:
    """Return the node at a path, which may begin with an alias; raises ValueError."""
    if path.startswith(b"/"):
        return root.find(path)
    alias, _, rest = path.partition(b"/")
    aliases = root.children.get(b"aliases")
    value = bytes(aliases.properties.get(alias, b"")) if aliases is not None else b""
    if not value.startswith(b"/"):
        raise ValueError(f"there is no alias {alias.decode('utf-8', 'replace')}")
    return root.find(value.rstrip(b"\0")).find(rest)


def _move_phandles(change: _Node, distance: int) -> None:
    """Make the overlay's phandles others than the tree's, and what names them too."""
    for node in change.walk():
        number = node.phandle
        if number is not None:
            if not 0 < number <= _LAST_PHANDLE - distance:
                raise ValueError("there are no phandles left for it")
            for name in _PHANDLES:
                if name in node.properties:
                    node.properties[name][:] = _CELL.pack(number + distance)
    _move_references(change, distance)


def _move_references(change: _Node, distance: int) -> None:
    fixups = change.children.get(b"__local_fixups__")
    waiting = [(fixups, change)] if fixups is not None else []
    while waiting:
        places, node = waiting.pop()
        waiting += [(child, node.find(name)) for name, child in places.children.items()]
        for name, offsets in places.properties.items():
            if len(offsets) % _CELL.size:
                raise ValueError("its __local_fixups__ are damaged")
            for (offset,) in _CELL.iter_unpack(offsets):
                number = _cell(node, name, offset)
                if number > _LAST_PHANDLE - distance:
                    raise ValueError("there are no phandles left for it")
                _CELL.pack_into(node.properties[name], offset, number + distance)


def _cell(node: _Node, name: bytes, offset: int) -> int:
    """Return the number at a place that a fixup names; raises ValueError."""
    value = node.properties.get(name)
    if value is None or offset + _CELL.size > len(value):
        raise ValueError("its fixups name what is not there")
    return int.from_bytes(value[offset : offset + _CELL.size], "big")


def _name_labels(change: _Node, base: _Node) -> None:
    """Put the phandles of the tree's labels where the overlay names them."""
    fixups = change.children.get(b"__fixups__")
    symbols = base.children.get(b"__symbols__")
    for label, places in fixups.properties.items() if fixups is not None else ():
        shown = label.decode("utf-8", "replace")
        if symbols is None:
            raise ValueError(f"it needs the label {shown}, and the tree has none (dtc -@)")
        if label not in symbols.properties:
            raise ValueError(f"it needs the label {shown}, which the tree does not have")
        number = _found(base, bytes(symbols.properties[label]).rstrip(b"\0")).phandle
        if number is None:
            raise ValueError(f"the tree's node {shown} has no phandle")
        for place in bytes(places).rstrip(b"\0").split(b"\0"):
            parts = place.split(b":")
            if len(parts) != 3 or not parts[2].isdigit() or len(parts[2]) > 9:
                raise ValueError("its __fixups__ are damaged")
            node = _found(change, parts[0])
            _cell(node, parts[1], int(parts[2]))
            _CELL.pack_into(node.properties[parts[1]], int(parts[2]), number)


def _target(fragment: _Node, base: _Node, known: dict[int, _Node]) -> _Node:
    """Return the node that a fragment changes; raises ValueError."""
    name = fragment.name.decode("utf-8", "replace")
    if b"target" in fragment.properties:
        number = _cell(fragment, b"target", 0)
        if number not in known:
            raise ValueError(f"{name} is for a node that the tree does not have")
        return known[number]
    path = bytes(fragment.properties.get(b"target-path", b"")).rstrip(b"\0")
    if not path:
        raise ValueError(f"{name} does not say what it changes")
    return _found(base, path)


def _merge(target: _Node, content: _Node, known: dict[int, _Node]) -> None:
    """Put properties and nodes of an overlay into a node of the tree; what is there gives way.

    New phandles are added to `known`. Raises ValueError.
    """
    before = target.phandle
    for name, value in content.properties.items():
        if name in _PHANDLES and before is not None:
            path = target.path.decode("utf-8", "replace")
            raise ValueError(f"it gives {path} another phandle")
        target.properties[name] = bytearray(value)
    if before is None and target.phandle is not None:
        known[target.phandle] = target
    for name, child in content.children.items():
        _merge(target.children.get(name) or _Node(name, target), child, known)


def _merge_labels(base: _Node, change: _Node, targets: dict[bytes, _Node]) -> None:
    """Add the overlay's own labels to the tree's, so that a later overlay finds them."""
    labels = change.children.get(b"__symbols__")
    if labels is None or not labels.properties:
        return
    symbols = base.children.get(b"__symbols__") or _Node(b"__symbols__", base)
    size = 0
    for name, value in labels.properties.items():
        words = bytes(value).rstrip(b"\0").split(b"/")  # of /fragment@0/__overlay__/…
        if len(words) > 2 and words[1] in targets and words[2] == b"__overlay__":
            path = b"/".join([targets[words[1]].path, *words[3:]]) or b"/"
            symbols.properties[name] = bytearray(path + b"\0")
            size += len(path)
            if size > _PATHS:
                raise ValueError("its labels' paths are too long")
