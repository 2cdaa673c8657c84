"""warmboot-bpf(7) from its first command to the booted kernel, as somebody who follows it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from support.manual_page import commands_of, run_commands

from .bpf_images import GZIP
from .bpf_kernel import ASKED, FOLDER, BpfKernel, ImageFinder, Scenario
from .fetch import Arch
from .initramfs import second_initrd
from .proof import Nonces

pytestmark = pytest.mark.timeout(900)  # seconds, downloads and a second try included


@pytest.mark.parametrize("dialect", ["v6", "v7"])
def test_the_page_leads_to_the_kernel(
    image_file: ImageFinder, nonces: Nonces, tmp_path: Path, dialect: str
) -> None:
    shutil.copyfile(image_file("arm64-6.12-gzip.vmlinuz.efi"), tmp_path / "vmlinuz.efi")
    for suffix in ("key", "pem"):
        shutil.copyfile(FOLDER / f"TEST-ONLY-signing.{suffix}", tmp_path / f"signing.{suffix}")
    run_commands(commands_of(f"MAKING AN IMAGE FOR {dialect.upper()}"), tmp_path)
    name = {"v6": "vmlinuz-bpf.efi", "v7": "vmlinuz-signed.efi"}[dialect]
    files = {
        f"/{name}": (tmp_path / name).read_bytes(),
        "/initrd.img": second_initrd(Arch.ARM64, nonces.initrd),
    }
    # The page stages what it made for v6.
    *lines, last = [line.replace("vmlinuz-bpf.efi", name) for line in commands_of("LOADING IT")]
    assert last == "warmboot exec"
    lines = [
        *(x for x in commands_of("CHECKING AN IMAGE") if "rehearse" in x and name in x),
        *lines,
    ]
    names = ("rehearse", "status", "dry-run", "stage")
    steps = {name: line.split()[1:] for name, line in zip(names, lines, strict=True)}
    scenario = Scenario(steps=steps, exec=ASKED, processes=True)
    append = f"lockdown=integrity e2e={nonces.cmdline}"
    kernel = BpfKernel(dialect, image_file, tmp_path, append)
    second, done = kernel.restart(files, scenario, nonces)
    assert second.release == GZIP
    assert "loaded, attached and detached" in done["rehearse"].output
    assert f"the kernel unpacks images by them, dialect {dialect}" in done["status"].output
    assert f"Staged {GZIP}" in done["stage"].output
