"""Boot images for kernels that unpack them: the real ones here, and others made of them."""

from __future__ import annotations

import struct

from warmboot.core.bpf.abi import IDENTITY_MAGIC
from warmboot.core.images.bpfobject import IDENTITY
from warmboot.core.sandbox.builders.uki import build_uki
from warmboot.core.sandbox.builders.zboot import build_zboot

from .bpf_kernel import ImageFinder

GZIP, ZSTD = "6.12.95-kexectest2", "6.12.95-kexectest"  # releases of the images here
_ZBOOT_SIZE = 12  # where a zboot header says how large the payload is


def gzip_zboot(image_file: ImageFinder) -> bytes:
    return image_file("arm64-6.12-gzip.vmlinuz.efi").read_bytes()


def zstd_zboot(image_file: ImageFinder) -> bytes:
    return image_file("arm64-6.12-zstd.vmlinuz.efi").read_bytes()


def raw_image(image_file: ImageFinder) -> bytes:
    return image_file("arm64-6.12.Image").read_bytes()


def packed(image_file: ImageFinder, method: str) -> bytes:
    """The same kernel as the others, by another method, laid out as kernel builds do it."""
    return build_zboot(raw_image(image_file), arch="arm64", method=method)


def unified(image_file: ImageFinder, linux: bytes | None = None) -> bytes:
    """A UKI with a zboot inside."""
    return build_uki(
        arch="arm64",
        linux=linux or gzip_zboot(image_file),
        initrd=b"not the one",
        cmdline="not=this",
        osrel='ID=e2e\nPRETTY_NAME="A unified image"\n',
        uname=GZIP,
    )


def of_another_tool(parser: bytes, *, rings: int | None = None) -> bytes:
    """A parser of ours as another tool would make it: it does not say what it is.

    `rings` are the bytes of those that it does not use.
    """
    out = bytearray(parser.replace(IDENTITY_MAGIC, b"somebody's own.\0"))
    if rings is not None:
        for name in (b"ringbuf_2", b"ringbuf_3", b"ringbuf_4"):
            struct.pack_into("<I", out, out.index(name + b"\0") - 16, rings)
    return bytes(out)


def with_record(parser: bytes, record: int) -> bytes:
    """A parser of ours that says its record is of so many bytes."""
    out = bytearray(parser)
    place = out.index(IDENTITY_MAGIC) + IDENTITY.size - 8
    struct.pack_into("<Q", out, place, record)
    return bytes(out)


def with_size(zboot: bytes, change: int) -> bytes:
    """A zboot whose header is wrong about its payload's size."""
    out = bytearray(zboot)
    (size,) = struct.unpack_from("<I", out, _ZBOOT_SIZE)
    struct.pack_into("<I", out, _ZBOOT_SIZE, size + change)
    return bytes(out)


def flipped(data: bytes, place: int) -> bytes:
    """The bytes with one bit the other way round."""
    out = bytearray(data)
    out[place] ^= 1
    return bytes(out)
