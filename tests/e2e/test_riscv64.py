"""Debian's riscv64 kernels, which have kexec_load(2) only, started by warmboot's own placing."""

from __future__ import annotations

from pathlib import Path

import pytest

from warmboot.core.sandbox.builders.uki import build_uki

from .fetch import Arch
from .initramfs import kexec_tools, second_initrd
from .kernels import ported_kernel, vmlinux
from .placed import started
from .proof import Nonces, SecondKernel

pytestmark = [pytest.mark.slow_guest, pytest.mark.timeout(4000)]


@pytest.mark.parametrize(("suite", "harts"), [("sid", 1), ("trixie", 2)])
def test_from_sid_s_kernel_to_an_image(
    suite: str, harts: int, nonces: Nonces, tmp_path: Path
) -> None:
    running, following = ported_kernel(Arch.RISCV64, "sid"), ported_kernel(Arch.RISCV64, suite)
    files = {
        "/boot/next": following.image,
        "/boot/second.cpio": second_initrd(Arch.RISCV64, nonces.initrd),
    }
    cmdline = f"e2e={nonces.cmdline} console=ttyS0 panic=-1 quiet"
    options = ["--kernel", "/boot/next", "--initrd", "/boot/second.cpio", "--cmdline", cmdline]
    flags = ("-smp", str(harts))
    second, said = started(Arch.RISCV64, running, files, options, nonces, tmp_path, flags=flags)
    assert second == SecondKernel(following.release, cmdline)
    assert "kexec_load(2)" in said


def test_a_uki(nonces: Nonces, tmp_path: Path) -> None:
    kernel = ported_kernel(Arch.RISCV64, "sid")
    cmdline = f"console=ttyS0 panic=-1 quiet e2e={nonces.cmdline}"
    uki = build_uki(
        arch="riscv64",
        linux=kernel.image,
        initrd=second_initrd(Arch.RISCV64, nonces.initrd),
        cmdline=cmdline,
        osrel='ID=e2e\nPRETTY_NAME="A unified image"\n',
        uname=kernel.release,
    )
    files = {"/boot/efi/EFI/Linux/unified.efi": uki}
    second, _ = started(Arch.RISCV64, kernel, files, [], nonces, tmp_path)
    assert second == SecondKernel(kernel.release, cmdline)


def test_an_elf_kernel_through_kexec_tools(nonces: Nonces, tmp_path: Path) -> None:
    kernel = ported_kernel(Arch.RISCV64, "sid")
    files = {
        **kexec_tools(Arch.RISCV64),
        "/boot/vmlinux": vmlinux(Arch.RISCV64, "sid", kernel.release),
        "/boot/second.cpio": second_initrd(Arch.RISCV64, nonces.initrd),
    }
    cmdline = f"e2e={nonces.cmdline} console=ttyS0 panic=-1 quiet"
    options = ["--kernel", "/boot/vmlinux", "--initrd", "/boot/second.cpio", "--cmdline", cmdline]
    second, said = started(Arch.RISCV64, kernel, files, options, nonces, tmp_path)
    assert second == SecondKernel(kernel.release, cmdline)
    assert "but no ELF kernel" in said
