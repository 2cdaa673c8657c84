"""The files of a plan, opened once and held open until the kernel has them."""

from __future__ import annotations

from collections.abc import Container, Mapping
from contextlib import ExitStack, suppress
from functools import cached_property, partial
from pathlib import Path

from warmboot.core.boot.board import running_board
from warmboot.core.boot.root import BootRoot
from warmboot.core.closing import Closing
from warmboot.core.errors import ImageError, NotFound
from warmboot.core.fit.initrd_contents import InitrdContents, read_contents
from warmboot.core.fit.installed_modules import installed_index, installed_options
from warmboot.core.fit.module_index import ModuleIndex
from warmboot.core.hints import TYPE_CHECKING, Self
from warmboot.core.host import Host
from warmboot.core.images import BootImage, ImageFile, identify
from warmboot.core.images.devicetree import read_board
from warmboot.core.images.image_file import changed
from warmboot.core.images.pe import is_signed
from warmboot.core.images.uboot import is_wrapped, unwrapped
from warmboot.core.images.uki import Addon, Uki
from warmboot.core.images.view import View, too_large
from warmboot.core.plan.context import InitrdHead
from warmboot.core.plan.request import PlanRequest
from warmboot.core.progress import Cancel
from warmboot.core.text import printable
from warmboot.core.values import NamedTuple

if TYPE_CHECKING:
    from warmboot.core.boot.entry import Entry
    from warmboot.core.plan.uki_parts import Part, UkiParts

_ADDON = ".addon.efi"
_HEAD = 16  # bytes: enough for every magic


class FileNames(NamedTuple):
    """The files of a plan as a person knows them.

    `initrds` is None where the image's own is used, () for none at all. `devicetree` is the one
    chosen, a file or a UKI's section, `overlays` change it. `addons` and `profile` (its id) are
    what a UKI is put together with. `initrd_bytes` is the size of all initrds together. `signed`:
    the image carries a signature, trusted here or not; None where nobody looked. `release` is the
    kernel's as far as the entry or the image's header says it.
    """

    kernel: str
    initrds: tuple[str, ...] | None = ()
    initrd_bytes: int = 0
    devicetree: str | None = None
    overlays: tuple[str, ...] = ()
    addons: tuple[str, ...] = ()
    profile: str | None = None
    signed: bool | None = None
    release: str | None = None


class BootFiles(Closing):
    """An open kernel image, what it is, and the open initrds (None: those inside the image).

    `entry` is the entry they belong to, None for a kernel given by its path. `parts` is what a UKI
    is put together to, None for any other image. `options` are the kernel's build options, None
    where no file says; `modules` those installed for it below `tree`, the root of its system as far
    as that is here, None where its release is not known. `root` is that of the boot entries.
    `overlays` change the device tree, in order. `prefix` is where /sys is, None where nobody asks.
    """

    def __init__(
        self,
        kernel: ImageFile,
        initrds: tuple[ImageFile, ...] | None,
        devicetree: ImageFile | None = None,
        addons: tuple[ImageFile, ...] = (),
        profile: str | None = None,
        entry: Entry | None = None,
        overlays: tuple[ImageFile, ...] = (),
        prefix: Path | None = None,
    ) -> None:
        self.entry = entry
        self.overlays = overlays
        self.prefix = prefix
        self.kernel = kernel
        self.initrds = initrds
        self.devicetree = devicetree
        self.addons = addons
        self.image: BootImage = identify(kernel.view)
        self.options: Mapping[str, str] | None = None
        self.modules: ModuleIndex | None = None
        self.root: BootRoot | None = None
        self.tree: BootRoot | None = None
        self.cancel: Cancel | None = None  # of the reading of initrds
        self.parts: UkiParts | None = None
        if isinstance(self.image, Uki):
            from warmboot.core.plan.uki_parts import combine

            found = [(file.name, _addon(file)) for file in addons]
            self.parts = combine(self.image, found, profile, partial(self._fits, prefix))
        elif profile is not None or addons:
            raise NotFound(
                f"{printable(kernel.name)} is not a UKI, so it has no profiles and takes no add-ons"
            )
        elif initrds is None:
            self.initrds = ()

    @classmethod
    def open(
        cls,
        root: BootRoot,
        request: PlanRequest,
        entry: Entry | None,
        prefix: Path | None = None,
        cancel: Cancel | None = None,
    ) -> Self:
        """Open an entry's files inside `root`; what `request` gives by path replaces them.

        Given paths are paths of this machine, not of the root. `prefix` is where its /sys is: the
        board that it is decides on the device trees of a UKI. Raises WarmbootError.
        """
        kernel = request.kernel
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
            if request.initrds is not None:
                files = tuple(map(here, request.initrds))
            elif own is not None and own.initrds:
                files = tuple(map(inside, own.initrds))
            tree: ImageFile | None = None
            if request.devicetree is not None:
                tree = here(request.devicetree)
            elif own is not None and own.devicetree:
                tree = inside(own.devicetree)
            overlays = tuple(map(inside, _overlays(own)))
            if request.addons is not None:
                addons = tuple(map(here, request.addons))
            elif not isinstance(identify(kernel_file.view), Uki):
                addons = ()
            else:  # the entry knows them, those for all images (loader/addons) too
                beside = map(here, _beside(f"{kernel}.extra.d"))
                addons = tuple(beside if own is None else map(inside, own.addons))
            profile = request.profile or (str(own.profile) if own and own.profile else None)
            found = cls(kernel_file, files, tree, addons, profile, entry, overlays, prefix)
            found.root = root
            found.look_into(root)
            found.cancel = cancel
            opened.pop_all()
        return found

    def look_into(self, tree: BootRoot) -> None:
        """Have modules and build options read in `tree`, unless that is done already."""
        if self.tree is not None and self.tree.path == tree.path:
            return
        self.tree, self.modules = tree, installed_index(tree, self.release)
        self.options = installed_options(tree, self.release) or self.options

    @property
    def initrd_bytes(self) -> int:
        """Size of all initrds together."""
        if self.initrds is None and self.parts is not None:
            return self.parts.initrd_bytes
        return sum(file.identity.size for file in self.initrds or ())

    def part(self, part: Part) -> View:
        """Return the content of a UKI's or an add-on's section."""
        file = self.addons[part.file - 1] if part.file else self.kernel
        section = part.section
        return file.view.part(section.offset, section.size, f"{section.name} section")

    @property
    def devicetree_view(self) -> View | None:
        """The content of the device tree that goes along, a file or a section; None without one."""
        if self.devicetree is not None:
            return self.devicetree.view
        part = self.parts.devicetree if self.parts else None
        return None if part is None else self.part(part)

    def _fits(self, prefix: Path | None, part: Part) -> bool:
        """Whether a .dtbauto section is for the board that runs: its own name comes first."""
        board = None if prefix is None else running_board(prefix)
        try:
            named = read_board(self.part(part)).compatible[:1]
        except ImageError:
            return False
        return board is not None and named == board.compatible[:1]

    @property
    def release(self) -> str | None:
        """The kernel's release, as far as its header or its entry says."""
        return self.image.release or (self.entry.version if self.entry else None)

    def heads(self) -> tuple[InitrdHead, ...]:
        """Return how each initrd begins, also those inside a UKI; nothing is unpacked."""
        return tuple(_head(name, view) for name, view in self._initrd_views())

    @cached_property
    def contents(self) -> InitrdContents | None:
        """What the initrds hold, all of them read; None where there are none. Raises Cancelled."""
        views = self._initrd_views()
        return read_contents(views, cancel=self.cancel) if views else None

    def _initrd_views(self) -> list[tuple[str, View]]:
        if self.initrds is not None:
            return [(file.name, file.view) for file in self.initrds]
        parts = self.parts.initrds if self.parts else ()
        return [(part.section.name, self.part(part)) for part in parts]

    @cached_property
    def signed(self) -> bool:
        """Whether the image carries a signature, trusted here or not."""
        return is_signed(self.kernel.view)

    @cached_property
    def inner_signed(self) -> bool | None:
        """Whether the kernel inside a UKI carries a signature of its own; None for no UKI."""
        if not isinstance(self.image, Uki):
            return None
        section = self.image.linux_section
        return is_signed(self.kernel.view.part(section.offset, section.size, ".linux section"))

    @cached_property
    def decompressor(self) -> int:
        """What the kernel would take to unpack the payload, in bytes beside the output.

        0 where nothing is packed, or the payload's header is damaged: unpacking it here says so.
        """
        from warmboot.core.payload.codecs import kernel_memory  # few kernels unpack by themselves
        from warmboot.core.payload.examine import kernel_inside

        view, inner = kernel_inside(self.kernel.view, self.image)
        try:
            return kernel_memory(view, inner.stream) if inner and inner.stream else 0
        except ImageError:
            return 0

    def payload_refused(self, host: Host) -> str | None:
        """Return why the running kernel cannot unpack the payload, None where it may."""
        from warmboot.core.payload.codecs import kernel_refusal
        from warmboot.core.payload.examine import kernel_inside

        view, kernel = kernel_inside(self.kernel.view, self.image)
        if kernel is None or kernel.stream is None:
            return None
        return kernel_refusal(view, kernel.stream, host.config)

    def names(self) -> FileNames:
        """Return what a plan says of the files."""
        initrds = self.initrds
        profile = self.parts.profile if self.parts else None
        return FileNames(
            kernel=printable(self.kernel.name),
            initrds=None if initrds is None else tuple(map(_initrd_name, initrds)),
            initrd_bytes=self.initrd_bytes,
            devicetree=self._devicetree_name(),
            overlays=tuple(printable(file.name) for file in self.overlays),
            addons=tuple(printable(file.name) for file in self.addons),
            profile=profile.id if profile else None,
            signed=self.signed,
            release=(self.entry.release if self.entry else None) or self.image.release,
        )

    def _devicetree_name(self) -> str | None:
        if self.devicetree is not None:
            return printable(self.devicetree.name)
        part = self.parts.devicetree if self.parts else None
        if part is None:
            return None
        file = self.addons[part.file - 1] if part.file else self.kernel
        return f"{printable(file.name)} {part.section.name}"

    @property
    def _files(self) -> tuple[ImageFile, ...]:
        tree = () if self.devicetree is None else (self.devicetree,)
        return (self.kernel, *(self.initrds or ()), *tree, *self.overlays, *self.addons)

    def unchanged(self, fds: Container[int | None] | None = None) -> None:
        """Raise ImageError where a file (or one of those with `fds`) changed since opening."""
        for file in self._files:
            if fds is None or file.fd in fds:
                file.unchanged()

    def with_kernel(self, kernel: ImageFile) -> Self:
        """Return the files with a copy of the kernel in its place, which the caller closes.

        Raises ImageError where the copy is not what was looked at.
        """
        found = type(self).__new__(type(self))
        found.__dict__.update(self.__dict__)
        found.kernel, found.image = kernel, identify(kernel.view)
        if found.image.describe() != self.image.describe():
            raise changed(self.kernel.name)
        return found

    def close(self) -> None:
        """Close every file."""
        for file in self._files:
            file.close()


def _head(name: str, view: View) -> InitrdHead:
    from warmboot.core.payload.initrd import UNKNOWN, form_of

    try:
        view = unwrapped(view, "it")
    except ImageError as error:
        return InitrdHead(printable(name), view.size, None, error.message, False)
    method, problem = form_of(view.head(_HEAD))
    problem = too_large(view) or problem
    return InitrdHead(printable(name), view.size, method, problem, problem == UNKNOWN)


def _beside(folder: str) -> list[str]:
    """Paths of the add-ons in a folder that need not be there, in the order of their names."""
    names: list[str] = []
    with suppress(OSError, ValueError):
        names = [path.name for path in Path(folder).iterdir()]
    return [f"{folder}/{name}" for name in sorted(names) if name.lower().endswith(_ADDON)]


def _addon(file: ImageFile) -> Addon:
    image = identify(file.view)
    if not isinstance(image, Addon):
        raise ImageError(
            f"{printable(file.name)} is not an add-on for a UKI",
            hint="Leave it out with --no-addons, or name the add-ons with --addon.",
        )
    return image


def _initrd_name(file: ImageFile) -> str:
    wrapped = " (without U-Boot's header)" if is_wrapped(file.view) else ""
    return printable(file.name) + wrapped


def _overlays(entry: Entry | None) -> tuple[str, ...]:
    """Return the overlays an entry wants, but for those in add-ons, which are taken in."""
    if entry is None:
        return ()
    return tuple(path for path in entry.overlays if path not in entry.addons)
