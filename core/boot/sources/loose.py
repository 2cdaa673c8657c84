"""Kernels that no boot loader names: the files in /boot, known by their names."""

from __future__ import annotations

from collections.abc import Iterator

from warmboot.core.boot.entry import Entry, Found, Kind
from warmboot.core.boot.kernel_filenames import (
    for_debuggers,
    kernel_name,
    matching_initrd,
    other_program,
    suffix,
    version_in_name,
)
from warmboot.core.boot.search import Search
from warmboot.core.boot.sources.source import Source
from warmboot.core.boot.sources.uki import entries_of
from warmboot.core.errors import WarmbootError
from warmboot.core.text import printable
from warmboot.core.values import replace


def find(search: Search) -> Iterator[Found]:
    """Yield the kernels in /boot, and what lies there that looks like one."""

    def make(folder: str, name: str) -> Iterator[Entry] | Entry | None:
        if name.endswith(".efi") and kernel_name(name) is None and other_program(name) is None:
            return (
                replace(entry, kind=Kind.BOOT, notes=(), left_out=False)
                for entry in entries_of(search, folder, name)
                if not entry.problem
            )
        return _plain(search, folder, name)

    return search.folder("/boot", "", make)


def _plain(search: Search, folder: str, name: str) -> Entry | None:
    stem = kernel_name(name)
    other = other_program(name)
    path = f"{folder}/{name}"
    if stem is None and (other is None or not _is_file(search, path)):
        return None
    booting = for_debuggers(name, search.boot_names)
    if booting is not None:
        other = f"the unpacked kernel for debuggers; {printable(booting)} is the one that boots"
    aside = suffix(name)
    initrds: tuple[str, ...] = ()
    if stem is not None:
        initrds = matching_initrd(search.boot_names, folder, stem, aside)
    title = f"Linux {stem}" if stem else name
    return Entry(
        id=printable(name),
        title=printable(name if other else f"{title} ({aside})" if stem and aside else title),
        kind=Kind.BOOT,
        kernel=path,
        version=printable(version_in_name(stem or "") or "") or None,
        initrds=initrds,
        sources=(printable(path),),
        problem=f"it is {other}" if other else None,
        initrd_reason="has the kernel's name" if initrds else None,
    )


def _is_file(search: Search, path: str) -> bool:
    try:
        with search.root.open(path):
            return True
    except WarmbootError:
        return False


SOURCE = Source((Kind.BOOT,), None, find)
