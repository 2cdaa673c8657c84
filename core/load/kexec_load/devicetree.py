"""The device tree of the next kernel: the running one's, or a file, with a new /chosen.

Source: the Devicetree Specification 0.4, chapter 5 (flattened format); the properties of /chosen
are those of Documentation/devicetree/bindings and drivers/of/kexec.c.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path

import fdt

from warmboot.core.errors import ImageError, WarmbootError

#: arm64 maps no more of a device tree than this many bytes (Documentation/arch/arm64/booting.rst).
LIMIT = 2 * 1024 * 1024
_MAGIC = 0xD00DFEED
_BEGIN_NODE, _END_NODE, _PROP, _NOP, _END = 1, 2, 3, 4, 9
_KASLR_SEED, _RNG_SEED = 8, 128  # bytes, as drivers/of/kexec.c makes them
#: What the firmware or an earlier kexec said of this kernel, and is not true of the next one.
_STALE = (
    "linux,elfcorehdr",
    "linux,usable-memory-range",
    "linux,ima-kexec-buffer",
    "linux,kho-fdt",
    "linux,kho-scratch",
)


def running_tree(prefix: Path) -> bytes:
    """Return the device tree this machine was started with; raises WarmbootError."""
    path = prefix / "sys/firmware/fdt"
    try:
        with path.open("rb") as file:
            return file.read(LIMIT + 1)
    except OSError as error:
        raise WarmbootError(
            f"The device tree of this machine cannot be read: {path}: {error.strerror}",
            hint="Run as root. If the file is missing, give one with --dtb.",
        ) from error


def check_tree(tree: bytes, name: str) -> None:
    """Raise ImageError where `tree` is no flattened device tree that a kernel would take."""
    _parse(tree, name)


def next_tree(tree: bytes, name: str, cmdline: bytes, initrd: tuple[int, int] | None) -> bytes:
    """Return `tree` for the next kernel; `initrd` is its first address and the one behind it.

    Seeds are made anew: the running kernel wiped those it was given, and a kernel without
    kaslr-seed runs at a known address. Raises ImageError.
    """
    parsed = _parse(tree, name)
    chosen = parsed.root.get_subnode("chosen")
    if chosen is None:
        chosen = fdt.Node("chosen")
        parsed.root.append(chosen)
    values = {
        "bootargs": cmdline,
        "kaslr-seed": os.urandom(_KASLR_SEED),
        "rng-seed": os.urandom(_RNG_SEED),
    }
    if initrd is not None:
        values["linux,initrd-start"] = struct.pack(">Q", initrd[0])
        values["linux,initrd-end"] = struct.pack(">Q", initrd[1])
    for unwanted in ("linux,initrd-start", "linux,initrd-end", *_STALE, *values):
        chosen.remove_property(unwanted)
    for property_name, value in values.items():
        chosen.append(fdt.PropBytes(property_name, data=value))
    made = bytes(parsed.to_dtb(version=17))
    if len(made) > LIMIT:
        raise ImageError(f"The device tree is larger than {LIMIT} bytes; no kernel would read it")
    return made


def _parse(tree: bytes, name: str) -> fdt.FDT:
    if len(tree) > LIMIT:
        raise ImageError(f"{name} is larger than {LIMIT} bytes, so it is not a device tree")
    try:
        parsed = fdt.parse_dtb(_without_nops(tree))
        if parsed.root is None:
            raise ValueError("no root node")
    except Exception as error:  # the library raises Exception itself, AssertionError, IndexError, …
        raise ImageError(
            f"{name} is not a device tree that warmboot can read: {error or 'it is damaged'}",
            hint="Choose a flattened device tree (.dtb) made for this machine.",
        ) from error
    return parsed


def _without_nops(tree: bytes) -> bytes:
    """Return the tree without FDT_NOP tokens, which firmware leaves behind and fdt cannot read.

    Bytes behind the end are cut off too. Raises struct.error, ValueError where it is damaged.
    """
    magic, total, structure = struct.unpack_from(">III", tree)
    if magic != _MAGIC or total > len(tree):
        raise ValueError("wrong magic number or size")
    tokens = bytearray()
    position = structure
    while True:
        (token,) = struct.unpack_from(">I", tree, position)
        end = position + 4
        if token == _BEGIN_NODE:
            end = tree.index(b"\0", end) + 1
        elif token == _PROP:
            end += 8 + struct.unpack_from(">I", tree, end)[0]
        elif token not in (_END_NODE, _NOP, _END):
            raise ValueError(f"unknown token {token:#x} at {position:#x}")
        end = -(-end // 4) * 4
        if end > total:
            raise ValueError("a token reaches beyond the end")
        if token != _NOP:
            tokens += tree[position:end]
        position = end
        if token == _END:
            break
    kept = bytes(tokens).ljust(position - structure, b"\0")
    return tree[:structure] + kept + tree[position:total]
