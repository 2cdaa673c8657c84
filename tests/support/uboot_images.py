"""U-Boot's images: the legacy uImage and the flattened image tree (FIT).

Sources: include/image.h of U-Boot (big endian); the Devicetree Specification 0.4, chapter 5;
doc/usage/fit/source_file_format.rst of U-Boot.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from typing import TypeAlias

from warmboot.core.errors import WarmbootError

_UIMAGE_ARCHITECTURES = {"arm": 2, "x86": 3, "ppc": 7, "arm64": 22, "x86-64": 24, "riscv64": 26}
_FIT_ARCHITECTURES = {
    "arm": "arm",
    "x86": "x86",
    "arm64": "arm64",
    "x86-64": "x86_64",
    "riscv64": "riscv",
}
_COMPRESSION = {"none": 0, "gzip": 1, "bzip2": 2, "lzma": 3, "lzo": 4, "lz4": 5, "zstd": 6}
_LINUX, _KERNEL = 5, 2
_MAX_NAME = 32

_BEGIN_NODE, _END_NODE, _PROPERTY, _END = 1, 2, 3, 9
_FDT_HEADER = 40

Tree: TypeAlias = Mapping[str, "bytes | str | int | Tree"]


def build_uimage(
    kernel: bytes,
    arch: str,
    *,
    name: str = "Linux",
    compression: str = "none",
    load: int = 0x80000,
    entry: int = 0x80000,
    timestamp: int = 0,
) -> bytes:
    """Return `kernel`, which is compressed already as `compression` says, behind a uImage header.

    Raises WarmbootError for an architecture, a compression or a name that the header cannot hold.
    """
    text = name.encode()
    if arch not in _UIMAGE_ARCHITECTURES or compression not in _COMPRESSION:
        raise WarmbootError(f"A uImage cannot be for {arch} with {compression}")
    if len(text) > _MAX_NAME:
        raise WarmbootError(f"The name in a uImage has at most {_MAX_NAME} bytes")

    def header(checksum: int) -> bytes:
        return struct.pack(
            ">7I4B32s",
            0x27051956, checksum, timestamp, len(kernel), load, entry, zlib.crc32(kernel),
            _LINUX, _UIMAGE_ARCHITECTURES[arch], _KERNEL, _COMPRESSION[compression], text,
        )  # fmt: skip

    return header(zlib.crc32(header(0))) + kernel


def build_fit(
    kernel: bytes,
    arch: str,
    *,
    description: str = "Linux kernel",
    compression: str = "none",
    load: int = 0x80000,
    entry: int = 0x80000,
) -> bytes:
    """Return a FIT with one kernel, its CRC-32, and one configuration that boots it.

    Raises WarmbootError for an architecture or a compression that U-Boot does not know.
    """
    if arch not in _FIT_ARCHITECTURES or compression not in _COMPRESSION:
        raise WarmbootError(f"A FIT cannot be for {arch} with {compression}")
    image: Tree = {
        "description": description,
        "data": kernel,
        "type": "kernel",
        "arch": _FIT_ARCHITECTURES[arch],
        "os": "linux",
        "compression": compression,
        "load": load,
        "entry": entry,
        "hash-1": {"algo": "crc32", "value": zlib.crc32(kernel)},
    }
    configuration: Tree = {"description": description, "kernel": "kernel-1"}
    return build_device_tree(
        {
            "description": description,
            "#address-cells": 1,
            "timestamp": 0,
            "images": {"kernel-1": image},
            "configurations": {"default": "conf-1", "conf-1": configuration},
        }
    )


def build_device_tree(tree: Tree) -> bytes:
    """Return a flattened device tree, version 17, of nested mappings.

    Texts become NUL-terminated, numbers one 32-bit cell. Properties must stand in front of
    subnodes.
    """
    strings = bytearray()
    structure = _node("", tree, strings) + struct.pack(">I", _END)
    reserved = bytes(16)  # the list of reserved memory, empty
    structure_offset = _FDT_HEADER + len(reserved)
    strings_offset = structure_offset + len(structure)
    header = struct.pack(
        ">10I",
        0xD00DFEED, strings_offset + len(strings), structure_offset, strings_offset, _FDT_HEADER,
        17, 16, 0, len(strings), len(structure),
    )  # fmt: skip
    return header + reserved + structure + strings


def _node(name: str, tree: Tree, strings: bytearray) -> bytes:
    """Return a node's tokens; the names of its properties go to `strings`."""
    out = [struct.pack(">I", _BEGIN_NODE), _cells(name.encode() + b"\0")]
    for key, value in tree.items():
        if isinstance(value, Mapping):
            out.append(_node(key, value, strings))
            continue
        raw = _property(value)
        out += [struct.pack(">III", _PROPERTY, len(raw), _string(key, strings)), _cells(raw)]
    return b"".join(out) + struct.pack(">I", _END_NODE)


def _property(value: bytes | str | int) -> bytes:
    if isinstance(value, str):
        return value.encode() + b"\0"
    return struct.pack(">I", value) if isinstance(value, int) else value


def _string(name: str, strings: bytearray) -> int:
    """Return the offset of a property's name, which is added where it is new."""
    encoded = name.encode() + b"\0"
    found = (b"\0" + strings).find(b"\0" + encoded)
    if found >= 0:
        return found
    strings += encoded
    return len(strings) - len(encoded)


def _cells(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
