"""Initrds of every kind, sound and not; what a kernel makes of each is found out by booting it.

The files of an initrd are /init and some of /a to /h, each of which ends with its own letter as a
capital. A case says which of them its maker put in (`files`), and which of those are known to get
lost without a word (`lost`).
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import random
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import lz4.frame
import zstandard

from warmboot.core.payload.cpio_writer import Node, build_cpio, link
from warmboot.core.sandbox.builders.compress import compress
from warmboot.core.sandbox.builders.initrd import build_microcode
from warmboot.core.sandbox.builders.xz import compress_filtered

_FILLER = random.Random(1).randbytes(30_000)


@dataclass(frozen=True)
class Case:
    """An initrd; `memory` in MiB is what its guest needs."""

    data: bytes
    files: str
    lost: str = ""
    memory: int = 128


def content(letter: str, count: int = 3_000) -> bytes:
    """The content of a file: some that packs well, some that does not, its letter at the end."""
    return _FILLER[:count] + bytes(count) + letter.upper().encode()


def archive(init: bytes | None, letters: str, **more: bytes | Node) -> bytes:
    """A newc archive as cpio(1) writes it, of /init where there is one, and files by letter."""
    files: dict[str, bytes | Node] = {letter: content(letter) for letter in letters}
    if init is not None:
        files["init"] = init
    return build_cpio({**files, **more})


def aligned(data: bytes, rest: int = 0) -> bytes:
    """`data` and four zeros at least, so that its length is a multiple of 4, and `rest` more."""
    return data + bytes(4 + -len(data) % 4 + rest)


def member(
    name: bytes,
    body: bytes = b"",
    *,
    mode: int = 0o100755,
    magic: bytes = b"070701",
    checksum: int = 0,
    links: int = 1,
    time: bytes = b"00000000",
) -> bytes:
    """One member of an archive, with any header."""
    numbers = [7, mode, 0, 0, links, None, len(body), 0, 0, 0, 0, len(name), checksum]
    head = magic + b"".join(time if n is None else b"%08X" % n for n in numbers) + name
    head += bytes(-len(head) % 4)
    return head + body + bytes(-len(body) % 4)


TRAILER = member(b"TRAILER!!!\0", mode=0)


def summed(letters: str, init: bytes, wrong: str = "") -> bytes:
    """An archive with checksums (070702); those of the files in `wrong` do not fit."""
    files = {"init": init, **{letter: content(letter) for letter in letters}}
    members = [
        member(name.encode() + b"\0", body, magic=b"070702", checksum=sum(body) + (name in wrong))
        for name, body in files.items()
    ]
    return b"".join(members) + member(b"TRAILER!!!\0", mode=0, magic=b"070702")


def damaged(data: bytes, at: int, count: int = 8) -> bytes:
    """`data` with some bytes inverted."""
    return data[:at] + bytes(byte ^ 0xFF for byte in data[at : at + count]) + data[at + count :]


def gzip_with(data: bytes, flags: int, fields: bytes) -> bytes:
    """A gzip member with the given flags and optional fields (RFC 1952, section 2.3)."""
    packed = gzip.compress(data, 6, mtime=0)
    return packed[:3] + bytes([flags]) + packed[4:10] + fields + packed[10:]


def _xz(data: bytes, check: int, filters: list[dict[str, int]] | None = None) -> bytes:
    return lzma.compress(data, lzma.FORMAT_XZ, check, filters=filters)


def _zstd_stream(data: bytes, window_log: int) -> bytes:
    """A frame with a window that is larger than its content."""
    parameters = zstandard.ZstdCompressionParameters.from_level(3, window_log=window_log)
    packer = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    return packer.compress(data) + packer.flush()


def _zstd(data: bytes, level: int = 3, **options: int | bool) -> bytes:
    parameters = zstandard.ZstdCompressionParameters.from_level(level, **options)
    return zstandard.ZstdCompressor(compression_params=parameters).compress(data)


def _lzo(data: bytes, sums: Callable[[bytes, bytes], bytes], flags: int) -> bytes:
    """An lzop file whose blocks have the checksums that `sums` returns."""
    from lzallright import LZOCompressor

    header = struct.pack(">HHHBBIIIIB", 0x1030, 0x20A0, 0x0940, 3, 9, flags, 0o100644, 0, 0, 0)
    out = [b"\x89LZO\x00\r\n\x1a\n", header, struct.pack(">I", zlib.adler32(header))]
    for start in range(0, len(data), 256 << 10):
        block = data[start : start + (256 << 10)]
        packed = LZOCompressor().compress(block)
        out += [struct.pack(">II", len(block), len(packed)), sums(block, packed), packed]
    return b"".join([*out, bytes(4)])


def _adler(data: bytes) -> bytes:
    return struct.pack(">I", zlib.adler32(data))


def large(init: bytes) -> dict[str, Case]:
    """More content than the kernel's parsers may unpack; initrds have no such bound."""
    content = archive(init, "a", z=bytes(560 << 20))
    return {"gzip of 560 MiB": Case(gzip.compress(content, 1), "a", memory=2048)}


def plain(init: bytes) -> dict[str, Case]:
    whole = archive(init, "ab")
    first = member(b"init\0", init)
    a, b = member(b"a\0", content("a")), member(b"b\0", content("b"))
    second_name = member(b"a\0", b"", links=2)
    return {
        "plain": Case(whole, "ab"),
        "plain, no end mark": Case(first + a + b, "ab"),
        "plain, members behind the end mark": Case(first + a + TRAILER + b + TRAILER, "ab"),
        "plain, names from the root": Case(
            member(b"/init\0", init) + member(b"./a\0", content("a")) + TRAILER, "a"
        ),
        "plain, a hard link": Case(
            first + member(b"b\0", content("b"), links=2) + second_name + TRAILER, "ab"
        ),
        "plain, a symbolic link": Case(archive(init, "a", b=link("a")), "ab"),
        "plain, checksums": Case(summed("ab", init), "ab"),
        "plain, wrong checksum": Case(summed("ab", init, wrong="a"), "ab"),
        "plain, old form": Case(b"070707" + whole[6:], "ab"),
        "plain, cut in a file": Case((first + a + b)[:-1000], "ab"),
        "plain, cut in a header": Case(first + a + b[:60], "ab"),
        "plain, cut in a name": Case(first + a + member(b"b" * 30 + b"\0")[:115], "ab"),
        "plain, cut in the padding": Case((first + a + b)[:-3], "ab"),
        "plain, time of no digits": Case(
            first + member(b"a\0", content("a"), time=b"zz000000") + TRAILER, "a"
        ),
        "plain, name without an end": Case(first + member(b"axxx", b"") + b + TRAILER, "ab"),
        "plain, name too long": Case(
            first + member(b"a" * 5000 + b"\0") + b + TRAILER, "ab", lost="a"
        ),
        "plain, folder with content": Case(
            first + member(b"a\0", b"1234", mode=0o040755) + b + TRAILER, "ab", lost="a"
        ),
        "plain, folder missing": Case(
            archive(init, "a")
            + member(b"d/x\0", content("c"))
            + member(b"c\0", b"d/x", mode=0o120777)
            + TRAILER,
            "ac",
            lost="c",
        ),
        "plain, header without magic": Case(first + a + b"0" * 120 + b + TRAILER, "ab"),
        "plain, zeros in front": Case(bytes(512) + whole, "ab"),
        "plain, two zeros in front": Case(bytes(2) + whole, "ab"),
        "plain, zeros behind": Case(whole + bytes(5001), "ab"),
        "plain, junk behind": Case(whole + b"junk" * 20, "ab"),
    }


def packed(init: bytes) -> dict[str, Case]:
    whole = archive(init, "ab")
    levels = {
        "gzip": (0, 1, 6, 9),
        "zstd": (1, 19, 22),
        "lz4": (None, 12),
        "lzma": (0, 6, 9),
        "xz": (0, 6, 9),
        "bzip2": (1, 9),
        "lzo": (None,),
    }
    return {
        f"{method} {level}": Case(compress(whole, method, level), "ab", memory=512)
        for method, chosen in levels.items()
        for level in chosen
    }


def forms(init: bytes) -> dict[str, Case]:
    """What each format allows and the kernel may not."""
    whole = archive(init, "ab")
    half = len(whole) // 2
    large = archive(init, "ab", z=bytes(300_000))
    delta = [{"id": lzma.FILTER_DELTA, "dist": 1}, {"id": lzma.FILTER_LZMA2}]
    offset = [{"id": lzma.FILTER_ARM, "start_offset": 4096}, {"id": lzma.FILTER_LZMA2}]
    crc32 = struct.pack("<H", zlib.crc32(gzip_with(b"", 2, b"")[:10]) & 0xFFFF)
    adler_flags, packed_flags, crc_flags = 0x03000001, 0x03000003, 0x03000100
    data = {
        "gzip with a name": gzip_with(whole, 0x08, b"initrd.cpio\0"),
        "gzip with a comment": gzip_with(whole, 0x10, b"comment\0"),
        "gzip with an extra field": gzip_with(whole, 0x04, b"\4\0abcd"),
        "gzip with a header checksum": gzip_with(whole, 0x02, crc32),
        "gzip for text": gzip_with(whole, 0x01, b""),
        "gzip by its other magic": b"\x1f\x9e" + gzip.compress(whole)[2:],
        "gzip, two members in one archive": gzip.compress(whole[:half])
        + gzip.compress(whole[half:]),
        "xz, no check": _xz(whole, lzma.CHECK_NONE),
        "xz, CRC64": _xz(whole, lzma.CHECK_CRC64),
        "xz, SHA-256": _xz(whole, lzma.CHECK_SHA256),
        "xz, x86": compress(whole, "xz", branch_filter="x86"),
        "xz, delta": _xz(whole, lzma.CHECK_CRC32, delta),
        "xz, filter at an offset": _xz(whole, lzma.CHECK_CRC32, offset),
        "xz, two streams in one archive": compress(whole[:half], "xz")
        + compress(whole[half:], "xz"),
        "zstd, sizes and no checksum": _zstd(whole, write_content_size=True),
        "zstd, checksum": _zstd(whole, write_checksum=True, write_content_size=False),
        "zstd, window of 128 MiB": _zstd_stream(large, 27),
        "zstd, window of 256 MiB": _zstd_stream(large, 28),
        "zstd, two frames in one archive": _zstd(whole[:half]) + _zstd(whole[half:]),
        "zstd, a frame to skip in front": b"\x50\x2a\x4d\x18\4\0\0\0abcd" + _zstd(whole),
        "zstd, a frame to skip behind": _zstd(whole) + b"\x50\x2a\x4d\x18\4\0\0\0abcd",
        "lz4, frame format": lz4.frame.compress(whole),
        "lz4, two frames": compress(whole[:half], "lz4") + compress(whole[half:], "lz4"),
        "bzip2, two streams in one archive": bz2.compress(whole[:half])
        + bz2.compress(whole[half:]),
        "lzo, two checksums": _lzo(whole, lambda a, b: _adler(a) + _adler(b), packed_flags),
        "lzo, CRC32": _lzo(whole, lambda a, _: struct.pack(">I", zlib.crc32(a)), crc_flags),
        "lzo, no checksum": _lzo(whole, lambda _a, _b: b"", 0x03000000),
        "lzo, wrong checksum": _lzo(whole, lambda _a, _b: b"1234", adler_flags),
        "a header of U-Boot": b"\x27\x05\x19\x56" + bytes(60) + gzip.compress(whole),
        "no known form": b"ELF?" * 3000,
        "only zeros": bytes(4096),
    }
    found = {name: Case(one, "ab") for name, one in data.items()}
    found["zstd, window of 128 MiB"] = Case(data["zstd, window of 128 MiB"], "ab", memory=512)
    found["zstd, window of 256 MiB"] = Case(data["zstd, window of 256 MiB"], "ab", memory=1024)
    filtered = compress_filtered(whole, "arm64", 6)
    found["xz, arm64"] = Case(filtered, "ab")
    return found


def damage(init: bytes) -> dict[str, Case]:
    """Each format damaged at its start, in the middle, at its end, and cut off."""
    whole = archive(init, "ab")
    found = {}
    for method in ("gzip", "zstd", "lz4", "lzma", "xz", "bzip2", "lzo"):
        packed = compress(whole, method, 6 if method in ("gzip", "xz", "lzma", "bzip2") else None)
        found[f"{method}, damaged at the start"] = Case(damaged(packed, 14, 6), "ab")
        found[f"{method}, damaged in the middle"] = Case(damaged(packed, len(packed) // 2), "ab")
        found[f"{method}, cut in the middle"] = Case(packed[: len(packed) // 2], "ab")
        # The kernel decodes an lz4 block that is cut off with whatever memory holds behind it.
        for count in (1, 4, 12) if method != "lz4" else (12,):
            found[f"{method}, cut by {count}"] = Case(packed[:-count], "ab")
        found[f"{method}, damaged at the end"] = Case(damaged(packed, len(packed) - 6, 3), "ab")
    packed = gzip.compress(whole, mtime=0)
    found["gzip, wrong CRC"] = Case(damaged(packed, len(packed) - 8, 4), "ab")
    found["gzip, wrong size"] = Case(damaged(packed, len(packed) - 4, 4), "ab")
    found["gzip, header of no known kind"] = Case(b"\x1f\x8b\x07" + packed[3:], "ab")
    found["gzip, damaged at once"] = Case(damaged(packed, 10, 2), "ab")
    packed = compress(whole, "xz")
    found["xz, damaged in its index"] = Case(damaged(packed, len(packed) - 20, 4), "ab")
    found["xz, damaged at the end, an archive behind"] = Case(
        aligned(damaged(packed, len(packed) - 10, 4)) + archive(None, "c"), "abc"
    )
    packed = _zstd(whole, write_checksum=True)
    found["zstd, wrong checksum"] = Case(damaged(packed, len(packed) - 4, 4), "ab")
    return found


def several(init: bytes) -> dict[str, Case]:
    """Archives behind each other."""
    first, second = archive(init, "ab"), archive(None, "cd")
    odd = gzip.compress(first, mtime=0)
    odd += bytes(-len(odd) % 4)
    early = build_microcode({"intel": b"m" * 2000})
    found = {
        "microcode in front": Case(early + compress(first, "zstd"), "ab"),
        "aligned behind gzip": Case(odd + second, "abcd"),
        "not aligned behind gzip": Case(odd + b"\0" + second, "abcd"),
        "packed, not aligned behind gzip": Case(odd + b"\0" + gzip.compress(second), "abcd"),
        "packed, not aligned behind plain": Case(first + b"\0" + gzip.compress(second), "abcd"),
        "packed, at once behind packed": Case(
            compress(first, "zstd") + compress(second, "xz") + gzip.compress(b""), "abcd"
        ),
        "an empty stream in front": Case(gzip.compress(b"") + gzip.compress(first), "ab"),
        "an empty stream behind": Case(odd + gzip.compress(b""), "ab"),
        "zeros, packed, in front": Case(gzip.compress(bytes(4096)) + bytes(3) + odd, "ab"),
        "zeros, packed, behind": Case(first + gzip.compress(bytes(4096)), "ab"),
        "two archives in one stream": Case(gzip.compress(first + second), "abcd"),
        "two archives in one stream, not aligned": Case(
            gzip.compress(first + b"\0\0" + second), "abcd"
        ),
        "junk behind gzip": Case(odd + b"junk", "ab"),
        "junk in a stream": Case(gzip.compress(first + b"junk"), "ab"),
        "junk in a stream, an archive behind": Case(
            aligned(gzip.compress(first + b"junk")) + second, "abcd"
        ),
        "a damaged one behind": Case(odd + damaged(gzip.compress(second), 20), "abcd"),
        "lz4, an archive at once behind": Case(compress(first, "lz4") + second, "abcd"),
        "lz4, two bytes behind": Case(compress(first, "lz4") + b"xy", "ab"),
    }
    for method in ("gzip", "zstd", "lz4", "lzma", "xz", "bzip2", "lzo"):
        behind = aligned(compress(first, method))
        found[f"plain behind {method}"] = Case(behind + second, "abcd")
    return found


#: Makers of cases, by what they have in common; each takes the program that is /init.
KINDS = {
    "plain": plain,
    "packed": packed,
    "forms": forms,
    "damage": damage,
    "several": several,
    "large": large,
}
