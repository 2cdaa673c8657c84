"""The files an operator chose, opened once and held open until the kernel has them."""

from __future__ import annotations

import contextlib
from collections.abc import Container, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from warmboot.core.boot import BootRoot, Entry, Kind
from warmboot.core.boot.cmdline import append, reusable
from warmboot.core.errors import ImageError, NotFound
from warmboot.core.host import Host
from warmboot.core.images import BootImage, ImageFile, identify
from warmboot.core.images.pe import is_signed
from warmboot.core.images.uki import Addon, Uki
from warmboot.core.images.view import View
from warmboot.core.kexec.loader import Call
from warmboot.core.kexec.plan import Choices, CommandLine, Origin
from warmboot.core.text import printable

if TYPE_CHECKING:
    from warmboot.core.boot.presets import Preset
    from warmboot.core.kexec.unified import Part, Unified

_ADDON = ".addon.efi"


@dataclass(frozen=True, slots=True)
class Named:
    """Files and parts that an operator names beside the entry; paths are of this machine.

    `initrds` and `addons` are None for those that belong to the image, () for none at all.
    `profile` is the number or id of a UKI's profile.
    """

    initrds: tuple[str, ...] | None = None
    devicetree: str | None = None
    addons: tuple[str, ...] | None = None
    profile: str | None = None


class Selection:
    """An open kernel image, what it is, and the open initrds (None: those inside the image).

    `unified` is what a UKI is put together to, None for any other image.
    """

    def __init__(
        self,
        kernel: ImageFile,
        initrds: tuple[ImageFile, ...] | None,
        devicetree: ImageFile | None = None,
        addons: tuple[ImageFile, ...] = (),
        profile: str | None = None,
    ) -> None:
        self.kernel = kernel
        self.initrds = initrds
        self.devicetree = devicetree
        self.addons = addons
        self.image: BootImage = identify(kernel.view)
        self.unified: Unified | None = None
        if isinstance(self.image, Uki):
            from warmboot.core.kexec.unified import unify

            found = [(file.name, _addon(file)) for file in addons]
            self.unified = unify(self.image, found, profile)
        elif profile is not None or addons:
            raise NotFound(
                f"{printable(kernel.name)} is no UKI, so it has no profiles and takes no add-ons"
            )
        elif initrds is None:
            self.initrds = ()

    @classmethod
    def open(
        cls,
        root: BootRoot,
        entry: Entry | None,
        kernel: str | None = None,
        initrds: tuple[str, ...] | None = None,
        named: Named | None = None,
    ) -> Self:
        """Open an entry's files inside `root`; what is given by path replaces them.

        Given paths are paths of this machine, not of the root. `initrds` is short for the field
        of `named`. Raises WarmbootError.
        """
        named = named or Named(initrds=initrds)
        own = entry if kernel is None else None  # what else of the entry counts
        with ExitStack() as opened:

            def here(path: str) -> ImageFile:
                return opened.enter_context(ImageFile.open(path))

            def inside(path: str) -> ImageFile:
                return opened.enter_context(root.open(path))

            if kernel is None and own is None:
                raise NotFound("No kernel is chosen", hint="Name an entry or give --kernel.")
            kernel_file = inside(own.kernel) if own is not None else here(kernel or "")
            files: tuple[ImageFile, ...] | None = None
            if named.initrds is not None:
                files = tuple(map(here, named.initrds))
            elif own is not None and own.initrds:
                files = tuple(map(inside, own.initrds))
            tree: ImageFile | None = None
            if named.devicetree is not None:
                tree = here(named.devicetree)
            elif own is not None and own.devicetree:
                tree = inside(own.devicetree)
            if named.addons is not None:
                addons = tuple(map(here, named.addons))
            elif not isinstance(identify(kernel_file.view), Uki):
                addons = ()
            else:  # the entry knows them, those for all images (loader/addons) too
                beside = map(here, _beside(f"{kernel}.extra.d"))
                addons = tuple(beside if own is None else map(inside, own.addons))
            profile = named.profile or (str(own.profile) if own and own.profile else None)
            selection = cls(kernel_file, files, tree, addons, profile)
            opened.pop_all()
        return selection

    @property
    def initrd_bytes(self) -> int:
        """Size of all initrds together."""
        if self.initrds is None and self.unified is not None:
            return self.unified.initrd_bytes
        return sum(file.identity.size for file in self.initrds or ())

    def part(self, part: Part) -> View:
        """Return the content of a UKI's or an add-on's section."""
        file = self.addons[part.file - 1] if part.file else self.kernel
        section = part.section
        return file.view.part(section.offset, section.size, f"{section.name} section")

    @cached_property
    def signed(self) -> bool:
        """Whether the image carries a signature, trusted here or not."""
        return is_signed(self.kernel.view)

    def choices(
        self,
        entry: Entry | None,
        cmdline: CommandLine,
        *,
        foreign_root: bool,
        loader: Call | None = None,
        panic: bool = False,
    ) -> Choices:
        """Return what is chosen, as the value a plan is made from."""
        names = None if self.initrds is None else tuple(file.name for file in self.initrds)
        unified = self.unified
        return Choices(
            kernel=printable(self.kernel.name),
            initrds=None if names is None else tuple(printable(name) for name in names),
            cmdline=cmdline,
            entry=entry.id if entry else None,
            devicetree=self._devicetree_name(),
            overlays=_overlays(entry),
            foreign_root=foreign_root,
            loader=loader,
            panic=panic,
            addons=tuple(printable(file.name) for file in self.addons),
            profile=unified.profile.id if unified and unified.profile else None,
            signed=self.signed,
        )

    def _devicetree_name(self) -> str | None:
        if self.devicetree is not None:
            return printable(self.devicetree.name)
        part = self.unified.devicetree if self.unified else None
        if part is None:
            return None
        file = self.addons[part.file - 1] if part.file else self.kernel
        return f"{printable(file.name)} .dtb"

    @property
    def _files(self) -> tuple[ImageFile, ...]:
        tree = () if self.devicetree is None else (self.devicetree,)
        return (self.kernel, *(self.initrds or ()), *tree, *self.addons)

    def unchanged(self, fds: Container[int | None] | None = None) -> None:
        """Raise ImageError where a file (or one of those with `fds`) changed since opening."""
        for file in self._files:
            if fds is None or file.fd in fds:
                file.unchanged()

    def close(self) -> None:
        """Close every file."""
        for file in self._files:
            file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _beside(folder: str) -> list[str]:
    """Paths of the add-ons in a folder that need not be there, in the order of their names."""
    names: list[str] = []
    with contextlib.suppress(OSError, ValueError):
        names = [path.name for path in Path(folder).iterdir()]
    return [f"{folder}/{name}" for name in sorted(names) if name.lower().endswith(_ADDON)]


def _addon(file: ImageFile) -> Addon:
    image = identify(file.view)
    if not isinstance(image, Addon):
        raise ImageError(
            f"{printable(file.name)} is no add-on for a UKI",
            hint="Leave it out with --no-addons, or name the add-ons with --addon.",
        )
    return image


def _overlays(entry: Entry | None) -> tuple[str, ...]:
    """Return the overlays an entry wants, but for those in add-ons, which are taken in."""
    if entry is None:
        return ()
    return tuple(printable(path) for path in entry.overlays if path not in entry.addons)


def choose_cmdline(
    entry: Entry | None,
    image: BootImage,
    host: Host,
    *,
    typed: str | None = None,
    extra: str | None = None,
    reuse: bool = False,
    installed: str | None = None,
    presets: Sequence[Preset] = (),
    unified: Unified | None = None,
) -> CommandLine:
    """Return the command line: typed, else the entry's, else the image's own, else the running.

    `reuse` asks for the running kernel's even where an entry states one, `installed` is that of
    /etc/kernel/cmdline and goes before the entry's; `presets` are applied and `extra` is added to
    whichever it is. Where `unified` is given, its profile's counts before the base's, and the
    words of its add-ons follow any that is not typed.
    """
    own = entry.cmdline if entry is not None else None
    if isinstance(image, Uki) and unified is not None:
        inside = entry is None or entry.kind is Kind.UKI or own in (None, image.cmdline)
        base = unified.cmdline if inside else own
        own = append(base or "", " ".join(unified.added)) if unified.added else base
    elif own is None and isinstance(image, Uki):
        own = image.cmdline
    if typed is not None:
        line = CommandLine(typed, Origin.TYPED)
    elif installed is not None:
        line = CommandLine(installed, Origin.INSTALLED)
    elif own is not None and not reuse:
        line = CommandLine(own, Origin.ENTRY)
    else:
        line = CommandLine(reusable(host.cmdline), Origin.RUNNING)
    if presets:
        from warmboot.core.boot.presets import apply
    for preset in presets:
        line = CommandLine(apply(line.text, preset), line.origin)
    if extra:
        line = CommandLine(append(line.text, extra), line.origin)
    return line
