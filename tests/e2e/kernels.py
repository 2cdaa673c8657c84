"""Debian's kernels for architectures without a cloud kernel."""

from __future__ import annotations

import re
import struct
import subprocess
import tarfile
from io import BytesIO
from pathlib import Path

from .fetch import Arch, cached, debian_packages, download, run
from .initramfs import DebianKernel

#: Where packages keep the image and the build options; the second since Debian 14.
_PLACES = (
    re.compile(r"\./boot/(?P<kind>vmlinu[xz]|config)-(?P<release>.+)"),
    re.compile(r"\./usr/lib/modules/(?P<release>[^/]+)/(?P<kind>vmlinu[xz]|config)"),
)
_NAMES = {Arch.PPC64EL: "powerpc64le"}


def ported_kernel(arch: Arch, suite: str) -> DebianKernel:
    """Return the kernel that `suite` has for an architecture."""
    name = f"linux-image-{_NAMES.get(arch, arch)}*"
    found: dict[str, bytes] = {}
    release = ""
    for package in debian_packages(arch, [name], suite).glob("*.deb"):
        content = run("dpkg-deb", "--fsys-tarfile", package)
        with tarfile.open(fileobj=BytesIO(content)) as archive:
            for member in archive:
                place = next(filter(None, (p.fullmatch(member.name) for p in _PLACES)), None)
                file = archive.extractfile(member) if place is not None else None
                if place is not None and file is not None:
                    release = place["release"]
                    found[place["kind"]] = file.read()
    config = found.pop("config")
    (image,) = found.values()
    return DebianKernel(release, image, config)


def vmlinux(arch: Arch, suite: str, release: str) -> bytes:
    """The ELF file that a kernel's image was made of, without what is not loaded.

    It comes with Debian's debugging symbols, a download of more than 1 GB.
    """

    def take_out(folder: Path) -> None:
        package = download(arch, f"linux-image-{release}-dbg", suite, folder)
        with subprocess.Popen(
            ["dpkg-deb", "--fsys-tarfile", package], stdout=subprocess.PIPE
        ) as reading:
            with tarfile.open(fileobj=reading.stdout, mode="r|") as archive:
                member = next(m for m in archive if m.isfile() and "/vmlinux" in m.name)
                file = archive.extractfile(member)
                assert file is not None
                (folder / "vmlinux").write_bytes(loaded_part(file.read()))
            reading.kill()
        package.unlink()

    return (cached("vmlinux", [suite, arch, release], take_out) / "vmlinux").read_bytes()


def loaded_part(elf: bytes) -> bytes:
    """An ELF64 file up to the end of its last segment, and without sections."""
    (table,) = struct.unpack_from("<Q", elf, 0x20)
    (count,) = struct.unpack_from("<H", elf, 0x38)
    rows = [struct.unpack_from("<IIQQQQ", elf, table + 56 * n) for n in range(count)]
    out = bytearray(elf[: max(row[2] + row[5] for row in rows if row[0] == 1)])  # PT_LOAD
    struct.pack_into("<Q", out, 0x28, 0)
    struct.pack_into("<HH", out, 0x3C, 0, 0)
    return bytes(out)
