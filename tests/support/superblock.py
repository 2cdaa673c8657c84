"""What ext4 writes at the beginning of a disk, as far as warmboot reads it."""

from __future__ import annotations

UUID = "0a1b2c3d-0e0f-4a1b-8c2d-3e4f5a6b7c8d"


def superblock(count: int, checked: int, name: str = UUID) -> bytes:
    """A disk that was mounted `count` times since it was `checked`."""
    raw = bytearray(4096)
    at = memoryview(raw)[1024:]
    at[0x34:0x36] = count.to_bytes(2, "little")
    at[0x38:0x3A] = b"\x53\xef"
    at[0x40:0x44] = checked.to_bytes(4, "little")
    at[0x68:0x78] = bytes.fromhex(name.replace("-", ""))
    return bytes(raw)
