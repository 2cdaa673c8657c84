"""Debian's kernels, packed by every method, unpacked by warmboot and started by the running one."""

from __future__ import annotations

from pathlib import Path

import pytest

from .fetch import Arch
from .guest import BOARDS
from .initramfs import debian_kernel, second_initrd
from .kernels import ported_kernel
from .packed import cases, codec, packed
from .placed import started
from .proof import Nonces, SecondKernel

pytestmark = [pytest.mark.slow_guest, pytest.mark.timeout(4000)]

#: A compressed Image is nothing that x86-64 has; loongarch64: test_loongarch64.py.
FORMS = {Arch.ARM64: ("zboot", "Image"), Arch.AMD64: ("zboot",), Arch.RISCV64: ("zboot", "Image")}
CASES = [(arch, *case) for arch, forms in FORMS.items() for case in cases(arch, forms)]


@pytest.mark.parametrize(("arch", "form", "method"), CASES)
def test_into(arch: Arch, form: str, method: str, nonces: Nonces, tmp_path: Path) -> None:
    kernel = debian_kernel(arch) if arch.has_wheels else ported_kernel(arch, "sid")
    files = {
        "/boot/next": packed(arch, form, method, kernel.image),
        "/boot/second.cpio": second_initrd(arch, nonces.initrd),
        **codec(arch, method),
    }
    cmdline = f"e2e={nonces.cmdline} console={BOARDS[arch].console} panic=-1 quiet"
    options = ["--kernel", "/boot/next", "--initrd", "/boot/second.cpio", "--cmdline", cmdline]
    second, said = started(arch, kernel, files, options, nonces, tmp_path)
    assert second == SecondKernel(kernel.release, cmdline)
    assert "unpacked here" in said
