"""Kernels that lie with their modules, in /usr/lib/modules."""

from __future__ import annotations

from collections.abc import Iterator

from warmboot.core.boot.entry import Entry, Found, Kind
from warmboot.core.boot.kernel_filenames import matching_initrd
from warmboot.core.boot.search import Search
from warmboot.core.boot.sources.source import Source
from warmboot.core.text import printable

_MODULES = "/usr/lib/modules"


def find(search: Search) -> Iterator[Found]:
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


SOURCE = Source((Kind.MODULES,), None, find)
