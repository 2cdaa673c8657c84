"""The device tree of the next kernel: the running one's, or a file, with a new /chosen.

Source: the Devicetree Specification 0.4, chapter 5 (flattened format); the properties of /chosen
are those of Documentation/devicetree/bindings and drivers/of/kexec.c.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path

from warmboot.core.errors import ImageError, WarmbootError
from warmboot.core.load.kexec_load.fixups import reserved, states_memory, with_fixups
from warmboot.core.load.kexec_load.flattened import Flattened
from warmboot.core.load.kexec_load.memory import Range
from warmboot.core.load.kexec_load.overlay import apply_overlay

#: arm64 maps no more of a device tree than this many bytes (Documentation/arch/arm64/booting.rst).
LIMIT = 2 * 1024 * 1024
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


def reserved_ranges(tree: bytes, name: str) -> list[Range]:
    """Return the memory that the next kernel keeps free, by its tree; raises ImageError."""
    try:
        return [Range(start, start + size) for start, size in reserved(tree) if size]
    except ValueError as error:
        raise _unreadable(name, error) from error


def with_overlay(tree: bytes, overlay: bytes, name: str) -> bytes:
    """Return `tree` with the overlay `name` applied; raises ImageError where it does not fit."""
    try:
        if len(overlay) > LIMIT:
            raise ValueError(f"it is larger than {LIMIT} bytes")
        made = apply_overlay(tree, overlay)
    except ValueError as error:
        raise ImageError(
            f"The overlay {name} cannot be applied to the device tree: {error}",
            hint="Use an overlay made for this tree, or take it out of the entry.",
        ) from error
    _check_size(made)
    return made


def completed(tree: bytes, name: str, prefix: Path) -> bytes:
    """Return a tree from a file with what firmware wrote into the running one; see with_fixups.

    Raises ImageError where that does not go, and where nothing says what memory there is.
    """
    try:
        running = running_tree(prefix)
    except WarmbootError as error:
        if isinstance(error.__cause__, PermissionError):
            return tree  # who may not read it may not load a kernel either
        if not isinstance(error.__cause__, FileNotFoundError):
            raise
        _check_memory(tree, name)
        return tree
    try:
        made = with_fixups(tree, running)
    except ValueError as error:
        raise ImageError(
            f"What firmware wrote into this machine's device tree cannot be put into {name}: "
            f"{error}",
            hint="Choose a device tree made for this machine.",
        ) from error
    _check_size(made)
    return made


def _check_memory(tree: bytes, name: str) -> None:
    try:
        found = states_memory(tree)
    except ValueError as error:
        raise _unreadable(name, error) from error
    if not found:
        raise ImageError(
            f"{name} does not say what memory there is, and this kernel does not show the tree "
            "that firmware gave it",
            hint="Reboot through firmware, or give a tree with its memory (--dtb).",
        )


def _check_size(made: bytes) -> None:
    if len(made) > LIMIT:
        raise ImageError(
            f"The device tree is larger than {LIMIT} bytes; no kernel would read it",
            hint="Use a smaller tree, or fewer overlays.",
        )


def next_tree(tree: bytes, name: str, cmdline: bytes, initrd: tuple[int, int] | None) -> bytes:
    """Return `tree` for the next kernel; `initrd` is its first address and the one behind it.

    Seeds are made anew: the running kernel wiped those it was given, and a kernel without
    kaslr-seed runs at a known address. Raises ImageError.
    """
    parsed = _parse(tree, name)
    values = {
        "bootargs": cmdline,
        "kaslr-seed": os.urandom(_KASLR_SEED),
        "rng-seed": os.urandom(_RNG_SEED),
    }
    if initrd is not None:
        values["linux,initrd-start"] = struct.pack(">Q", initrd[0])
        values["linux,initrd-end"] = struct.pack(">Q", initrd[1])
    stale = ("linux,initrd-start", "linux,initrd-end", *_STALE)
    made = parsed.with_properties("chosen", values, stale)
    _check_size(made)
    return made


def _parse(tree: bytes, name: str) -> Flattened:
    if len(tree) > LIMIT:
        raise ImageError(f"{name} is larger than {LIMIT} bytes, so it is not a device tree")
    try:
        return Flattened(tree)
    except ValueError as error:
        raise _unreadable(name, error) from error


def _unreadable(name: str, error: ValueError) -> ImageError:
    return ImageError(
        f"{name} is not a device tree that warmboot can read: {error}",
        hint="Choose a flattened device tree (.dtb) made for this machine.",
    )
