"""For each driver that this machine needs: where a kernel has it, or that it has not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from warmboot.core.boot.root import BootRoot
from warmboot.core.enumeration import StrEnum
from warmboot.core.fit.firmware import MissingFirmware, inside, installed, named_firmware
from warmboot.core.fit.initrd_contents import InitrdContents
from warmboot.core.fit.installed_modules import USUAL, installed_index
from warmboot.core.fit.module_index import Module, ModuleIndex
from warmboot.core.host import Host
from warmboot.core.host.essentials import Essentials, Need, Purpose, read_essentials
from warmboot.core.host.files import read_text
from warmboot.core.values import NamedTuple, dataclass

#: Drivers that are a part of their bus in every kernel, though they have a modalias.
_OF_THE_BUS = frozenset(("pcieport", "usb", "port"))


class Place(StrEnum):
    """Where a kernel has a driver."""

    BUILT_IN = "built in"
    INITRD = "in the initrd"
    INSTALLED = "in /usr/lib/modules"
    MISSING = "missing"
    UNKNOWN = "not known"


class NeedFit(NamedTuple):
    """A need, and how a kernel serves it.

    `module` is the one that serves it, None where none does, and `below` are those that it needs;
    `lacks`: of these, what the initrd has not, though it has this one. `wants` are those that it
    asks for while it runs, where the initrd has none that would serve (crc32c). `out_of_tree`: the
    driver is not built with the kernel (DKMS, a package of its maker), in the running kernel or in
    this one.
    """

    need: Need
    place: Place
    module: str | None = None
    lacks: tuple[str, ...] = ()
    out_of_tree: bool = False
    below: tuple[str, ...] = ()
    wants: tuple[str, ...] = ()

    @property
    def early(self) -> bool | None:
        """Whether the driver can be had before the root file system; None where not known."""
        if self.place is Place.UNKNOWN:
            return None
        return self.place is Place.BUILT_IN or (self.place is Place.INITRD and not self.lacks)


class Demand(NamedTuple):
    """What a machine asks of a kernel; `modules` are those of the kernel that runs now, None where
    its release is no name of a folder. They and their firmware are below `root`. `loaded` are the
    names of the modules that are loaded."""

    essentials: Essentials
    modules: ModuleIndex | None
    root: BootRoot
    loaded: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Kernel:
    """A kernel as far as its fit is judged.

    `release` is None where no file says it. `initrd` is None where it has none. `same_root`: it
    will mount the root that was looked into, so that modules which are not there are missing.
    `root` is that root.
    """

    release: str | None
    installed: ModuleIndex | None
    initrd: InitrdContents | None
    same_root: bool = True
    root: BootRoot | None = None

    @property
    def index(self) -> ModuleIndex | None:
        """What its modules are known by: those on the root, else those in the initrd."""
        if self.installed is not None and self.installed.there:
            return self.installed
        if self.release is None or self.initrd is None:
            return None
        own = self.initrd.index(self.release)
        return own if own.there else None


@dataclass(frozen=True)
class KernelFit:
    """How a kernel serves all that the machine needs.

    `release` and `initrd` are those of the kernel; `known`: there is an index of its modules.
    `firmware` are drivers that find none of their files. `left_behind` are modules that are loaded
    now and not built with the kernel (DKMS and the like), and that this kernel has not.
    `microcode`: a file with the processor's is installed; None where that is not known.
    `same_root` is the kernel's. `essentials` are what it was judged by: its root may be another.
    `unserved` are algorithms that the root is encrypted by and that are not there early.
    """

    essentials: Essentials
    release: str | None
    initrd: InitrdContents | None
    needs: tuple[NeedFit, ...]
    known: bool
    firmware: tuple[MissingFirmware, ...] = ()
    left_behind: tuple[str, ...] = ()
    microcode: bool | None = None
    same_root: bool = True
    unserved: tuple[str, ...] = ()

    def of(self, purpose: Purpose) -> tuple[NeedFit, ...]:
        """Return what is said of one purpose."""
        return tuple(one for one in self.needs if one.need.purpose is purpose)


def read_demand(host: Host) -> Demand:
    """Read what the machine `host` asks of a kernel; takes some milliseconds."""
    root = BootRoot(Path(str(host.prefix)))
    essentials = read_essentials(host.prefix, host.remote)
    lines = (read_text(host.prefix / "proc/modules", 1 << 20) or "").splitlines()
    loaded = frozenset(line.partition(" ")[0] for line in lines)
    return Demand(essentials, installed_index(root, host.release), root, loaded)


def judge_fit(demand: Demand, kernel: Kernel) -> KernelFit:
    """Return where `kernel` has what the machine needs."""
    index, running = kernel.index, demand.modules
    found = []
    for need in demand.essentials.needs:
        names = _names(need, demand, index)
        if not _counts(need, names, demand, index):
            continue
        found.append(_judge(need, names, kernel, index, running))
    firmware = tuple(_without_firmware(demand, kernel, found))
    return KernelFit(
        essentials=demand.essentials,
        release=kernel.release,
        initrd=kernel.initrd,
        needs=tuple(found),
        known=index is not None,
        firmware=firmware,
        left_behind=_left_behind(demand, kernel.installed),
        microcode=_microcode(demand, kernel),
        same_root=kernel.same_root,
        unserved=_unserved(demand, kernel),
    )


def _unserved(demand: Demand, kernel: Kernel) -> tuple[str, ...]:
    """Return the algorithms of the root's encryption that the kernel cannot have early."""
    index, running, initrd = kernel.index, demand.modules, kernel.initrd
    if index is None or running is None or (initrd is not None and initrd.problem):
        return ()
    if not index.tells_all_aliases:
        return ()
    inside = initrd.modules(kernel.release) if initrd else frozenset[str]()

    def early(alias: str) -> bool:
        return any(one.built_in or one.name in inside for one in index.by_alias(alias))

    names = [name for name in demand.essentials.algorithms if running.by_alias(f"crypto-{name}")]
    return tuple(name for name in names if not early(f"crypto-{name}") and not index.gave_up)


def _microcode(demand: Demand, kernel: Kernel) -> bool | None:
    processor = demand.essentials.processor
    if processor is None or kernel.root is None or kernel.release is None:
        return None
    return installed(kernel.root, kernel.release)(processor.file)


def _left_behind(demand: Demand, index: ModuleIndex | None) -> tuple[str, ...]:
    if index is None or demand.modules is None or not index.there:
        return ()
    names = (module.name for module in demand.modules.out_of_tree)
    return tuple(
        sorted(name for name in names if name in demand.loaded and index.module(name) is None)
    )


def _without_firmware(
    demand: Demand, kernel: Kernel, fits: list[NeedFit]
) -> Iterator[MissingFirmware]:
    """Yield the drivers whose firmware the running kernel found, and the other one will not."""
    index, running, root = kernel.installed, demand.modules, kernel.root
    if index is None or running is None or root is None or not index.there:
        return
    here = installed(demand.root, running.release)
    for name in dict.fromkeys(fit.module for fit in fits if fit.module):
        module, now = index.module(name), running.module(name)
        files = named_firmware(root, index, module) if module else ()
        if not files or now is None:
            continue
        early = module is not None and _loaded_early(module, kernel)
        if early is None:
            continue
        there = inside(kernel.initrd) if early and kernel.initrd else installed(root, index.release)
        used = any(here(one) for one in named_firmware(demand.root, running, now))
        if used and not any(there(one) for one in files):
            yield MissingFirmware(name, files, early)


def _loaded_early(module: Module, kernel: Kernel) -> bool | None:
    """Whether a driver looks for its firmware in the initrd; None where that is not known."""
    if kernel.initrd is None:
        return False
    if kernel.initrd.problem is not None:
        return None
    return module.built_in or module.name in kernel.initrd.modules(kernel.release)


def _names(need: Need, demand: Demand, index: ModuleIndex | None) -> tuple[str, ...]:
    """Return the names a driver's module may have, the surest first.

    Built-in drivers have no modalias in modules.builtin.modinfo before Linux 6.18, so that in one
    kernel only the name tells, in the other only the alias.
    """
    own = need.module or need.driver
    names = [own.replace("-", "_")] if own else []
    if need.modalias:
        for one in (demand.modules, index):
            claimed = one.by_alias(need.modalias) if one else ()
            if need.module is None and one is demand.modules:
                claimed = tuple(module for module in claimed if _may_run(need, module, demand))
            fitting = [module.name for module in claimed]
            names += [] if fitting and names and names[0] in fitting else fitting
    return tuple(dict.fromkeys(names))


def _may_run(need: Need, module: Module, demand: Demand) -> bool:
    """Whether a module may be what runs a device now.

    One that claims it need not: io_subchannel has the disks of s390x, and vfio_ccw claims them.
    """
    return need.driver is None or module.built_in or module.name in demand.loaded


def _counts(need: Need, names: tuple[str, ...], demand: Demand, index: ModuleIndex | None) -> bool:
    """Whether a need is one that a kernel may lack.

    A driver that the running kernel has, but not as a module nor in the list of what could be one,
    is a part of the kernel that has no name of its own.
    """
    if need.driver in _OF_THE_BUS:
        return False
    running = demand.modules
    if running is None or not running.there or (need.module is not None and need.driver is None):
        return True
    known = [module for name in names if (module := running.module(name)) is not None]
    if need.module is None:
        return any(_may_run(need, module, demand) for module in known)
    if known:
        return True
    # What is built in may be called a module though it can never be one (a PCI driver, say).
    other = index is not None and any(index.module(name) is not None for name in names)
    return other or need.module in demand.loaded or not running.tells_built_in


def _judge(
    need: Need,
    names: tuple[str, ...],
    kernel: Kernel,
    index: ModuleIndex | None,
    running: ModuleIndex | None,
) -> NeedFit:
    modules = [m for name in names if running and (m := running.module(name)) is not None]
    outside = any(module.out_of_tree for module in modules[:1])
    if index is None:
        return NeedFit(need, Place.UNKNOWN, out_of_tree=outside)
    for name in names:
        module = index.module(name)
        if module is not None and _claims(need, module, index, running):
            return _placed(need, module, kernel, index)
    certain = _all_known(need, kernel, index) and index.tells_built_in and not index.gave_up
    # The name of a driver is not always that of its module, which the running kernel's index tells.
    certain = certain and (need.module is not None or (running is not None and running.there))
    return NeedFit(need, Place.MISSING if certain else Place.UNKNOWN, out_of_tree=outside)


def _all_known(need: Need, kernel: Kernel, index: ModuleIndex) -> bool:
    """Whether what is in no list that was read is nowhere."""
    if index is kernel.installed:
        return True
    if kernel.initrd is not None and kernel.initrd.problem is not None:
        return False
    if need.purpose is Purpose.ROOT:
        return True
    # A system may have its modules in a place of its own, where nobody looked.
    usual = kernel.root is not None and any(kernel.root.exists(one) for one in USUAL)
    return kernel.same_root and usual


def _claims(need: Need, module: Module, index: ModuleIndex, running: ModuleIndex | None) -> bool:
    """Whether a module takes the device: a driver may be there that does not know it yet.

    That is asked only where the running kernel's own module says that it does.
    """
    if need.modalias is None or module.built_in or not index.tells_aliases:
        return True
    if index.knows(need.modalias, module.name):
        return True
    return running is None or not running.knows(need.modalias, module.name)


def _placed(need: Need, module: Module, kernel: Kernel, index: ModuleIndex) -> NeedFit:
    outside = module.out_of_tree
    if module.built_in:
        return NeedFit(need, Place.BUILT_IN, module.name)
    below = tuple(one.name for one in index.needed(module))
    inside = kernel.initrd.modules(kernel.release) if kernel.initrd else frozenset()
    if module.name in inside:
        lacks = tuple(name for name in below if name not in inside)
        asked = index.wanted(module) if index.tells_all_aliases else ()
        unserved = (each for each in asked if not any(m.built_in or m.name in inside for m in each))
        wants = tuple(dict.fromkeys(each[0].name for each in unserved))
        return NeedFit(need, Place.INITRD, module.name, lacks, outside, below, wants)
    if kernel.initrd is not None and kernel.initrd.problem and need.purpose is Purpose.ROOT:
        return NeedFit(need, Place.UNKNOWN, module.name, (), outside, below)
    if index is kernel.installed:
        return NeedFit(need, Place.INSTALLED, module.name, (), outside, below)
    if not _all_known(need, kernel, index):
        return NeedFit(need, Place.UNKNOWN, module.name, (), outside, below)
    return NeedFit(need, Place.MISSING, None, (), outside)
