"""Kernels that no boot loader names: /boot, kernel-install's folders and /usr/lib/modules."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from warmboot.core.boot.entry import Entry, Found, Kind, SearchedPlace
from warmboot.core.boot.kernel_filenames import (
    initrds_beside,
    kernel_beside,
    kernel_name,
    matching_initrd,
    version_in_name,
)
from warmboot.core.boot.search import Search
from warmboot.core.boot.unified import entries_of
from warmboot.core.images.osrelease import parse_os_release
from warmboot.core.text import plural, printable

_MODULES = "/usr/lib/modules"
_MANY = 64


def plain_entries(search: Search) -> Iterator[Found]:
    """Yield the kernels in /boot."""

    def make(folder: str, name: str) -> Iterator[Entry] | Entry | None:
        if name.endswith(".efi") and kernel_name(name) is None:
            return (
                replace(entry, kind=Kind.BOOT)
                for entry in entries_of(search, folder, name)
                if not entry.problem
            )
        return _plain(search, folder, name)

    return search.folder("/boot", "", make)


def _plain(search: Search, folder: str, name: str) -> Entry | None:
    stem = kernel_name(name)
    if stem is None:
        return None
    initrds = matching_initrd(search.boot_names, folder, stem)
    return Entry(
        id=printable(name),
        title=printable(f"Linux {stem}" if stem else name),
        kind=Kind.BOOT,
        kernel=f"{folder}/{name}",
        version=printable(version_in_name(stem) or "") or None,
        initrds=initrds,
        sources=(printable(f"{folder}/{name}"),),
        initrd_reason="has the kernel's name" if initrds else None,
    )


def module_entries(search: Search) -> Iterator[Found]:
    """Yield the kernels in /usr/lib/modules."""

    def make(folder: str, name: str) -> Entry | None:
        base = f"{folder}/{name}"
        for kernel in ("vmlinuz", "vmlinuz.efi", "Image"):
            if search.root.exists(f"{base}/{kernel}"):
                break
        else:
            return None
        initrds: tuple[str, ...] = ()
        reason = None
        for initrd in ("initrd", "initrd.img", "initramfs.img"):
            if search.root.exists(f"{base}/{initrd}"):
                initrds, reason = (f"{base}/{initrd}",), "lies beside the kernel"
                break
        else:
            initrds = matching_initrd(search.boot_names, "/boot", name)
            reason = "has the kernel's release in its name" if initrds else None
        return Entry(
            id=printable(f"modules/{name}"),
            title=printable(f"Linux {name}"),
            kind=Kind.MODULES,
            kernel=f"{base}/{kernel}",
            version=printable(name),
            initrds=initrds,
            sources=(printable(f"{base}/{kernel}"),),
            initrd_reason=reason,
        )

    return search.folder(_MODULES, "", make)


def entry_tokens(search: Search) -> tuple[str, ...]:
    """Return the names that kernel-install(8) may have given this system's folder, best first."""
    read = search.root.read_text
    release = parse_os_release(read("/etc/os-release") or read("/usr/lib/os-release") or "")
    names = [
        (read("/etc/kernel/entry-token") or "").strip(),
        (read("/etc/machine-id") or "").strip(),
        release.get("IMAGE_ID", ""),
        release.get("ID", ""),
        "Default",
    ]
    kept = [name for name in names if name and "/" not in name and not name.startswith(".")]
    return tuple(dict.fromkeys(kept))


def installed_entries(search: Search) -> Iterator[Found]:
    """Yield the kernels of kernel-install(8): $BOOT/TOKEN/VERSION/linux."""
    for base in search.places:
        for token in entry_tokens(search):
            folder = f"{base}/{token}"
            try:
                versions = search.root.names(folder)
                if search.known(folder):
                    continue
            except (OSError, ValueError):
                continue
            count = 0
            for version in versions[:_MANY]:
                entry = _installed(search, token, f"{folder}/{version}", version)
                if entry is not None:
                    count += 1
                    yield entry
            if count:
                yield SearchedPlace(printable(folder), plural(count, "entry", "entries"))


def _installed(search: Search, token: str, folder: str, version: str) -> Entry | None:
    try:
        names = search.root.names(folder)
    except (OSError, ValueError):
        return None
    kernel = kernel_beside(names)
    if kernel is None:
        return None
    initrds = initrds_beside(folder, names)
    return Entry(
        id=printable(f"{token}/{version}"),
        title=printable(f"Linux {version}"),
        kind=Kind.BOOT,
        kernel=f"{folder}/{kernel}",
        version=printable(version),
        initrds=initrds,
        sources=(printable(f"{folder}/{kernel}"),),
        initrd_reason="lies beside the kernel" if initrds else None,
    )
