"""The command line on real kernels: from an installed image to that kernel running."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from warmboot.core.sandbox.builders.uki import build_uki

from .fetch import Arch
from .guest import Guest, Step, converse, machine, steps
from .initramfs import GUEST_FILES, debian_kernel, guest_initramfs, second_initrd
from .proof import Nonces, SecondKernel, second_kernel

pytestmark = pytest.mark.timeout(900)  # seconds, downloads and a second try included

ARM64_RELEASE = "6.12.95-kexectest2"  # of the image in the repository
LIMIT = (
    400.0  # seconds; measured alone: 35 on arm64, 45 on x86-64, eight times that on a busy machine
)


def test_arm64_zboot_below_another_root(
    image_file: Callable[[str], Path], nonces: Nonces, tmp_path: Path
) -> None:
    zboot = image_file("arm64-6.12-gzip.vmlinuz.efi")
    boot = {
        f"/mnt/boot/vmlinuz-{ARM64_RELEASE}": zboot.read_bytes(),
        f"/mnt/boot/initrd.img-{ARM64_RELEASE}": second_initrd(Arch.ARM64, nonces.initrd),
    }
    options = ["--append", f"e2e={nonces.cmdline}"]
    running = image_file("arm64-6.12.Image")
    held = f"/boot/initrd.img-{ARM64_RELEASE}\n"
    second = restart(Arch.ARM64, running, boot, options, nonces, tmp_path, root="/mnt", held=held)
    assert second.release == ARM64_RELEASE
    assert second.cmdline.startswith("console=ttyAMA0 ")  # the running kernel's own, to begin with


@pytest.mark.parametrize("known", [True, False], ids=["options", "no-options"])
def test_arm64_without_kexec_file_into_a_zboot(
    image_file: Callable[[str], Path], nonces: Nonces, tmp_path: Path, known: bool
) -> None:
    stock = debian_kernel(Arch.ARM64)
    running = tmp_path / "vmlinuz"
    running.write_bytes(stock.image)
    boot = {
        **({f"/boot/config-{stock.release}": stock.config} if known else {}),
        "/boot/zboot.efi": image_file("arm64-6.12-gzip.vmlinuz.efi").read_bytes(),
        "/boot/second.cpio": second_initrd(Arch.ARM64, nonces.initrd),
    }
    cmdline = f"e2e={nonces.cmdline} console=ttyAMA0 panic=-1 quiet"
    options = ["--kernel", "/boot/zboot.efi", "--initrd", "/boot/second.cpio"]
    options += ["--cmdline", cmdline]
    instead = "" if known else "no kexec_file_load(2): kexec_load(2) was used instead"
    second = restart(
        Arch.ARM64,
        running,
        boot,
        options,
        nonces,
        tmp_path,
        said=instead,
        held="/boot/second.cpio\n",
    )
    assert second == SecondKernel(ARM64_RELEASE, cmdline)


def test_x86_64_bzimage_by_its_path(nonces: Nonces, tmp_path: Path) -> None:
    kernel = debian_kernel(Arch.AMD64)
    boot = {
        "/boot/bzImage": kernel.image,
        "/boot/second.cpio": second_initrd(Arch.AMD64, nonces.initrd),
    }
    cmdline = f"e2e={nonces.cmdline} console=ttyS0 panic=-1 quiet"
    options = ["--kernel", "/boot/bzImage", "--initrd", "/boot/second.cpio", "--cmdline", cmdline]
    running = tmp_path / "bzImage"
    running.write_bytes(kernel.image)
    held = "/boot/bzImage\n/boot/second.cpio\n"
    second = restart(Arch.AMD64, running, boot, options, nonces, tmp_path, held=held)
    assert second == SecondKernel(kernel.release, cmdline)


def test_x86_64_uki_with_its_own_command_line(nonces: Nonces, tmp_path: Path) -> None:
    kernel = debian_kernel(Arch.AMD64)
    cmdline = f"console=ttyS0 panic=-1 quiet e2e={nonces.cmdline}"
    uki = build_uki(
        arch="x86-64",
        linux=kernel.image,
        initrd=second_initrd(Arch.AMD64, nonces.initrd),
        cmdline=cmdline,
        osrel='ID=e2e\nPRETTY_NAME="A unified image"\n',
        uname=kernel.release,
    )
    running = tmp_path / "bzImage"
    running.write_bytes(kernel.image)
    boot = {"/boot/efi/EFI/Linux/unified.efi": uki}
    second = restart(Arch.AMD64, running, boot, [], nonces, tmp_path)
    assert second == SecondKernel(kernel.release, cmdline)


def restart(
    arch: Arch,
    running: Path,
    boot: Mapping[str, bytes],
    options: Sequence[str],
    nonces: Nonces,
    folder: Path,
    *,
    root: str = "/",
    said: str = "",
    held: str = "",
) -> SecondKernel:
    """Stage, unload, stage again and execute in a guest; return what the second kernel said.

    `said` is a part of what staging is to say, `held` the files that are to be held by a lease.
    """
    parameters = f"root={shlex.quote(root)}\nset -- {shlex.join(options)}\n"
    initramfs = folder / "initramfs.cpio"
    files = {**boot, "/parameters": parameters.encode()}
    guest_initramfs(initramfs, arch, files, GUEST_FILES / "command-line")

    def talk(guest: Guest) -> tuple[SecondKernel, dict[str, Step]]:
        return second_kernel(guest, nonces, LIMIT), steps(guest.transcript)

    second, done = converse(machine(arch, running, initramfs), talk)
    check_steps(done, nonces)
    assert done["held"].output == held
    assert said in " ".join(done["stage"].output.split())
    return second


def check_steps(done: Mapping[str, Step], nonces: Nonces) -> None:
    """What warmboot said on the way must agree with what the kernel said."""
    assert {name: step.code for name, step in done.items() if step.code != 0} == {}
    assert "exec" not in done, "exec returned, and yet another kernel ran"
    loaded = ("not-loaded", "loaded", "unloaded")
    assert [done[name].output for name in loaded] == ["0\n", "1\n", "0\n"]
    assert f"e2e={nonces.cmdline}" in done["dry-run"].output
    findings = json.loads(done["doctor"].output)["findings"]
    verdicts = {finding["check"]: finding["verdict"] for finding in findings}
    assert verdicts["kexec-calls"] in ("pass", "warn")  # warn: kexec_load(2) only
    status = json.loads(done["status"].output)
    assert (status["simulated"], status["staged"]) == (False, True)
    assert f"e2e={nonces.cmdline}" in status["what"]["cmdline"]
