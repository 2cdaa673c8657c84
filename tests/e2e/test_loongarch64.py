"""Debian's loongarch64 kernel, which has kexec_load(2) only, started by warmboot's own placing."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from warmboot.core.images import ImageFile, identify
from warmboot.core.payload.memfile import MemFile
from warmboot.core.payload.unpack import decompress
from warmboot.core.sandbox.builders.uki import build_uki

from .fetch import Arch, debian_tree
from .initramfs import DebianKernel, kexec_tools, second_initrd
from .kernels import ported_kernel, vmlinux
from .packed import cases, codec, packed
from .placed import started
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


@pytest.mark.parametrize("processors", [1, 2])
def test_from_sid_s_kernel_to_itself(processors: int, nonces: Nonces, tmp_path: Path) -> None:
    kernel = ported_kernel(Arch.LOONG64, "sid")
    image = unpacked(kernel.image, tmp_path)
    from_one_to_another(kernel, kernel.release, image, nonces, tmp_path, processors)


@pytest.mark.parametrize(("form", "method"), cases(Arch.LOONG64))
def test_to_what_is_unpacked_before(form: str, method: str, nonces: Nonces, tmp_path: Path) -> None:
    kernel = ported_kernel(Arch.LOONG64, "sid")
    image = packed(Arch.LOONG64, form, method, unpacked(kernel.image, tmp_path))
    more = codec(Arch.LOONG64, method)
    said = from_one_to_another(kernel, kernel.release, image, nonces, tmp_path, more=more)
    assert "unpacked here" in said


@pytest.mark.parametrize(
    ("suite", "following"), [("sid", "experimental"), ("experimental", "forky")]
)
def test_from_one_version_to_another(
    suite: str, following: str, nonces: Nonces, tmp_path: Path
) -> None:
    """To a newer one and to an older one; Debian 13, with 6.12, is not there for loong64."""
    running, kernel = (ported_kernel(Arch.LOONG64, each) for each in (suite, following))
    image = unpacked(kernel.image, tmp_path)
    from_one_to_another(running, kernel.release, image, nonces, tmp_path)


def test_debian_s_own_image(nonces: Nonces, tmp_path: Path) -> None:
    """A zboot, packed by zstd."""
    kernel = ported_kernel(Arch.LOONG64, "sid")
    more = codec(Arch.LOONG64, "zstd")
    from_one_to_another(kernel, kernel.release, kernel.image, nonces, tmp_path, more=more)


def from_one_to_another(
    running: DebianKernel,
    release: str,
    image: bytes,
    nonces: Nonces,
    folder: Path,
    processors: int = 1,
    more: Mapping[str, bytes] | None = None,
) -> str:
    """Jump to a kernel of `release`, whose words are checked; return what the console said.

    `more` are other files that the guest needs.
    """
    files = {
        "/boot/next": image,
        "/boot/second.cpio": second_initrd(Arch.LOONG64, nonces.initrd),
        **(more or {}),
    }
    cmdline = f"e2e={nonces.cmdline} console=ttyS0 panic=-1 quiet"
    options = ["--kernel", "/boot/next", "--initrd", "/boot/second.cpio", "--cmdline", cmdline]
    second, said = jump(running, files, options, nonces, folder, processors)
    assert second.release == release
    assert second.cmdline.startswith("kexec initrd=0x")
    assert second.cmdline.endswith(f" {cmdline}")
    assert "kexec_load(2)" in said
    return said


def test_a_uki(nonces: Nonces, tmp_path: Path) -> None:
    kernel = ported_kernel(Arch.LOONG64, "sid")
    cmdline = f"console=ttyS0 panic=-1 quiet e2e={nonces.cmdline}"
    uki = build_uki(
        arch="loongarch64",
        # Debian's own needs zstandard there.
        linux=packed(Arch.LOONG64, "zboot", "gzip", unpacked(kernel.image, tmp_path)),
        initrd=second_initrd(Arch.LOONG64, nonces.initrd),
        cmdline=cmdline,
        osrel='ID=e2e\nPRETTY_NAME="A unified image"\n',
        uname=kernel.release,
    )
    files = {"/boot/efi/EFI/Linux/unified.efi": uki}
    second, _ = jump(kernel, files, [], nonces, tmp_path)
    assert second.release == kernel.release
    assert second.cmdline.endswith(f" {cmdline}")


def test_an_elf_kernel_through_kexec_tools(nonces: Nonces, tmp_path: Path) -> None:
    kernel = ported_kernel(Arch.LOONG64, "sid")
    files = {
        **kexec_tools(Arch.LOONG64),
        "/boot/vmlinux": vmlinux(Arch.LOONG64, "sid", kernel.release),
        "/boot/second.cpio": second_initrd(Arch.LOONG64, nonces.initrd),
    }
    cmdline = f"e2e={nonces.cmdline} console=ttyS0 panic=-1 quiet"
    options = ["--kernel", "/boot/vmlinux", "--initrd", "/boot/second.cpio", "--cmdline", cmdline]
    second, said = jump(kernel, files, options, nonces, tmp_path)
    assert second.release == kernel.release
    assert f" {cmdline} initrd=" in second.cmdline  # kexec-tools puts it there
    assert "but no ELF kernel" in said
