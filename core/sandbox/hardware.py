"""The devices of a simulated machine, as sysfs shows them, and the modules of its kernels.

It is a virtual machine: a virtio disk with ext4, a virtio network card, a serial console.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from warmboot.core.values import NamedTuple

_BUS = "sys/devices/pci0000:00"
_DISK = f"{_BUS}/0000:00:02.0/virtio1"
_CARD = f"{_BUS}/0000:00:01.0/virtio0"
_SERIAL = "sys/devices/platform/9000000.pl011"
_PCI = "pci:v00001AF4d0000{}sv00001AF4sd00001100bc{}sc00i00"
#: Device → modalias, bus and name of its driver, module that holds the driver (None: no name).
_DEVICES = {
    f"{_BUS}/0000:00:02.0": (_PCI.format("1042", "01"), "pci/drivers/virtio-pci", "virtio_pci"),
    _DISK: ("virtio:d00000002v00001AF4", "virtio/drivers/virtio_blk", "virtio_blk"),
    f"{_BUS}/0000:00:01.0": (_PCI.format("1041", "02"), "pci/drivers/virtio-pci", "virtio_pci"),
    _CARD: ("virtio:d00000001v00001AF4", "virtio/drivers/virtio_net", "virtio_net"),
    _SERIAL: ("of:NserialT(null)Carm,pl011", "amba/drivers/uart-pl011", None),
}
#: Links of sysfs and where they lead, from the root.
_LINKS = {
    "sys/dev/block/254:2": f"{_DISK}/block/vda/vda2",
    "sys/class/block/vda2": f"{_DISK}/block/vda/vda2",
    "sys/class/net/eth0": f"{_CARD}/net/eth0",
    "sys/class/tty/ttyAMA0": f"{_SERIAL}/tty/ttyAMA0",
}
_FILES = {
    f"{_DISK}/block/vda/vda2/partition": "2",
    f"{_CARD}/net/eth0/ifindex": "2",
    f"{_CARD}/net/eth0/name_assign_type": "1",
    f"{_SERIAL}/tty/ttyAMA0/dev": "204:64",
    "sys/class/tty/console/active": "ttyAMA0",
    "run/systemd/netif/links/2": "NETWORK_FILE=/etc/systemd/network/10-lan.network",
    "etc/systemd/network/10-lan.network": "[Match]\nName=eth0\n\n[Network]\n"
    "Address=192.0.2.7/24\nGateway=192.0.2.1",
    "proc/net/route": "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\n"
    "eth0\t00000000\t010200C0\t0003\t0\t0\t100\t00000000\n"
    "eth0\t000200C0\t00000000\t0001\t0\t0\t100\t00FFFFFF",
}


class SimulatedModule(NamedTuple):
    """A module of a kernel: its file below the release's folder, what it claims and needs."""

    path: str
    aliases: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()


VIRTIO_PCI = SimulatedModule("kernel/drivers/virtio/virtio_pci.ko", ("pci:v00001AF4d*",))
VIRTIO_BLK = SimulatedModule("kernel/drivers/block/virtio_blk.ko", ("virtio:d00000002v*",))
VIRTIO_NET = SimulatedModule("kernel/drivers/net/virtio_net.ko", ("virtio:d00000001v*",))
JBD2 = SimulatedModule("kernel/fs/jbd2/jbd2.ko")
EXT4 = SimulatedModule("kernel/fs/ext4/ext4.ko", ("fs-ext4",), (JBD2.path,))
#: What the simulated machine needs; a kernel that lacks one of them does not fit it.
MODULES = (VIRTIO_PCI, VIRTIO_BLK, VIRTIO_NET, JBD2, EXT4)


def write_hardware(root: Path) -> None:
    """Write the devices of the machine below `root`."""
    for folder, (modalias, driver, module) in _DEVICES.items():
        _write(root / folder / "modalias", modalias)
        place = f"sys/bus/{driver}"
        (root / place).mkdir(parents=True, exist_ok=True)
        _link(root, f"{folder}/driver", place)
        if module is not None and not (root / place / "module").is_symlink():
            (root / f"sys/module/{module}").mkdir(parents=True, exist_ok=True)
            _link(root, f"{place}/module", f"sys/module/{module}")
    for path, text in _FILES.items():
        _write(root / path, text)
    for link, target in _LINKS.items():
        _link(root, link, target)


def index_files(modules: Iterable[SimulatedModule], built_in: Iterable[str] = ()) -> dict[str, str]:
    """Return the files that depmod(8) makes for modules; `built_in` are paths of built-in ones."""
    modules = tuple(modules)
    names = {one.path: one.path.rpartition("/")[2].removesuffix(".ko") for one in modules}
    aliases = [f"alias {alias} {names[one.path]}" for one in modules for alias in one.aliases]
    depends = [f"{one.path}: {' '.join(one.needs)}".rstrip() for one in modules]
    texts = {
        "modules.dep": depends,
        "modules.alias": ["# Aliases extracted from modules themselves.", *aliases],
        "modules.softdep": ["# Soft dependencies extracted from modules themselves."],
        "modules.builtin": list(built_in),
    }
    return {name: "".join(f"{line}\n" for line in lines) for name, lines in texts.items()}


def write_modules(
    root: Path, release: str, modules: Iterable[SimulatedModule], built_in: Iterable[str] = ()
) -> None:
    """Install the modules of a kernel release below `root`: their index, and their files."""
    folder = root / "usr/lib/modules" / release
    modules = tuple(modules)
    for name, text in index_files(modules, built_in).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    for one in modules:
        _write(folder / one.path, "")


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n")


def _link(root: Path, link: str, target: str) -> None:
    path = root / link
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(os.path.relpath(root / target, path.parent))
