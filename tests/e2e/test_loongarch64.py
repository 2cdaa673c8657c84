"""Debian's loongarch64 kernel, which has kexec_load(2) only, started by warmboot's own placing."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from warmboot.core.images import ImageFile, identify
from warmboot.core.payload.memfile import MemFile
from warmboot.core.payload.unpack import decompress
from warmboot.core.sandbox.builders.uki import build_uki
from warmboot.core.sandbox.builders.zboot import build_zboot

from .fetch import Arch, debian_tree
from .initramfs import DebianKernel, second_initrd
from .kernels import ported_kernel
from .placed import started, zstandard
from .proof import Nonces, SecondKernel

pytestmark = [pytest.mark.slow_guest, pytest.mark.timeout(4000)]


def newer_qemu() -> Path:
    """The emulator of Debian's sid and its firmware: bookworm's has none for this machine.

    Without firmware QEMU puts a device tree where the kernel's kexec puts its code, and there is no
    ACPI: the next kernel would find no memory (PROVEN.md).
    """
    return debian_tree(Arch.AMD64, ["qemu-system-misc", "qemu-efi-loongarch64"], "sid")


def unpacked(image: bytes, folder: Path) -> bytes:
    """The Image inside a zboot."""
    path = folder / "zboot"
    path.write_bytes(image)
    with ImageFile.open(path) as file, MemFile("image") as memory:
        stream = identify(file.view).stream
        assert stream is not None
        decompress(file.view, stream, memory)
        return bytes(memory.view().head(memory.size))


def zboot(image: bytes) -> bytes:
    """The image as the kernel's own build packs it, by gzip."""
    return build_zboot(image, arch="loongarch64", method="gzip")


def jump(
    kernel: DebianKernel,
    files: dict[str, bytes],
    options: Sequence[str],
    nonces: Nonces,
    folder: Path,
    processors: int = 1,
) -> tuple[SecondKernel, str]:
    """Start the kernel by that emulator, and from it what `options` stage."""
    tree = newer_qemu()
    libraries, firmware = tree / "usr/lib/x86_64-linux-gnu", tree / "usr/share/qemu-efi-loongarch64"
    emulator = [
        *(str(libraries / "ld-linux-x86-64.so.2"), "--library-path", str(libraries)),
        *(str(tree / "usr/bin/qemu-system-loongarch64"), "-L", str(tree / "usr/share/qemu")),
    ]
    variables = shutil.copy(firmware / "QEMU_VARS.fd", folder)
    flash = f"if=pflash,unit=0,format=raw,readonly=on,file={firmware / 'QEMU_EFI.fd'}"
    flags = ["-drive", flash, "-drive", f"if=pflash,unit=1,format=raw,file={variables}"]
    flags += ["-smp", str(processors)]
    return started(
        Arch.LOONG64, kernel, files, options, nonces, folder, flags=flags, emulator=emulator
    )


@pytest.mark.parametrize(
    ("packed", "processors"),
    [(bytes, 1), (bytes, 2), (gzip.compress, 1), (zboot, 1)],
    ids=["Image", "Image-2-processors", "Image.gz", "zboot"],
)
def test_from_sid_s_kernel_to_itself(
    packed: Callable[[bytes], bytes], processors: int, nonces: Nonces, tmp_path: Path
) -> None:
    kernel = ported_kernel(Arch.LOONG64, "sid")
    from_one_to_another(kernel, kernel, nonces, tmp_path, packed, processors)


@pytest.mark.parametrize(
    ("suite", "following"), [("sid", "experimental"), ("experimental", "forky")]
)
def test_from_one_version_to_another(
    suite: str, following: str, nonces: Nonces, tmp_path: Path
) -> None:
    """To a newer one and to an older one; Debian 13, with 6.12, is not there for loong64."""
    running = ported_kernel(Arch.LOONG64, suite)
    from_one_to_another(running, ported_kernel(Arch.LOONG64, following), nonces, tmp_path)


def test_debian_s_own_image(nonces: Nonces, tmp_path: Path) -> None:
    """A zboot, packed by zstd."""
    kernel = ported_kernel(Arch.LOONG64, "sid")
    more = zstandard(Arch.LOONG64)
    from_one_to_another(kernel, kernel, nonces, tmp_path, None, more=more)


def from_one_to_another(
    running: DebianKernel,
    following: DebianKernel,
    nonces: Nonces,
    folder: Path,
    packed: Callable[[bytes], bytes] | None = bytes,
    processors: int = 1,
    more: Mapping[str, bytes] | None = None,
) -> None:
    """Jump to a kernel's Image, `packed`, or to the kernel as it is installed.

    `more` are other files that the guest needs. What the second kernel says is checked.
    """
    image = following.image
    files = {
        "/boot/next": packed(unpacked(image, folder)) if packed is not None else image,
        "/boot/second.cpio": second_initrd(Arch.LOONG64, nonces.initrd),
        **(more or {}),
    }
    cmdline = f"e2e={nonces.cmdline} console=ttyS0 panic=-1 quiet"
    options = ["--kernel", "/boot/next", "--initrd", "/boot/second.cpio", "--cmdline", cmdline]
    second, said = jump(running, files, options, nonces, folder, processors)
    assert second.release == following.release
    assert second.cmdline.startswith("kexec initrd=0x")
    assert second.cmdline.endswith(f" {cmdline}")
    assert "kexec_load(2)" in said


def test_a_uki(nonces: Nonces, tmp_path: Path) -> None:
    kernel = ported_kernel(Arch.LOONG64, "sid")
    cmdline = f"console=ttyS0 panic=-1 quiet e2e={nonces.cmdline}"
    uki = build_uki(
        arch="loongarch64",
        linux=zboot(unpacked(kernel.image, tmp_path)),  # Debian's own needs zstandard there
        initrd=second_initrd(Arch.LOONG64, nonces.initrd),
        cmdline=cmdline,
        osrel='ID=e2e\nPRETTY_NAME="A unified image"\n',
        uname=kernel.release,
    )
    files = {"/boot/efi/EFI/Linux/unified.efi": uki}
    second, _ = jump(kernel, files, [], nonces, tmp_path)
    assert second.release == kernel.release
    assert second.cmdline.endswith(f" {cmdline}")
