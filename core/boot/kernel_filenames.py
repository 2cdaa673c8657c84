"""Kernels and initrds known by their file names alone."""

from __future__ import annotations

import posixpath
import re

from warmboot.core.text import printable

_KERNEL = re.compile(r"(?:vmlinuz|vmlinux|Image|bzImage|kernel)(?:-(?P<stem>.+?))?(?:\.efi)?")
_NO_KERNEL = (".sig", ".hmac", ".map", ".config", ".sha256", ".b64", ".dpkg-new", ".dpkg-tmp", "~")
_INITRD = (
    "initrd.img-{stem}",
    "initramfs-{stem}.img",
    "initrd-{stem}",
    "initrd-{stem}.img",
    "initramfs-{stem}",
)
_BARE_INITRD = ("initrd.img", "initrd", "initramfs.img", "initramfs-linux.img")


def kernel_name(name: str) -> str | None:
    """Return what stands behind ``vmlinuz-`` (a release, or a flavour), "" for a bare name.

    None where the file name is not that of a kernel.
    """
    found = _KERNEL.fullmatch(name)
    if found is None or name.endswith(_NO_KERNEL):
        return None
    return found["stem"] or ""


def version_in_name(stem: str) -> str | None:
    """Return the kernel release in a file name, None where it holds a flavour only (linux-lts)."""
    return stem if stem[:1].isdigit() else None


def version_in_path(kernel: str) -> str | None:
    """Return the release in the file name of a kernel's path, None where there is none."""
    stem = kernel_name(posixpath.basename(kernel))
    return printable(version_in_name(stem) or "") or None if stem else None


def matching_initrd(names: frozenset[str], folder: str, stem: str) -> tuple[str, ...]:
    """Return the path of the initrd that belongs to a kernel by its name, () without one."""
    patterns = _INITRD if stem else _BARE_INITRD
    for pattern in patterns:
        name = pattern.format(stem=stem)
        if name in names:
            return (f"{folder}/{name}",)
    return ()


def kernel_beside(names: list[str]) -> str | None:
    """Return the kernel in a folder of kernel-install(8), None without one or with several.

    It is called ``linux``; sdbootutil adds a digest (``linux-1f3c…``).
    """
    kernels = [name for name in names if name == "linux" or name.startswith("linux-")]
    return kernels[0] if len(kernels) == 1 else None


def initrds_beside(folder: str, names: list[str]) -> tuple[str, ...]:
    """Return the initrds in a folder of kernel-install(8), microcode first.

    Several that differ by a digest only belong to different snapshots: none is the right one.
    """
    early = sorted(name for name in names if name.startswith("microcode"))
    main = sorted(name for name in names if name.startswith(("initrd", "initramfs")))
    if sum(name.startswith("initrd-") for name in main) > 1:
        return ()
    return tuple(f"{folder}/{name}" for name in (*early, *main))
