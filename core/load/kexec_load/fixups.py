"""What firmware wrote into the tree of the running kernel, for a tree that comes from a file.

A tree in a file knows the board, not this machine: how much memory it has, what of it firmware
keeps, EFI's tables, the network's addresses. The boot loader fills that in before each start, and
a kernel without it finds no memory, or touches what it must not. What it filled in stands in the
tree that the running kernel was given.

Sources: U-Boot, boot/image-fdt.c (image_setup_libfdt) and boot/fdt_support.c; OpenSBI,
lib/utils/fdt/fdt_fixup.c; drivers/firmware/efi/libstub/fdt.c and drivers/of/fdt.c of the kernel;
kexec-tools, kexec/arch/arm64/kexec-arm64.c (setup_2nd_dtb).
"""

from __future__ import annotations

import contextlib

from warmboot.core.load.kexec_load.flattened import Flattened
from warmboot.core.load.kexec_load.nodes import CELL, PHANDLES, Node, read_nodes, written

_EFI = b"linux,uefi-"  # in /chosen: the system table, and the memory map instead of memory nodes
_ADDRESSES = (b"local-mac-address", b"mac-address", b"local-bd-address")
_CELLS = (b"#address-cells", b"#size-cells")
_SEED = 8  # bytes
_MOST_CELLS = 4
_MOST_RESERVED = 1024  # the kernel has room for 64 below /reserved-memory (of_reserved_mem.c)

Cells = tuple[int, int]


def with_fixups(tree: bytes, running: bytes) -> bytes:
    """Return `tree` with what firmware wrote into `running`.

    That is memory, what is reserved of it, EFI's tables, addresses of networks, and the serial
    number. Raises ValueError where one of the two is damaged, or where memory cannot be said in
    `tree`.
    """
    flat, told = Flattened(tree), Flattened(running)
    base, now = read_nodes(flat), read_nodes(told)
    _fix_memory(base, now)
    _fix_reserved(base, now)
    _fix_chosen(base, now)
    _fix_addresses(base, now)
    if b"serial-number" in now.properties:
        base.properties[b"serial-number"] = now.properties[b"serial-number"]
    flat.reserve(told)
    return written(flat, base)


def states_memory(tree: bytes) -> bool:
    """Whether a kernel would find memory by this tree; raises ValueError where it is damaged."""
    root = read_nodes(Flattened(tree))
    chosen = root.children.get(b"chosen")
    if chosen is not None and any(name.startswith(_EFI) for name in chosen.properties):
        return True
    return any(any(bytes(node.properties.get(b"reg", b""))) for node in _memory(root))


def reserved(tree: bytes) -> list[tuple[int, int]]:
    """Return the addresses and sizes of what a kernel with this tree keeps free from the start.

    It would drop an initrd that lies there. Raises ValueError where the tree is damaged, or has
    more of them than a kernel looks at in earnest.
    """
    flat = Flattened(tree)
    root = read_nodes(flat)
    found = flat.reserved
    parent = root.children.get(b"reserved-memory")
    for node in () if parent is None else parent.children.values():
        with contextlib.suppress(ValueError):  # the kernel passes over it
            found += _ranges(node, _cells(root))
    if len(found) > _MOST_RESERVED:
        raise ValueError(f"it reserves more than {_MOST_RESERVED} pieces of memory")
    return found


def _memory(root: Node) -> list[Node]:
    nodes = root.children.values()
    return [n for n in nodes if bytes(n.properties.get(b"device_type", b"")) == b"memory\0"]


def _fix_memory(base: Node, now: Node) -> None:
    """Put the running tree's memory in the place of what `base` has; without any, EFI knows it."""
    banks = _memory(now)
    if not banks:
        return
    kept = {bank.name for bank in banks}
    for node in _memory(base):
        if node.name not in kept:
            node.leave()
    for bank in banks:
        _take(base, bank, _cells(base), _cells(now))


def _fix_reserved(base: Node, now: Node) -> None:
    """Add the reserved memory that `base` does not name; what it does is the new kernel's."""
    name = b"reserved-memory"
    told = now.children.get(name)
    regions = [] if told is None else [n for n in told.children.values() if b"reg" in n.properties]
    kept = base.children.get(name)
    if told is None or not regions:
        return
    if kept is None:
        kept = Node(name, base)
        for cells, count in zip(_CELLS, _cells(base), strict=True):
            kept.properties[cells] = bytearray(CELL.pack(count))
        kept.properties[b"ranges"] = bytearray()
    for region in regions:
        if region.name not in kept.children:
            _take(kept, region, _cells(kept), _cells(told))


def _fix_chosen(base: Node, now: Node) -> None:
    """Say of EFI what the running tree says, if anything, and take out the seeds of a file.

    A seed of zeros is filled by kexec(8), which refuses any other: the kernel wiped its own.
    """
    told, kept = now.children.get(b"chosen"), base.children.get(b"chosen")
    if kept is not None:
        for name in [name for name in kept.properties if name.startswith(_EFI)]:
            del kept.properties[name]
        kept.properties.pop(b"rng-seed", None)
        if b"kaslr-seed" in kept.properties:
            kept.properties[b"kaslr-seed"] = bytearray(_SEED)
    found = {} if told is None else told.properties
    efi = {name: value for name, value in found.items() if name.startswith(_EFI)}
    if efi:
        (kept or Node(b"chosen", base)).properties.update(efi)


def _fix_addresses(base: Node, now: Node) -> None:
    """Give each device that both trees have the addresses that firmware gave it."""
    pairs = [(base, now)]
    while pairs:
        node, told = pairs.pop()
        for name in _ADDRESSES:
            if any(told.properties.get(name, b"")):
                node.properties[name] = told.properties[name]
        for name, child in told.children.items():
            same = node.children.get(name)
            if same is not None:
                pairs.append((same, child))


def _take(parent: Node, node: Node, cells: Cells, told: Cells) -> None:
    """Put `node`, without what is below it, into `parent`; its ranges are said in `cells`."""
    made = parent.children.get(node.name) or Node(node.name, parent)
    own = {name: value for name, value in made.properties.items() if name in PHANDLES}
    others = {name: value for name, value in node.properties.items() if name not in PHANDLES}
    made.properties = {**others, **own}
    made.properties[b"reg"] = _said(_ranges(node, told), cells)


def _cells(node: Node) -> Cells:
    """Return how many cells addresses and sizes have in the nodes below; Linux takes 1 for none."""
    counts = []
    for name in _CELLS:
        value = bytes(node.properties.get(name, CELL.pack(1)))
        count = int.from_bytes(value, "big")
        if len(value) != CELL.size or not 0 < count <= _MOST_CELLS:
            raise ValueError(f"{name.decode()} is not 1 to {_MOST_CELLS}")
        counts.append(count)
    return counts[0], counts[1]


def _ranges(node: Node, cells: Cells) -> list[tuple[int, int]]:
    """Return the addresses and sizes in a node's ``reg``; raises ValueError."""
    reg = bytes(node.properties.get(b"reg", b""))
    middle, length = cells[0] * CELL.size, sum(cells) * CELL.size
    if len(reg) % length:
        raise ValueError(f"the ranges of {node.name.decode('utf-8', 'replace')} are damaged")
    numbers = (
        (reg[at : at + middle], reg[at + middle : at + length]) for at in range(0, len(reg), length)
    )
    return [(int.from_bytes(first, "big"), int.from_bytes(size, "big")) for first, size in numbers]


def _said(ranges: list[tuple[int, int]], cells: Cells) -> bytearray:
    """Return a ``reg`` with these ranges; raises ValueError where the cells are too few."""
    made = bytearray()
    for numbers in ranges:
        for number, count in zip(numbers, cells, strict=True):
            if number >> count * 32:
                raise ValueError(f"{number:#x} does not fit into {count} cells")
            made += number.to_bytes(count * CELL.size, "big")
    return made
