"""Debian's loongarch64 kernel takes what warmboot places; PROVEN.md says how far the jump comes."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from warmboot.core.images import ImageFile, identify
from warmboot.core.payload.memfile import MemFile
from warmboot.core.payload.unpack import decompress

from .fetch import Arch, debian_tree
from .guest import Guest, Step, converse, machine, steps
from .initramfs import GUEST_FILES, guest_initramfs, second_initrd
from .kernels import ported_kernel
from .placed import LIMIT
from .proof import Nonces

pytestmark = [pytest.mark.slow_guest, pytest.mark.timeout(4000)]

#: Without ACPI, as QEMU starts a kernel itself, Debian's looks for a keyboard where nothing is.
WORDS = "initcall_blacklist=i8042_init"


def newer_qemu() -> list[str]:
    """The emulator of Debian's sid, by its own loader: bookworm's cannot start an Image."""
    tree = debian_tree(Arch.AMD64, ["qemu-system-misc"], "sid")
    libraries = tree / "usr/lib/x86_64-linux-gnu"
    return [
        *(str(libraries / "ld-linux-x86-64.so.2"), "--library-path", str(libraries)),
        *(str(tree / "usr/bin/qemu-system-loongarch64"), "-L", str(tree / "usr/share/qemu")),
    ]


def unpacked(image: bytes, folder: Path) -> bytes:
    """The Image inside a zboot."""
    path = folder / "zboot"
    path.write_bytes(image)
    with ImageFile.open(path) as file, MemFile("image") as memory:
        stream = identify(file.view).stream
        assert stream is not None
        decompress(file.view, stream, memory)
        return bytes(memory.view().head(memory.size))


def test_segments_are_taken_by_the_kernel(nonces: Nonces, tmp_path: Path) -> None:
    kernel = ported_kernel(Arch.LOONG64, "sid")
    image = unpacked(kernel.image, tmp_path)
    running, initramfs = tmp_path / "Image", tmp_path / "initramfs.cpio"
    running.write_bytes(image)
    cmdline = f"e2e={nonces.cmdline} console=ttyS0 panic=-1 {WORDS}"
    options = ["--kernel", "/boot/next", "--initrd", "/boot/second.cpio", "--cmdline", cmdline]
    files = {
        f"/boot/config-{kernel.release}": kernel.config,
        "/parameters": f"set -- {shlex.join(options)}\n".encode(),
        "/boot/next": image,
        "/boot/second.cpio": second_initrd(Arch.LOONG64, nonces.initrd),
    }
    guest_initramfs(initramfs, Arch.LOONG64, files, GUEST_FILES / "staged")
    _, *rest = machine(Arch.LOONG64, running, initramfs)
    rest[-1] += f" {WORDS}"

    def talk(guest: Guest) -> dict[str, Step]:
        guest.wait_for("^e2e: the scenario came to an end", LIMIT)
        return steps(guest.transcript)

    done = converse([*newer_qemu(), *rest], talk)
    assert {name: step.code for name, step in done.items() if step.code} == {}
    assert "kexec_load(2)" in done["stage"].output
    flags = ("not-loaded", "loaded", "unloaded")
    assert [done[name].output for name in flags] == ["0\n", "1\n", "0\n"]
