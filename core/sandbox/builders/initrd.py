"""Initrds in the newc format (Documentation/driver-api/early-userspace/buffer-format.rst)."""

from __future__ import annotations

from collections.abc import Mapping

from warmboot.core.payload.cpio_writer import Node, build_cpio
from warmboot.core.sandbox.builders.compress import compress

#: Where the kernel looks for early microcode (Documentation/arch/x86/microcode.rst).
MICROCODE = {
    "intel": "kernel/x86/microcode/GenuineIntel.bin",
    "amd": "kernel/x86/microcode/AuthenticAMD.bin",
}


def build_initrd(
    files: Mapping[str, bytes | Node],
    *,
    method: str | None = None,
    microcode: Mapping[str, bytes] | None = None,
) -> bytes:
    """Return an initrd: the archive, compressed by `method`, behind an uncompressed early one.

    `microcode` maps intel or amd to the content of the early archive. Raises WarmbootError as
    `compress` does.
    """
    archive = build_cpio(files)
    packed = compress(archive, method) if method is not None else archive
    return (build_microcode(microcode) if microcode else b"") + packed


def build_microcode(updates: Mapping[str, bytes]) -> bytes:
    """Return the uncompressed archive that x86 kernels read microcode from, by vendor."""
    return build_cpio({MICROCODE[vendor]: content for vendor, content in updates.items()})
