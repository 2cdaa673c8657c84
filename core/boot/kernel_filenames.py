"""Kernels and initrds known by their file names alone."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Container

from warmboot.core.expression import expression
from warmboot.core.text import printable

_KERNEL = expression(
    r"(?:(?:vmlinuz|vmlinux|zImage|bzImage|uImage|Image|fitImage|kernel)(?:-(?P<stem>.+?))?"
    r"|image-(?P<release>[0-9]+\.[0-9].*?))"  # SUSE's on s390x
    r"(?:\.efi)?(?:\.(?:gz|xz|zst|bz2|lz4|lzma|lzo))?"
    r"(?P<old>\.(?:old|bak|backup|orig|prev|previous|save|rpmsave|dpkg-bak|dpkg-old))?"
    r"|kernel(?:_2712|7l?|8)?\.img"  # Raspberry Pi's
)
_NO_KERNEL = (
    ".sig", ".asc", ".p7s", ".hmac", ".map", ".config", ".md5", ".sha256", ".sha512", ".b64",
    ".conf", ".dpkg-new", ".dpkg-tmp", ".rpmnew", "~",
)  # fmt: skip
#: What lies among kernels and starts like some of them, by the starts of names and whole names.
_OTHERS = (
    (("xen-",), ("xen", "xen.gz", "xen.efi"), "the Xen hypervisor, not Linux"),
    (("memtest", "mt86"), (), "a memory test, and no Linux kernel"),
    (("ipxe", "undionly", "snponly"), (), "the network boot loader iPXE, no Linux kernel"),
    (
        (),
        ("tboot", "tboot.gz", "memdisk", "memdisk.gz"),
        "a loader of kernels, and no kernel itself",
    ),
)
_INITRD = (
    "initrd.img-{stem}",
    "initramfs-{stem}.img",
    "initrd-{stem}",
    "initrd-{stem}.img",
    "initramfs-{stem}",
)
_BARE_INITRD = (
    "initrd.img", "initrd", "initramfs.img", "initramfs-linux.img", "initramfs",
)  # fmt: skip


def kernel_name(name: str) -> str | None:
    """Return what stands behind ``vmlinuz-`` (a release, or a flavour), "" for a bare name.

    None where the file name is not that of a kernel.
    """
    found = _KERNEL.fullmatch(name)
    if found is None or name.endswith(_NO_KERNEL):
        return None
    return found["stem"] or found["release"] or ""


def set_aside(path: str) -> bool:
    """Whether the name is that of a kernel that a newer build of its own release replaced."""
    return suffix(posixpath.basename(path)) is not None


def suffix(name: str) -> str | None:
    """Return what a name has behind that of the kernel where it was set aside: ``old``, ``bak``."""
    found = _KERNEL.fullmatch(name)
    return found["old"][1:] if found is not None and found["old"] else None


def other_program(name: str) -> str | None:
    """Return what a file is that starts like a kernel and is none, by its name; None for others."""
    name = name.lower()
    for starts, names, what in _OTHERS:
        if name in names or name.startswith(starts):
            return what
    return None


def for_debuggers(name: str, names: Container[str]) -> str | None:
    """Return the kernel of `names` that boots where `name` is its unpacked form, else None.

    Builds leave vmlinux (ELF), packed or not, beside the vmlinuz made of it. Where there is no
    other file, vmlinux is what boots; packed, it is a copy.
    """
    if not name.startswith("vmlinux"):
        return None
    found = re.fullmatch(r"vmlinux(?P<stem>-.+?)?(?P<gz>\.(?:gz|xz|zst|bz2))?(?:\.debug)?", name)
    if found is None:
        return None
    stem = found["stem"] or ""
    packed = [f"vmlinux{stem}"] if found["gz"] else []
    beside = [f"{kind}{stem}" for kind in ("vmlinuz", "bzImage", "zImage", "Image")]
    return next((other for other in (*beside, *packed) if other in names and other != name), None)


def may_be_release(text: str) -> bool:
    """Whether a text has the form of a kernel release: 6.1.0-9-arm64, not 7 or linux-lts."""
    first, _, more = text.partition(".")
    if not (first.isdecimal() and more[:1].isdecimal()):
        return False
    return not any(char in "/@:" or char.isspace() for char in more)


def version_in_name(stem: str) -> str | None:
    """Return the kernel release in a file name, None where it holds a flavour only (linux-lts)."""
    return stem if may_be_release(stem) else None


def version_in_path(kernel: str) -> str | None:
    """Return the release in the file name of a kernel's path, None where there is none."""
    stem = kernel_name(posixpath.basename(kernel))
    return printable(version_in_name(stem) or "") or None if stem else None


def release_in_path(kernel: str) -> str | None:
    """Return the release that a kernel's path states: in its file name, or for a kernel of
    kernel-install(8) in the folder's; None where only the file itself tells."""
    folder, name = posixpath.split(kernel)
    if set_aside(name):
        return None
    if kernel_beside([name]) is not None:
        return version_in_name(posixpath.basename(folder))
    return version_in_path(kernel)


def matching_initrd(
    names: frozenset[str], folder: str, stem: str, aside: str | None = None
) -> tuple[str, ...]:
    """Return the path of the initrd that belongs to a kernel by its name, () without one.

    `aside` is what a kernel that was set aside is called behind its name, as its initrd may be.
    """
    fitting = [pattern.format(stem=stem) for pattern in (_INITRD if stem else _BARE_INITRD)]
    wanted = [*([f"{name}.{aside}" for name in fitting] if aside else []), *fitting]
    return next(((f"{folder}/{name}",) for name in wanted if name in names), ())


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
