"""What this machine cannot come back without: the drivers of its root, its network, its console.

Read from /sys and /proc of the running kernel, which has them all at work.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from warmboot.core.enumeration import StrEnum
from warmboot.core.host.devices import Device, Sysfs
from warmboot.core.host.files import read_text
from warmboot.core.host.interfaces import Interface, read_interfaces, read_way
from warmboot.core.host.mounts import read_mounts
from warmboot.core.host.network_names import Card, read_cards
from warmboot.core.host.processor import Processor, read_processor
from warmboot.core.host.root_features import Feature, read_root_features
from warmboot.core.host.root_layers import Layer
from warmboot.core.host.root_mounts import mount_to_be
from warmboot.core.host.root_stack import RootStack, read_root_stack
from warmboot.core.values import NamedTuple, dataclass

_CONSOLES = 8
_INPUTS = 1 << 18
_USB = "Bus=0003"


class Purpose(StrEnum):
    """What a driver is needed for. `SUPPLY`: what the root's disk waits for (a regulator, say)."""

    ROOT = "root"
    SUPPLY = "supply"
    NETWORK = "network"
    CONSOLE = "console"
    KEYBOARD = "keyboard"


class Need(NamedTuple):
    """A driver that runs now. `what` is the device or the kind of thing it is for.

    `modalias` is what modules are looked for by, None where only names count. `driver` is its name
    in the running kernel, `module` the module's; None where the kernel does not say.
    """

    purpose: Purpose
    what: str
    modalias: str | None
    driver: str | None
    module: str | None


@dataclass(frozen=True)
class Essentials:
    """What the machine needs to come back, and what it stands on.

    `interfaces` carry a default route, or the login of the operator over the network. `features`
    are those of the root file system, None where they cannot be read. `cards` are all network
    cards. `processor` is the one whose microcode a system loads, None where none does.
    `algorithms` are those that volumes below the root are encrypted by, as far as can be read.
    """

    needs: tuple[Need, ...]
    root: RootStack
    interfaces: tuple[Interface, ...]
    features: tuple[Feature, ...] | None = None
    cards: tuple[Card, ...] = ()
    processor: Processor | None = None
    algorithms: tuple[str, ...] = ()

    def of(self, purpose: Purpose) -> tuple[Need, ...]:
        """Return the needs of one purpose."""
        return tuple(need for need in self.needs if need.purpose is purpose)


def read_essentials(prefix: Path, remote: str | None, block: str | None = None) -> Essentials:
    """Read them all below `prefix`; takes some milliseconds.

    `remote` is where the operator's login comes from over the network, None at the machine itself.
    `block` is the name of the block device that will be the root; None for the root that there is.
    """
    sysfs = Sysfs(prefix)
    mounts = read_mounts(prefix) if block is None else (mount_to_be(prefix, block),)
    stack = read_root_stack(prefix, mounts)
    interfaces = read_interfaces(prefix, remote)
    needs: dict[Need, None] = {}
    for alias, module in stack.modules:
        needs[Need(Purpose.ROOT, module, alias, None, module)] = None
    for folder in stack.devices:
        needs.update(dict.fromkeys(_chain(sysfs, Purpose.ROOT, folder)))
        for supplier in sysfs.suppliers(folder):
            needs.update(dict.fromkeys(_chain(sysfs, Purpose.SUPPLY, supplier)))
    ways = [way for one in stack.servers if (way := read_way(prefix, one)) is not None]
    # Without a route to it, a root that comes over the network may come by any of them.
    anyway = Purpose.ROOT if stack.network and not ways else Purpose.NETWORK
    for purpose, carrying in ((Purpose.ROOT, ways), (anyway, interfaces)):
        for each in carrying:
            needs.update(dict.fromkeys(_interface(sysfs, purpose, each)))
    needs.update(dict.fromkeys(_consoles(sysfs)))
    needs.update(dict.fromkeys(_keyboards(sysfs, prefix)))
    features = read_root_features(prefix, stack)
    cards, processor = read_cards(prefix), read_processor(prefix)
    return Essentials(
        tuple(_once(needs)),
        stack,
        interfaces,
        features,
        cards,
        processor,
        tuple(dict.fromkeys(_algorithms(prefix, stack))),
    )


def _algorithms(prefix: Path, stack: RootStack) -> Iterator[str]:
    for volume in stack.volumes_of(Layer.CRYPT):
        from warmboot.core.host.luks import algorithms, read_luks_header

        for device in volume.below:
            header = read_luks_header(prefix, device)
            yield from algorithms(header) if header is not None else ()


def _once(needs: Iterable[Need]) -> Iterator[Need]:
    """Yield each driver once, for the first purpose that needs it."""
    seen: set[tuple[str | None, str | None, str | None]] = set()
    for need in needs:
        key = (need.modalias, need.driver, need.module)
        if key not in seen:
            seen.add(key)
            yield need


def _chain(sysfs: Sysfs, purpose: Purpose, folder: str) -> Iterator[Need]:
    for device in sysfs.above(folder):
        if _replaceable(device):
            yield Need(purpose, device.name, device.modalias, device.driver, device.module)


def _interface(sysfs: Sysfs, purpose: Purpose, interface: Interface) -> Iterator[Need]:
    for kind in interface.kinds:
        yield Need(purpose, interface.name, f"rtnl-link-{kind}", None, None)
    for folder in interface.devices:
        yield from _chain(sysfs, purpose, folder)


def _replaceable(device: Device) -> bool:
    """Whether a driver is one that a kernel may lack: not a part of the bus itself."""
    return device.modalias is not None or device.module is not None


def _consoles(sysfs: Sysfs) -> Iterator[Need]:
    """Yield the drivers of the consoles in use; the screen has a check of its own."""
    active = (sysfs.text("sys/class/tty/console/active") or "").split()
    for name in active[:_CONSOLES]:
        if "/" in name or name.startswith("."):
            continue
        folder = sysfs.folder(f"sys/class/tty/{name}")
        if folder is not None:
            yield from _chain(sysfs, Purpose.CONSOLE, folder)


def _keyboards(sysfs: Sysfs, prefix: Path) -> Iterator[Need]:
    """Yield the drivers of USB keyboards; see /proc/bus/input/devices."""
    text = read_text(prefix / "proc/bus/input/devices", _INPUTS) or ""
    for block in text.split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line)
        keyboard = "kbd" in lines.get("H", "").replace("=", " ").split()
        if keyboard and _USB in lines.get("I", ""):
            folder = sysfs.folder("sys/" + lines.get("S", "").removeprefix("Sysfs=").strip("/ "))
            if folder is not None:
                yield from _chain(sysfs, Purpose.KEYBOARD, folder)
