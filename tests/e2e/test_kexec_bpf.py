"""Kernels that unpack boot images themselves: from the list to the kernel that was inside."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from warmboot.core.sandbox.builders.uki import build_uki

from .bpf_kernel import ImageFinder, complaints, guest_command, parameters
from .fetch import Arch
from .guest import Guest, Step, converse, steps
from .initramfs import second_initrd
from .proof import Nonces, SecondKernel, second_kernel

pytestmark = pytest.mark.timeout(900)  # seconds, downloads and a second try included

LIMIT = 400.0  # seconds; measured on a busy machine: 40
GZIP, ZSTD = "6.12.95-kexectest2", "6.12.95-kexectest"  # releases of the images here


def gzip_zboot(image_file: ImageFinder) -> bytes:
    return image_file("arm64-6.12-gzip.vmlinuz.efi").read_bytes()


def zstd_zboot(image_file: ImageFinder) -> bytes:
    return image_file("arm64-6.12-zstd.vmlinuz.efi").read_bytes()


def raw_image(image_file: ImageFinder) -> bytes:
    return image_file("arm64-6.12.Image").read_bytes()


def unified(image_file: ImageFinder) -> bytes:
    return build_uki(
        arch="arm64",
        linux=gzip_zboot(image_file),
        initrd=b"not the one",
        cmdline="not=this",
        osrel='ID=e2e\nPRETTY_NAME="A unified image"\n',
        uname=GZIP,
    )


IMAGES: Mapping[str, tuple[Callable[[ImageFinder], bytes], str]] = {
    "gzip": (gzip_zboot, GZIP),
    "zstd": (zstd_zboot, ZSTD),
    "raw": (raw_image, GZIP),
    "uki": (unified, GZIP),
}


def restarted(
    dialect: str,
    image: bytes,
    image_file: ImageFinder,
    nonces: Nonces,
    folder: Path,
    *,
    append: str = "",
    options: tuple[str, ...] = (),
) -> tuple[SecondKernel, dict[str, Step]]:
    """Stage and execute an image in a guest; return what both kernels said."""
    cmdline = f"e2e={nonces.cmdline} console=ttyAMA0 panic=-1 quiet"
    stage = ["--kernel", "/boot/image.efi", "--initrd", "/boot/second.cpio"]
    stage += ["--cmdline", cmdline, *options]
    files = {
        "/boot/image.efi": image,
        "/boot/second.cpio": second_initrd(Arch.ARM64, nonces.initrd),
        "/parameters": parameters("" if options else "/boot/image.efi", dialect, stage),
    }
    command = guest_command(dialect, image_file, files, "kexec-bpf", folder, append=append)

    def talk(guest: Guest) -> tuple[SecondKernel, dict[str, Step], list[str]]:
        second = second_kernel(guest, nonces, LIMIT)
        return second, steps(guest.transcript), complaints(guest.transcript)

    second, done, complained = converse(command, talk)
    assert second.cmdline == cmdline
    assert {name: step.code for name, step in done.items() if step.code != 0} == {}
    assert complained == []
    assert done["loaded"].output == "1\n"
    return second, done


@pytest.mark.parametrize("name", IMAGES)
@pytest.mark.parametrize("dialect", ["v6", "v7"])
def test_the_kernel_unpacks_an_image_and_its_kernel_runs(
    image_file: ImageFinder, nonces: Nonces, tmp_path: Path, dialect: str, name: str
) -> None:
    make, release = IMAGES[name]
    # A raw Image needs no parser here: the kernel loads it as it is, by the call that is named.
    options = ("--loader", "file") if (dialect, name) == ("v7", "raw") else ()
    second, done = restarted(
        dialect, make(image_file), image_file, nonces, tmp_path, options=options
    )
    assert second.release == release
    staged = answer(done["stage"])
    assert staged["plan"]["dialect"] == (None if options else dialect)
    if (dialect, name) != ("v7", "raw"):
        assert answer(done["rehearse"])["refusal"] is None
        assert answer(done["rehearse"])["why"] is None
    verdicts = {finding["check"]: finding for finding in answer(done["doctor"])["findings"]}
    assert "BPF parsers" in verdicts["kexec-calls"]["text"]


def answer(step: Step) -> dict[str, Any]:
    """The JSON that a command printed, behind what it showed of its progress."""
    found = json.loads(step.output[step.output.index("{\n") :])
    assert isinstance(found, dict)
    return found
