"""An image with a parser in it is still an EFI program: firmware boots it as it boots the original.

Firmware is EDK2 (package qemu-efi-aarch64). It reads the image from a FAT disk and starts it by the
script that its shell runs; image, initrd and command line go through EFI alone.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from support.parser_objects import build_parser
from support.tools import needs_tool

from warmboot.core.bpf.builder import SigningKey, build_file
from warmboot.core.images import ImageFile

from .fetch import Arch
from .guest import BOARDS, Guest, converse
from .initramfs import second_initrd
from .proof import Nonces, second_kernel

pytestmark = pytest.mark.timeout(900)  # seconds, downloads and a second try included

FIRMWARE = Path("/usr/share/qemu-efi-aarch64/QEMU_EFI.fd")
CODE = Path("/usr/share/AAVMF/AAVMF_CODE.fd")
VARIABLES = Path("/usr/share/AAVMF/AAVMF_VARS.snakeoil.fd")
CERTIFICATE = Path("/usr/share/qemu-efi-aarch64/PkKek-1-snakeoil.pem")
LIMIT = 400.0  # seconds; measured alone: 15
IMAGES = {
    "gzip": ("arm64-6.12-gzip.vmlinuz.efi", "6.12.95-kexectest2", 1),
    "zstd": ("arm64-6.12-zstd.vmlinuz.efi", "6.12.95-kexectest", 1),
    "raw": ("arm64-6.12.Image", "6.12.95-kexectest2", 2),
}  # file, release, kind of parser


@pytest.mark.parametrize("method", list(IMAGES))
@pytest.mark.parametrize("enveloped", [False, True], ids=["original", "enveloped"])
def test_firmware_boots_it(
    image_file: Callable[[str], Path],
    nonces: Nonces,
    tmp_path: Path,
    method: str,
    enveloped: bool,
) -> None:
    if not FIRMWARE.is_file():
        pytest.skip("needs the firmware of the package qemu-efi-aarch64")
    disk = tmp_path / "disk"
    disk.mkdir()
    name, release, kind = IMAGES[method]
    original = image_file(name)
    kernel = disk / "vmlinuz.efi"
    if enveloped:
        with ImageFile.open(original) as file:
            report = build_file(file, build_parser(kind=kind), kernel).report
        assert report.parser_size > 0
        assert kernel.read_bytes() != original.read_bytes()
    else:
        kernel.write_bytes(original.read_bytes())
    (disk / "initrd.cpio").write_bytes(second_initrd(Arch.ARM64, nonces.initrd))
    words = f"initrd=\\initrd.cpio console=ttyAMA0 panic=-1 quiet e2e={nonces.cmdline}"
    (disk / "startup.nsh").write_bytes(f"fs0:\r\nvmlinuz.efi {words}\r\n".encode())
    second = converse(machine(disk), lambda guest: second_kernel(guest, nonces, LIMIT))
    assert second.release == release
    assert words in second.cmdline


def machine(disk: Path) -> list[str]:
    """The command that starts firmware in QEMU with a folder as its disk."""
    return [
        *firmware_machine(),
        *("-bios", str(FIRMWARE), "-device", "virtio-blk-pci,drive=disk"),
        *("-drive", f"file=fat:rw:{disk},format=raw,if=none,id=disk"),
    ]


def firmware_machine() -> list[str]:
    """The command for a machine with a serial console, its firmware and disks still missing."""
    board = BOARDS[Arch.ARM64]
    return [
        *(board.emulator, *board.options, "-accel", "tcg", "-m", str(board.memory)),
        *("-machine", "acpi=off"),  # the small kernels know device trees only
        *("-nodefaults", "-display", "none", "-monitor", "none", "-no-reboot"),
        *("-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console"),
    ]


@pytest.mark.parametrize("signed", [True, False], ids=["signed", "unsigned"])
def test_secure_boot_takes_the_signed_result_and_no_other(
    image_file: Callable[[str], Path], nonces: Nonces, tmp_path: Path, signed: bool
) -> None:
    """Firmware with secure boot, whose key everybody has, computes the same digest as sbsign."""
    for path in (CODE, VARIABLES, CERTIFICATE):
        if not path.is_file():
            pytest.skip("needs the firmware of the package qemu-efi-aarch64")
    needs_tool("sbsign")
    key = tmp_path / "key.pem"
    command = [needs_tool("openssl"), "rsa", "-in", str(CERTIFICATE.with_suffix(".key"))]
    command += ["-passin", "pass:snakeoil", "-out", str(key)]
    subprocess.run(command, check=True, capture_output=True)
    kernel, initrd = tmp_path / "vmlinuz.efi", tmp_path / "initrd.cpio"
    with ImageFile.open(image_file("arm64-6.12-gzip.vmlinuz.efi")) as file:
        signing = SigningKey(key, CERTIFICATE) if signed else None
        build_file(file, build_parser(), kernel, key=signing)
    initrd.write_bytes(second_initrd(Arch.ARM64, nonces.initrd))
    variables = tmp_path / "variables.fd"
    shutil.copy(VARIABLES, variables)
    command = [
        *firmware_machine(),
        *("-drive", f"if=pflash,format=raw,readonly=on,file={CODE}"),
        *("-drive", f"if=pflash,format=raw,file={variables}"),
        *("-kernel", str(kernel), "-initrd", str(initrd)),
        *("-append", f"console=ttyAMA0 panic=-1 quiet e2e={nonces.cmdline}"),
    ]
    if signed:
        second = converse(command, lambda guest: second_kernel(guest, nonces, LIMIT))
        assert second.release == IMAGES["gzip"][1]
        return

    def refused(guest: Guest) -> str:
        guest.wait_for("No bootable option or device was found", LIMIT)
        return guest.transcript

    transcript = converse(command, refused)
    assert "e2e: second kernel" not in transcript
