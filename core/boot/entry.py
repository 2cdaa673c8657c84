"""What one installed thing to boot is."""

from __future__ import annotations

from warmboot.core.enumeration import StrEnum
from warmboot.core.values import dataclass


class Kind(StrEnum):
    """Where an entry comes from."""

    BLS = "BLS type 1"
    UKI = "BLS type 2"
    GRUB = "GRUB"
    EXTLINUX = "extlinux"
    LIMINE = "Limine"
    REFIND = "rEFInd"
    PI = "Raspberry Pi"
    UBOOT = "U-Boot"
    XEN = "Xen"
    BOOT = "/boot"
    MODULES = "/usr/lib/modules"

    @property
    def rank(self) -> int:
        """Its place in a list: boot loader entries, then menus, then files alone."""
        return _RANKS.get(self, _OTHER_MENU)

    @property
    def files_only(self) -> bool:
        """Whether nothing but the files themselves tells of the entry."""
        return self in (Kind.BOOT, Kind.MODULES)


_RANKS = {Kind.BLS: 0, Kind.UKI: 0, Kind.GRUB: 1, Kind.BOOT: 3, Kind.MODULES: 3}
_OTHER_MENU = 2


@dataclass(frozen=True)
class Entry:
    """A kernel with what belongs to it; paths are paths inside the boot root.

    `id` names the entry on the command line; that of a boot loader entry is the one bootctl(1)
    shows. `version` is the one that the entry states, by which it is sorted; `release` is the
    kernel's (as ``uname -r`` prints it), None where neither the image nor its name says it.
    `cmdline` is None where the place the entry comes from states none; then the running kernel's
    command line is the natural choice. `sources` names every file or folder that led to this
    kernel. `problem` says why the entry cannot be used as it stands; `notes` are what else is worth
    knowing of it.

    `tries_left` and `tries_done` are those of boot counting, None where an entry is not counted.
    `devicetree` and `overlays` are the device tree and its overlays; `addons` the add-ons of a
    UKI, in the order systemd-stub(7) takes them, and `profile` the number of its profile.
    `initrd_reason` says why these initrds. `left_out` is true of what its own boot loader does not
    offer. `also` are the names that other menus have for the same choice. `running`, `default` and
    `next` are true of the entry that runs now, that the boot loader starts by itself, and that it
    starts the next time only.
    """

    id: str
    title: str
    kind: Kind
    kernel: str
    version: str | None = None
    initrds: tuple[str, ...] = ()
    cmdline: str | None = None
    devicetree: str | None = None
    machine_id: str | None = None
    sort_key: str | None = None
    sources: tuple[str, ...] = ()
    problem: str | None = None
    overlays: tuple[str, ...] = ()
    architecture: str | None = None
    tries_left: int | None = None
    tries_done: int | None = None
    addons: tuple[str, ...] = ()
    profile: int = 0
    initrd_reason: str | None = None
    running: bool = False
    default: bool = False
    next: bool = False
    notes: tuple[str, ...] = ()
    release: str | None = None
    left_out: bool = False
    also: tuple[str, ...] = ()

    @property
    def bad(self) -> bool:
        """Whether boot counting has given the entry up: no tries are left."""
        return self.tries_left == 0

    @property
    def image(self) -> str:
        """The path of what the boot loader starts: the kernel, or a UKI that may name another."""
        if self.kind is not Kind.UKI or not self.sources:
            return self.kernel
        return self.sources[0].removesuffix(f"#{self.profile}" if self.profile else "")


@dataclass(frozen=True)
class SearchedPlace:
    """A place that was searched and what came of it (``found 3``, ``not there``, …).

    `notice` is true of what an operator should hear even where other places held entries.
    """

    place: str
    result: str
    notice: bool = False


class BootLoader(StrEnum):
    """Boot loaders whose configuration names a default entry."""

    SYSTEMD_BOOT = "systemd-boot"
    GRUB = "GRUB"
    EXTLINUX = "extlinux"
    LIMINE = "Limine"
    REFIND = "rEFInd"
    PI = "Raspberry Pi"
    UBOOT = "U-Boot"


@dataclass(frozen=True)
class LoaderDefault:
    """What a boot loader's configuration says it starts.

    `default` holds sources of entries, the first that was found is started by itself; () where
    that is nothing in the list. `once` is the source of what it starts the next time only. `order`
    are the sources of the boot loader entries that it shows in an order of its own.
    """

    loader: BootLoader
    default: tuple[str, ...] = ()
    once: str | None = None
    order: tuple[str, ...] = ()


#: What a search comes upon, in the order it does.
Found = Entry | SearchedPlace | LoaderDefault


@dataclass(frozen=True)
class Listing:
    """All entries of a boot root, best first, and every place that was searched."""

    entries: tuple[Entry, ...]
    searched: tuple[SearchedPlace, ...]
