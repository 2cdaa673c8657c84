"""Debian's riscv64 kernels, which have kexec_load(2) only, started by warmboot's own placing."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from warmboot.core.sandbox.builders.uki import build_uki
from warmboot.core.sandbox.builders.zboot import build_zboot

from .fetch import Arch
from .initramfs import second_initrd
from .kernels import ported_kernel
from .placed import started, zstandard
from .proof import Nonces, SecondKernel

pytestmark = [pytest.mark.slow_guest, pytest.mark.timeout(4000)]


def zboot(image: bytes, method: str = "gzip") -> bytes:
    """The image as the kernel's own build packs it."""
    return build_zboot(image, arch="riscv64", method=method)


@pytest.mark.parametrize(
    ("suite", "packed", "harts"),
    [
        ("sid", bytes, 1),
        ("trixie", bytes, 2),
        ("trixie", gzip.compress, 1),
        ("sid", zboot, 1),
        ("sid", partial(zboot, method="zstd"), 1),
    ],
    ids=["sid-Image", "trixie-Image-2-harts", "trixie-Image.gz", "sid-zboot", "sid-zboot-zstd"],
)
def test_from_sid_s_kernel_to(
    suite: str, packed: Callable[[bytes], bytes], harts: int, nonces: Nonces, tmp_path: Path
) -> None:
    running, following = ported_kernel(Arch.RISCV64, "sid"), ported_kernel(Arch.RISCV64, suite)
    files = {
        "/boot/next": packed(following.image),
        "/boot/second.cpio": second_initrd(Arch.RISCV64, nonces.initrd),
        **zstandard(Arch.RISCV64),
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
