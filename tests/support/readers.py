"""Readers of boot images that have nothing to do with the code under test."""

from __future__ import annotations

import bz2
import gzip
import lzma
import struct
import subprocess
from collections.abc import Iterator

import lz4.block
import pefile
import zstandard

from support.tools import needs_tool


def read_pe(data: bytes) -> pefile.PE:
    """Parse a PE file and require pefile to find no fault in it."""
    parsed = pefile.PE(data=data)
    # How often a byte occurs is no fault of the format.
    assert not [text for text in parsed.get_warnings() if "makes up" not in text]
    return parsed


def section(parsed: pefile.PE, name: str) -> pefile.SectionStructure:
    """Return the first section of this name."""
    return next(s for s in parsed.sections if s.Name.rstrip(b"\0").decode() == name)


def content(parsed: pefile.PE, name: str) -> bytes:
    """Return what a section holds, the padding left out."""
    found = section(parsed, name)
    return bytes(found.get_data()[: found.Misc_VirtualSize])


def check_layout(parsed: pefile.PE, size: int) -> None:
    """Require what a PE loader needs: sections in order, aligned, apart, inside file and image."""
    optional = parsed.OPTIONAL_HEADER
    memory, file = optional.SectionAlignment, optional.FileAlignment
    end_memory, end_file = optional.SizeOfHeaders, optional.SizeOfHeaders
    assert end_file % file == 0
    assert parsed.sections[-1].get_file_offset() + 40 <= end_file
    for one in parsed.sections:
        assert one.VirtualAddress % memory == 0
        assert one.VirtualAddress >= end_memory
        assert one.SizeOfRawData % file == 0
        if one.SizeOfRawData:
            assert one.PointerToRawData % file == 0
            assert one.PointerToRawData >= end_file
            end_file = one.PointerToRawData + one.SizeOfRawData
        end_memory = one.VirtualAddress + one.Misc_VirtualSize
    assert end_file <= size
    assert optional.SizeOfImage == -(-end_memory // memory) * memory
    entry = parsed.get_section_by_rva(optional.AddressOfEntryPoint)
    assert entry is not None
    assert entry.Characteristics & 0x20000000  # may be executed


def unpack(data: bytes, method: str) -> bytes:
    """Unpack with what reads each format elsewhere."""
    match method:
        case "gzip":
            return gzip.decompress(data)
        case "zstd":
            return zstandard.ZstdDecompressor().decompressobj().decompress(data)
        case "lz4":
            return b"".join(lz4_blocks(data))
        case "lzo":
            command = [needs_tool("lzop"), "-dc"]
            return subprocess.run(command, input=data, stdout=-1, check=True).stdout
        case "bzip2":
            return bz2.decompress(data)
    return lzma.decompress(data, {"xz": lzma.FORMAT_XZ, "lzma": lzma.FORMAT_ALONE}[method])


def lz4_blocks(data: bytes) -> Iterator[bytes]:
    """Yield the content of each block of a legacy frame."""
    assert data[:4] == b"\x02\x21\x4c\x18"
    position = 4
    while position < len(data):
        (size,) = struct.unpack_from("<I", data, position)
        block = data[position + 4 : position + 4 + size]
        yield lz4.block.decompress(block, uncompressed_size=8 << 20)
        position += 4 + size


def read_cpio(data: bytes) -> dict[str, tuple[int, bytes, tuple[int, int]]]:
    """Read a newc archive: name → st_mode, content, device numbers."""
    members: dict[str, tuple[int, bytes, tuple[int, int]]] = {}
    position = 0
    while True:
        assert data[position : position + 6] == b"070701"
        fields = [int(data[position + 6 + 8 * i :][:8], 16) for i in range(13)]
        start = position + 110
        name = data[start : start + fields[11] - 1].decode()
        assert data[start + fields[11] - 1] == 0
        start = -(-(start + fields[11]) // 4) * 4
        if name == "TRAILER!!!":
            assert data[start:].strip(b"\0") == b""
            return members
        members[name] = (fields[1], data[start : start + fields[6]], (fields[9], fields[10]))
        position = -(-(start + fields[6]) // 4) * 4


def read_tree(data: bytes) -> dict[str, bytes]:
    """Read a flattened device tree: path of a property → its value."""
    total, structure, strings = struct.unpack_from(">III", data, 4)
    assert (struct.unpack_from(">I", data)[0], total) == (0xD00DFEED, len(data))
    path: list[str] = []
    found, position = {}, structure
    while (token := struct.unpack_from(">I", data, position)[0]) != 9:
        position += 4
        if token == 1:
            name = data[position : data.index(0, position)]
            path.append(name.decode())
            position += -(-(len(name) + 1) // 4) * 4
        elif token == 2:
            path.pop()
        else:
            assert token == 3
            size, offset = struct.unpack_from(">II", data, position)
            key = data[strings + offset : data.index(0, strings + offset)].decode()
            found["/".join([*path, key])] = data[position + 8 : position + 8 + size]
            position += 8 + -(-size // 4) * 4
    assert not path
    return found
