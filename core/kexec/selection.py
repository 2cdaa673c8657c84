"""The files an operator chose, opened once and held open until the kernel has them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from warmboot.core.boot import BootRoot, Entry
from warmboot.core.boot.cmdline import append, reusable
from warmboot.core.boot.presets import Preset, apply
from warmboot.core.errors import NotFound
from warmboot.core.host import Host
from warmboot.core.images import BootImage, ImageFile, identify
from warmboot.core.images.uki import Uki
from warmboot.core.kexec.plan import Choices, CommandLine, Origin
from warmboot.core.text import printable


class Selection:
    """An open kernel image, what it is, and the open initrds (None: those inside the image)."""

    def __init__(self, kernel: ImageFile, initrds: tuple[ImageFile, ...] | None) -> None:
        self.kernel = kernel
        self.initrds = initrds
        self.image: BootImage = identify(kernel.view)
        if initrds is None and not isinstance(self.image, Uki):
            self.initrds = ()

    @classmethod
    def open(
        cls,
        root: BootRoot,
        entry: Entry | None,
        kernel: str | None = None,
        initrds: tuple[str, ...] | None = None,
    ) -> Self:
        """Open an entry's files inside `root`; a `kernel` or `initrds` given by path replace them.

        Given paths are paths of this machine, not of the root. Raises WarmbootError.
        """
        with ExitStack() as opened:
            if kernel is not None:
                kernel_file = opened.enter_context(ImageFile.open(kernel))
            elif entry is not None:
                kernel_file = opened.enter_context(root.open(entry.kernel))
            else:
                raise NotFound("No kernel is chosen", hint="Name an entry or give --kernel.")
            files: tuple[ImageFile, ...] | None
            if initrds is not None:
                files = tuple(opened.enter_context(ImageFile.open(path)) for path in initrds)
            elif entry is not None and kernel is None and entry.initrds:
                files = tuple(opened.enter_context(root.open(path)) for path in entry.initrds)
            else:
                files = None
            selection = cls(kernel_file, files)
            opened.pop_all()
        return selection

    @property
    def initrd_bytes(self) -> int:
        """Size of all open initrd files together."""
        return sum(file.identity.size for file in self.initrds or ())

    def choices(self, entry: Entry | None, cmdline: CommandLine, *, foreign_root: bool) -> Choices:
        """Return what is chosen, as the value a plan is made from."""
        names = None if self.initrds is None else tuple(file.name for file in self.initrds)
        return Choices(
            kernel=printable(self.kernel.name),
            initrds=None if names is None else tuple(printable(name) for name in names),
            cmdline=cmdline,
            entry=entry.id if entry else None,
            devicetree=_device_trees(entry) if entry else None,
            foreign_root=foreign_root,
        )

    def unchanged(self) -> None:
        """Raise ImageError where one of the files changed since it was opened."""
        for file in (self.kernel, *(self.initrds or ())):
            file.unchanged()

    def close(self) -> None:
        """Close every file."""
        for file in (self.kernel, *(self.initrds or ())):
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


def _device_trees(entry: Entry) -> str | None:
    """Name the device tree and overlays an entry wants; they are passed on whole or not at all."""
    return " + ".join(filter(None, (entry.devicetree, *entry.overlays))) or None


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
) -> CommandLine:
    """Return the command line: typed, else the entry's, else the image's own, else the running.

    `reuse` asks for the running kernel's even where an entry states one, `installed` is that of
    /etc/kernel/cmdline and goes before the entry's; `presets` are applied and `extra` is added to
    whichever it is.
    """
    own = entry.cmdline if entry is not None else None
    if own is None and isinstance(image, Uki):
        own = image.cmdline
    if typed is not None:
        line = CommandLine(typed, Origin.TYPED)
    elif installed is not None:
        line = CommandLine(installed, Origin.INSTALLED)
    elif own is not None and not reuse:
        line = CommandLine(own, Origin.ENTRY)
    else:
        line = CommandLine(reusable(host.cmdline), Origin.RUNNING)
    for preset in presets:
        line = CommandLine(apply(line.text, preset), line.origin)
    if extra:
        line = CommandLine(append(line.text, extra), line.origin)
    return line
