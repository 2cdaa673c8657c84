"""Kernels of 32-bit ARM and of s390x, as far as their headers go."""

from __future__ import annotations

import struct


def zimage(*, order: str = "<", end: int = 4096, start: bytes = b"\0\0\xa0\xe1") -> bytes:
    head = bytearray(start.ljust(0x24, b"\0"))
    head += struct.pack(f"{order}IIII", 0x016F2818, 0, end, 0x04030201)
    return bytes(head).ljust(4096, b"\x90")


def s390(*, pointer: int = 0x11000) -> bytes:
    head = bytes.fromhex("00080000800002000200001860000050").ljust(0x10008, b"\0") + b"S390EP"
    head = head.ljust(0x10428, b"\0") + pointer.to_bytes(8, "big")
    return head.ljust(0x11000, b"\0") + b"6.1.31-s390x (a@b) #1\0".ljust(512, b"\0")
