"""Where kexec-tools is what is left: machines without kexec_file_load(2) that warmboot places
nothing on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from .fetch import Arch
from .initramfs import GUEST_FILES, debian_kernel, kexec_tools, second_initrd
from .kernels import ported_kernel
from .placed import started
from .proof import Nonces, SecondKernel

pytestmark = [pytest.mark.slow_guest, pytest.mark.timeout(4000)]


def test_ppc64le(nonces: Nonces, tmp_path: Path) -> None:
    kernel = ported_kernel(Arch.PPC64EL, Arch.PPC64EL.suite)
    files = {
        **kexec_tools(Arch.PPC64EL),
        "/boot/next": kernel.image,
        "/boot/second.cpio": second_initrd(Arch.PPC64EL, nonces.initrd),
    }
    cmdline = f"e2e={nonces.cmdline} console=hvc0 panic=-1 quiet"
    options = ["--kernel", "/boot/next", "--initrd", "/boot/second.cpio", "--cmdline", cmdline]
    second, said = started(Arch.PPC64EL, kernel, files, options, nonces, tmp_path)
    assert second == SecondKernel(kernel.release, f"{cmdline} ")  # kexec-tools adds the blank
    assert "kexec-tools" in said


def test_x86_64_whose_kernel_turns_out_to_lack_the_call(nonces: Nonces, tmp_path: Path) -> None:
    kernel = debian_kernel(Arch.AMD64)
    files = {
        **kexec_tools(Arch.AMD64),
        "/no-file-load.py": (GUEST_FILES / "no-file-load.py").read_bytes(),
        "/prepare": b'warmboot() { python3.11 /no-file-load.py /usr/local/bin/warmboot "$@"; }\n',
        "/boot/next": kernel.image,
        "/boot/second.cpio": second_initrd(Arch.AMD64, nonces.initrd),
    }
    cmdline = f"e2e={nonces.cmdline} console=ttyS0 panic=-1 quiet"
    options = ["--kernel", "/boot/next", "--initrd", "/boot/second.cpio", "--cmdline", cmdline]
    second, said = started(
        Arch.AMD64, replace(kernel, config=b""), files, options, nonces, tmp_path
    )
    assert second == SecondKernel(kernel.release, cmdline)
    assert "no kexec_file_load(2): kexec-tools was used instead" in " ".join(said.split())
