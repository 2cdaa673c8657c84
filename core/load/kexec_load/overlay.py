"""Overlays of device trees: what they change, and the tree that comes of it.

Sources: Documentation/devicetree/overlay-notes.rst and dynamic-resolution-notes.rst of the kernel,
Documentation/dt-object-internal.txt of dtc. An overlay's own phandles are moved behind those of
the tree; ``__local_fixups__`` tells where it names them, ``__fixups__`` where it names the tree's
labels.
"""

from __future__ import annotations

from warmboot.core.load.kexec_load.flattened import Flattened
from warmboot.core.load.kexec_load.nodes import CELL, PHANDLES, Node, read_nodes, written

_PATHS = 1 << 21  # bytes of all labels' paths; more than a tree may have anyway
_ALIAS = 255  # bytes of its path: a hundred thousand places may begin with the same alias
_LAST_PHANDLE = 0xFFFFFFFE


def apply_overlay(tree: bytes, overlay: bytes) -> bytes:
    """Return `tree` with an overlay applied.

    Raises ValueError where either is damaged, or where the overlay does not fit the tree.
    """
    flat = Flattened(tree)
    base, change = read_nodes(flat), read_nodes(Flattened(overlay))
    known = {number: node for node in base.walk() if (number := node.phandle) is not None}
    _move_phandles(change, max(known, default=0))
    _name_labels(change, base)
    targets: dict[bytes, Node] = {}
    for fragment in change.children.values():
        content = fragment.children.get(b"__overlay__")
        if content is not None:
            targets[fragment.name] = target = _target(fragment, base, known)
            _merge(target, content, known)
    _merge_labels(base, change, targets)
    return written(flat, base)


def _found(root: Node, path: bytes) -> Node:
    """Return the node at a path, which may begin with an alias; raises ValueError."""
    if path.startswith(b"/"):
        return root.find(path)
    alias, _, rest = path.partition(b"/")
    aliases = root.children.get(b"aliases")
    value = aliases.properties.get(alias, b"") if aliases is not None else b""
    shown = alias.decode("utf-8", "replace")
    if not value.startswith(b"/"):
        raise ValueError(f"there is no alias {shown}")
    if len(value) > _ALIAS:
        raise ValueError(f"the alias {shown} has more than {_ALIAS} bytes")
    return root.find(bytes(value).rstrip(b"\0")).find(rest)


def _move_phandles(change: Node, distance: int) -> None:
    """Make the overlay's phandles others than the tree's, and what names them too."""
    for node in change.walk():
        number = node.phandle
        if number is not None:
            if not 0 < number <= _LAST_PHANDLE - distance:
                raise ValueError("there are no phandles left for it")
            for name in PHANDLES:
                if name in node.properties:
                    node.properties[name][:] = CELL.pack(number + distance)
    _move_references(change, distance)


def _move_references(change: Node, distance: int) -> None:
    fixups = change.children.get(b"__local_fixups__")
    waiting = [(fixups, change)] if fixups is not None else []
    while waiting:
        places, node = waiting.pop()
        waiting += [(child, node.find(name)) for name, child in places.children.items()]
        for name, offsets in places.properties.items():
            if len(offsets) % CELL.size:
                raise ValueError("its __local_fixups__ are damaged")
            for (offset,) in CELL.iter_unpack(offsets):
                number = _cell(node, name, offset)
                if number > _LAST_PHANDLE - distance:
                    raise ValueError("there are no phandles left for it")
                CELL.pack_into(node.properties[name], offset, number + distance)


def _cell(node: Node, name: bytes, offset: int) -> int:
    """Return the number at a place that a fixup names; raises ValueError."""
    value = node.properties.get(name)
    if value is None or offset + CELL.size > len(value):
        raise ValueError("its fixups name what is not there")
    return int.from_bytes(value[offset : offset + CELL.size], "big")


def _name_labels(change: Node, base: Node) -> None:
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
            CELL.pack_into(node.properties[parts[1]], int(parts[2]), number)


def _target(fragment: Node, base: Node, known: dict[int, Node]) -> Node:
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


def _merge(target: Node, content: Node, known: dict[int, Node]) -> None:
    """Put properties and nodes of an overlay into a node of the tree; what is there gives way.

    New phandles are added to `known`. Raises ValueError.
    """
    before = target.phandle
    for name, value in content.properties.items():
        if name in PHANDLES and before is not None:
            path = target.path.decode("utf-8", "replace")
            raise ValueError(f"it gives {path} another phandle")
        target.properties[name] = bytearray(value)
    if before is None and target.phandle is not None:
        known[target.phandle] = target
    for name, child in content.children.items():
        _merge(target.children.get(name) or Node(name, target), child, known)


def _merge_labels(base: Node, change: Node, targets: dict[bytes, Node]) -> None:
    """Add the overlay's own labels to the tree's, so that a later overlay finds them."""
    labels = change.children.get(b"__symbols__")
    if labels is None or not labels.properties:
        return
    symbols = base.children.get(b"__symbols__") or Node(b"__symbols__", base)
    size = 0
    for name, value in labels.properties.items():
        words = bytes(value).rstrip(b"\0").split(b"/")  # of /fragment@0/__overlay__/…
        if len(words) > 2 and words[1] in targets and words[2] == b"__overlay__":
            path = b"/".join([targets[words[1]].path, *words[3:]]) or b"/"
            symbols.properties[name] = bytearray(path + b"\0")
            size += len(path)
            if size > _PATHS:
                raise ValueError("its labels' paths are too long")
