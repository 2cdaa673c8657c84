"""A file system whose server is dead, and no service manager: the restart still comes to an end."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from .fetch import Arch
from .guest import Guest, Step, converse, machine, steps
from .initramfs import GUEST_FILES, debian_kernel, drivers, guest_initramfs, second_initrd
from .proof import Nonces, SecondKernel, second_kernel

pytestmark = pytest.mark.timeout(900)  # seconds, downloads and a second try included
LIMIT = 400.0  # seconds; measured alone: 45


def test_a_dead_file_system_holds_nothing_up(nonces: Nonces, tmp_path: Path) -> None:
    kernel = debian_kernel(Arch.AMD64)
    cmdline = f"e2e={nonces.cmdline} console=ttyS0 panic=-1 quiet"
    files = {
        **drivers(Arch.AMD64, ("loop.ko", "fuse.ko")),
        "/boot/bzImage": kernel.image,
        "/boot/second.cpio": second_initrd(Arch.AMD64, nonces.initrd),
        "/dead_mount.py": (GUEST_FILES / "dead_mount.py").read_bytes(),
        "/parameters": f"cmdline={shlex.quote(cmdline)}\n".encode(),
    }
    initramfs, running = tmp_path / "initramfs.cpio", tmp_path / "bzImage"
    guest_initramfs(initramfs, Arch.AMD64, files, GUEST_FILES / "dead-mount")
    running.write_bytes(kernel.image)
    command = machine(Arch.AMD64, running, initramfs)
    command[-1] = command[-1].replace("loglevel=3", "loglevel=5")  # warnings, as what was given up

    def talk(guest: Guest) -> tuple[SecondKernel, dict[str, Step], str]:
        second = second_kernel(guest, nonces, LIMIT)
        return second, steps(guest.transcript), guest.transcript

    second, done, said = converse(command, talk)
    assert {name: step.code for name, step in done.items() if step.code != 0} == {}
    assert done["mounted"].output.startswith("/dev/loop0 /mnt fuseblk rw")
    assert "exec" not in done, "exec returned, and yet another kernel ran"
    assert "warmboot: /mnt did not answer and stays mounted" in said
    assert second == SecondKernel(kernel.release, cmdline)
