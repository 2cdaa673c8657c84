"""Kernels that no boot loader names: the files in /boot, known by their names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from warmboot.core.boot.entry import Entry, Found, Kind
from warmboot.core.boot.kernel_filenames import kernel_name, matching_initrd, version_in_name
from warmboot.core.boot.search import Search
from warmboot.core.boot.sources.source import Source
from warmboot.core.boot.sources.uki import entries_of
from warmboot.core.text import printable


def find(search: Search) -> Iterator[Found]:
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


SOURCE = Source((Kind.BOOT,), None, find)
