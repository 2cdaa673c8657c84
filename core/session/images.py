"""Images and initrds, by path or by the name of an entry: looked into, and unpacked."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from warmboot.core.boot.root import BootRoot
from warmboot.core.errors import Cancelled, ImageError, NotFound, WarmbootError
from warmboot.core.hints import TYPE_CHECKING
from warmboot.core.images import BootImage, ImageFile, identify
from warmboot.core.images.authenticode import Signature, signatures_of
from warmboot.core.images.uki import Uki
from warmboot.core.payload.inspection import (
    Extraction,
    InitrdInspection,
    Inspection,
    examine_file,
    extract_kernel,
    inspect_image,
    inspect_initrd,
)
from warmboot.core.payload.unpack import Payload
from warmboot.core.progress import Cancel, Report, ignore
from warmboot.core.text import printable
from warmboot.core.values import NamedTuple

if TYPE_CHECKING:
    from warmboot.core.boot.entry import Entry
    from warmboot.core.images.pe_headers import PeView
    from warmboot.core.images.view import View
    from warmboot.core.payload.archives import Initrd

_NAMES = 50_000  # of each archive; the largest initrds of distributions have a tenth


class InitrdReading(NamedTuple):
    """What an initrd of an entry holds, None where it cannot be read, and what is against it."""

    path: str
    initrd: Initrd | None
    warning: str | None


class EntryReading(NamedTuple):
    """What only reading all of an entry's files tells.

    `payload` is None where there is no kernel to unpack or read. `signature_problem` says why its
    signatures cannot be read.
    """

    image: BootImage
    payload: Payload | None
    signatures: tuple[Signature, ...] = ()
    initrds: tuple[InitrdReading, ...] = ()
    signature_problem: str | None = None


class Images:
    """The images below a boot root, and files by their paths; `entry` finds an entry by name.

    `simulated`: the machine is a sandbox.
    """

    def __init__(self, root: BootRoot, entry: Callable[[str], Entry], *, simulated: bool) -> None:
        self._root = root
        self._entry = entry
        self.simulated = simulated

    def open(self, name: str) -> ImageFile:
        """Open the file `name`, or else the kernel of the entry called so; raises WarmbootError."""
        if _is_path(name):
            return ImageFile.open(name)
        return self._root.open(self._entry(name).kernel)

    def inspect(
        self, name: str, *, quick: bool = False, report: Report = ignore
    ) -> Inspection | InitrdInspection:
        """Return what is inside the image or initrd `name`; raises ImageError where damaged."""
        with self.open(name) as file:
            if _is_initrd(file.view):
                return inspect_initrd(file, None, quick=quick)
            return inspect_image(file, quick=quick, report=report)

    def extract(
        self, name: str, target: Path, *, examined: bool = False, report: Report = ignore
    ) -> Extraction:
        """Unpack the kernel of the image `name` into a file, or to what it stands for."""
        with self.open(name) as file:
            return extract_kernel(file, target, examined=examined, report=report)

    def details(self, entry: Entry, cancel: Cancel) -> EntryReading:
        """Return what only reading all of an entry's kernel and initrds tells.

        Raises ImageError where the kernel is damaged, WarmbootError where it cannot be opened,
        Cancelled.
        """
        with self._root.open(entry.kernel) as file:
            image, payload = examine_file(file, cancel=cancel)
            try:
                signatures, problem = signatures_of(file.view, cancel), None
            except ImageError as error:
                signatures, problem = (), error.message
        release = (payload.release if payload else None) or image.release or entry.release
        initrds = tuple(self._initrd(path, release, cancel) for path in entry.initrds)
        return EntryReading(image, payload, signatures, initrds, problem)

    def _initrd(self, path: str, release: str | None, cancel: Cancel) -> InitrdReading:
        try:
            with self._root.open(path) as file:
                found = inspect_initrd(file, release, cancel=cancel)
        except Cancelled:
            raise
        except WarmbootError as error:
            return InitrdReading(path, None, error.message)
        return InitrdReading(path, found.initrd, found.warning)

    def headers(self, entry: Entry) -> PeView:
        """Return every header of an entry's kernel; raises ImageError where it is no PE file."""
        from warmboot.core.images.pe_headers import view_headers

        with self._root.open(entry.kernel) as file:
            return view_headers(file.view)

    def contents(self, entry: Entry, cancel: Cancel) -> Iterator[InitrdInspection]:
        """Yield what the initrds of an entry hold, with the names of their files.

        Raises NotFound where it has none, ImageError, Cancelled.
        """
        read = partial(inspect_initrd, cancel=cancel, names=_NAMES)
        if not entry.initrds:
            with self._root.open(entry.kernel) as file:
                yield from self._inside(file, entry, read)
            return
        for path in entry.initrds:
            with self._root.open(path) as file:
                yield read(file, entry.release)

    def inspect_initrds(self, name: str, *, quick: bool = False) -> list[InitrdInspection]:
        """Return what the initrds hold of the entry `name`, or of the UKI at that path.

        Raises NotFound where it has none.
        """
        if _is_path(name):
            with ImageFile.open(name) as file:
                return list(self._inside(file, None, partial(inspect_initrd, quick=quick)))
        entry = self._entry(name)
        if not entry.initrds:
            with self._root.open(entry.kernel) as file:
                return list(self._inside(file, entry, partial(inspect_initrd, quick=quick)))
        from warmboot.core.boot.listed_entry import read_header

        image = read_header(self._root, entry).image if entry.release is None else None
        release = entry.release or (image.release if image else None)
        found = []
        for path in entry.initrds:
            with self._root.open(path) as file:
                found.append(inspect_initrd(file, release, quick=quick))
        return found

    def _inside(
        self, file: ImageFile, entry: Entry | None, read: Callable[..., InitrdInspection]
    ) -> Iterator[InitrdInspection]:
        """Yield what the initrds inside a UKI hold, those of its profile and its add-ons' apart.

        A file that is an initrd itself is one. `read` reads one.
        """
        if entry is None and _is_initrd(file.view):
            yield read(file, None)
            return
        from warmboot.core.plan.uki_parts import combine

        image = identify(file.view)
        profile = str(entry.profile) if entry and entry.profile else None
        parts = combine(image, (), profile) if isinstance(image, Uki) else None
        if parts is None or not parts.initrds:
            what = f"The entry {entry.id} names" if entry else f"{printable(file.name)} holds"
            hint = "warmboot inspect without --initrd shows its kernel."
            raise NotFound(f"{what} no initrd", hint=hint)
        for part in parts.initrds:
            section = part.section
            view = file.view.part(section.offset, section.size, f"{section.name} section")
            found = read(file, image.release, view=view)
            yield found._replace(path=f"{found.path} {section.name}")


def _is_path(name: str) -> bool:
    """Whether a name is that of a file, not of an entry."""
    if os.sep in name:
        return True
    from warmboot.core.boot.resolve import Selector

    return name not in tuple(Selector) and os.path.lexists(name)


def _is_initrd(view: View) -> bool:
    """Whether a file is an initrd, by itself or with the header that U-Boot wants."""
    if view.head(2) == b"MZ":
        return False  # an EFI program; most files are, and need nothing that reads initrds
    from warmboot.core.images.uboot import holds_initrd
    from warmboot.core.payload.initrd import is_initrd

    return is_initrd(view) or holds_initrd(view)
