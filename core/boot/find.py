"""Everything bootable under a boot root, each kernel once, best first."""

from __future__ import annotations

import dataclasses
import functools
import os
from collections.abc import Callable, Iterator

from warmboot.core.boot import bls, version
from warmboot.core.boot.entry import Entry, Kind, Listing, Looked
from warmboot.core.boot.merge import merge
from warmboot.core.boot.plain import kernel_name, matching_initrd, version_in_name
from warmboot.core.boot.root import BootRoot
from warmboot.core.errors import WarmbootError
from warmboot.core.images.identify import identify
from warmboot.core.images.pe import PeProgram
from warmboot.core.images.uki import Addon, Uki
from warmboot.core.text import plural, printable

#: Where the EFI system partition and XBOOTLDR are mounted, by custom and specification.
_ESP = ("/boot", "/boot/efi", "/efi")
_MODULES = "/usr/lib/modules"

_Maker = Callable[[str, str], Entry | None]


def find_entries(root: BootRoot) -> Listing:
    """Return what is installed under `root` and where was looked; never raises for a bad file."""
    finder = _Finder(root)
    entries = list(finder.entries())
    entries = merge(root, entries)
    entries.sort(key=functools.cmp_to_key(_order))
    return Listing(tuple(_unique(entries)), tuple(finder.looked))


class _Finder:
    def __init__(self, root: BootRoot) -> None:
        self.root = root
        self.looked: list[Looked] = []
        self._seen: set[tuple[int, int]] = set()

    def entries(self) -> Iterator[Entry]:
        for base in _ESP:
            yield from self._folder(f"{base}/loader/entries", ".conf", self._bls)
        for base in _ESP:
            yield from self._folder(f"{base}/EFI/Linux", ".efi", self._uki)
        yield from self._folder("/boot", "", self._plain)
        yield from self._folder(_MODULES, "", self._module)

    def _folder(self, folder: str, ending: str, make: _Maker) -> Iterator[Entry]:
        """Yield what `make` finds in each name of a folder that ends in `ending`."""
        try:
            names = self.root.names(folder)
        except OSError as error:
            absent = isinstance(error, FileNotFoundError | NotADirectoryError)
            self.looked.append(Looked(folder, "not there" if absent else "cannot be read"))
            return
        if self._same_folder(folder):
            return
        count = 0
        for name in names:
            if name.endswith(ending):
                entry = make(folder, name)
                if entry is not None:
                    count += 1
                    yield entry
        self.looked.append(Looked(folder, plural(count, "entry", "entries") if count else "empty"))

    def _same_folder(self, folder: str) -> bool:
        """Whether the folder was listed before under another name (/efi -> /boot/efi)."""
        fd = self.root.open_fd(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            status = os.fstat(fd)
        finally:
            os.close(fd)
        known = (status.st_dev, status.st_ino) in self._seen
        self._seen.add((status.st_dev, status.st_ino))
        return known

    def _bls(self, folder: str, name: str) -> Entry | None:
        path = f"{folder}/{name}"
        text = self.root.read_text(path)
        if text is None:
            return None
        base = folder.removesuffix("/loader/entries")

        def locate(inside: str) -> str:
            """An entry's paths start at its own file system, which may be mounted at `base`."""
            mounted = bls.join(base, inside)
            return mounted if self.root.exists(mounted) else bls.join("/", inside)

        return bls.parse_entry(
            name, text, source=printable(path), locate=locate, variables=self._grubenv
        )

    @functools.cached_property
    def _grubenv(self) -> dict[str, str]:
        for path in ("/boot/grub2/grubenv", "/boot/grub/grubenv"):
            text = self.root.read_text(path)
            if text is not None:
                return bls.parse_grubenv(text)
        return {}

    def _uki(self, folder: str, name: str) -> Entry | None:
        path = f"{folder}/{name}"
        try:
            with self.root.open(path) as file:
                image = identify(file.view)
        except WarmbootError as error:
            return Entry(
                id=printable(name),
                title=printable(name),
                kind=Kind.UKI,
                kernel=path,
                sources=(printable(path),),
                problem=error.message,
            )
        if isinstance(image, PeProgram | Addon):
            return None
        return Entry(
            id=printable(name),
            title=(image.os_name if isinstance(image, Uki) else None) or printable(name),
            kind=Kind.UKI,
            kernel=path,
            version=image.release,
            cmdline=image.cmdline if isinstance(image, Uki) else None,
            sources=(printable(path),),
        )

    def _plain(self, folder: str, name: str) -> Entry | None:
        path = f"{folder}/{name}"
        if name.endswith(".efi") and kernel_name(name) is None:
            entry = self._uki(folder, name)
            usable = entry is not None and not entry.problem
            return dataclasses.replace(entry, kind=Kind.BOOT) if usable and entry else None
        stem = kernel_name(name)
        if stem is None:
            return None
        return Entry(
            id=printable(name),
            title=printable(f"Linux {stem}" if stem else name),
            kind=Kind.BOOT,
            kernel=path,
            version=printable(version_in_name(stem) or "") or None,
            initrds=matching_initrd(self._boot_names, folder, stem),
            sources=(printable(path),),
        )

    @functools.cached_property
    def _boot_names(self) -> frozenset[str]:
        return frozenset(self.root.names("/boot"))

    def _module(self, folder: str, name: str) -> Entry | None:
        base = f"{folder}/{name}"
        for kernel in ("vmlinuz", "vmlinuz.efi", "Image"):
            if self.root.exists(f"{base}/{kernel}"):
                break
        else:
            return None
        initrds: tuple[str, ...] = ()
        for initrd in ("initrd", "initrd.img", "initramfs.img"):
            if self.root.exists(f"{base}/{initrd}"):
                initrds = (f"{base}/{initrd}",)
                break
        else:
            if self.root.exists("/boot"):
                initrds = matching_initrd(self._boot_names, "/boot", name)
        return Entry(
            id=printable(f"modules/{name}"),
            title=printable(f"Linux {name}"),
            kind=Kind.MODULES,
            kernel=f"{base}/{kernel}",
            version=printable(name),
            initrds=initrds,
            sources=(printable(f"{base}/{kernel}"),),
        )


def _order(a: Entry, b: Entry) -> int:
    """Boot loader entries first, in the specification's order; then by version, newest first."""
    loader = (Kind.BLS, Kind.UKI)
    if (a.kind in loader) != (b.kind in loader):
        return -1 if a.kind in loader else 1
    if (a.sort_key is None) != (b.sort_key is None):
        return -1 if b.sort_key is None else 1
    if a.sort_key != b.sort_key:
        return -1 if (a.sort_key or "") < (b.sort_key or "") else 1
    if a.sort_key is not None and a.machine_id != b.machine_id:
        return -1 if (a.machine_id or "") < (b.machine_id or "") else 1
    by_version = version.compare(b.version or "", a.version or "")
    return by_version or version.compare(b.id, a.id)


def _unique(entries: list[Entry]) -> Iterator[Entry]:
    """Give each entry an id of its own."""
    taken: set[str] = set()
    for entry in entries:
        name, count = entry.id, 1
        while name in taken:
            count += 1
            name = f"{entry.id}#{count}"
        taken.add(name)
        yield entry if name == entry.id else dataclasses.replace(entry, id=name)
