"""Kernels of other architectures, started in a guest by the way that warmboot takes there."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from .fetch import Arch
from .guest import Guest, converse, machine, steps
from .initramfs import GUEST_FILES, DebianKernel, guest_initramfs
from .proof import Nonces, SecondKernel, second_kernel

LIMIT = 1500.0  # seconds; measured on a busy machine: 150


def started(
    arch: Arch,
    running: DebianKernel,
    files: Mapping[str, bytes],
    options: Sequence[str],
    nonces: Nonces,
    folder: Path,
    *,
    flags: Sequence[str] = (),
    emulator: Sequence[str] = (),
) -> tuple[SecondKernel, str]:
    """Stage and jump; return what the second kernel said, and all that the console said.

    `flags` are more options of QEMU, `emulator` another one than the machine's. Where the running
    kernel's build options are empty, the guest has none to read.
    """
    image, initramfs = folder / "running", folder / "initramfs.cpio"
    image.write_bytes(running.image)
    boot = {
        f"/boot/config-{running.release}": running.config,
        "/parameters": f"set -- {shlex.join(options)}\n".encode(),
        **files,
    }
    boot = {path: content for path, content in boot.items() if content}
    guest_initramfs(initramfs, arch, boot, GUEST_FILES / "placed")

    def talk(guest: Guest) -> tuple[SecondKernel, str]:
        try:
            second = second_kernel(guest, nonces, LIMIT)
        finally:
            (folder / "transcript").write_text(guest.transcript)
        done = steps(guest.transcript)
        assert "loaded" in done, guest.transcript[-4000:]
        assert done["loaded"].output == "1\n"
        return second, guest.transcript

    own, *rest = machine(arch, image, initramfs)
    second, said = converse([*(emulator or [own]), *rest, *flags], talk)
    # Shown by `make e2e-all`, and kept in PROVEN.md.
    print(f"{running.release}: second kernel {second.release} initrd={nonces.initrd}")
    print(f"  cmdline={second.cmdline}")
    return second, said
