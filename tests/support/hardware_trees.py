"""Machines as sysfs shows them: disks of every bus, volumes above them, networks; and modules."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from support.files import put
from support.kernel_modules import KernelModule


class Part(NamedTuple):
    """A device with a driver: its folder below the one before, its bus, and its module."""

    folder: str
    modalias: str
    bus: str
    driver: str
    module: str


class Disk(NamedTuple):
    """A disk: the devices from the bus up, and where its block device stands below the last."""

    parts: tuple[Part, ...]
    block: str


def _pci(slot: str, ids: str, kind: str, driver: str, module: str) -> Part:
    vendor, device = ids.split(":")
    modalias = (
        f"pci:v0000{vendor}d0000{device}sv00001AF4sd00001100bc{kind[:2]}sc{kind[2:4]}i{kind[4:]}"
    )
    return Part(f"devices/pci0000:00/{slot}", modalias, "pci", driver, module)


_SCSI = Part("host0/target0:0:0/0:0:0:0", "scsi:t-0x00", "scsi", "sd", "sd_mod")
_VIRTIO = _pci("0000:00:02.0", "1AF4:1042", "010000", "virtio-pci", "virtio_pci")
DISKS = {
    "virtio": Disk(
        (
            _VIRTIO,
            Part("virtio1", "virtio:d00000002v00001AF4", "virtio", "virtio_blk", "virtio_blk"),
        ),
        "block/vda",
    ),
    "virtio-scsi": Disk(
        (
            _VIRTIO,
            Part("virtio1", "virtio:d00000008v00001AF4", "virtio", "virtio_scsi", "virtio_scsi"),
            _SCSI,
        ),
        "block/sda",
    ),
    "nvme": Disk(
        (_pci("0000:01:00.0", "144D:A808", "010802", "nvme", "nvme"),), "nvme/nvme0/nvme0n1"
    ),
    "ahci": Disk(
        (_pci("0000:00:1f.2", "8086:2922", "010601", "ahci", "ahci"), _SCSI), "block/sda"
    ),
    "hba": Disk(
        (_pci("0000:03:00.0", "1000:0097", "010700", "mpt3sas", "mpt3sas"), _SCSI), "block/sda"
    ),
    "usb": Disk(
        (
            _pci("0000:00:14.0", "8086:A12F", "0c0330", "xhci_hcd", "xhci_pci"),
            Part(
                "usb1/1-1/1-1:1.0", "usb:v0781p5581d0100dc00dsc00dp00ic08isc06ip50in00",
                "usb", "usb-storage", "usb_storage",
            ),
            _SCSI,
        ),
        "block/sda",
    ),
    "mmc": Disk(
        (
            Part("devices/platform/80860F14:00", "acpi:80860F14:PNP0D40:", "platform",
                 "sdhci-acpi", "sdhci_acpi"),
            Part("mmc_host/mmc0/mmc0:0001", "mmc:block", "mmc", "mmcblk", "mmc_block"),
        ),
        "block/mmcblk0",
    ),
    "xen": Disk(
        (Part("devices/vbd-51712", "xen:vbd", "xen", "vbd", "xen_blkfront"),), "block/xvda"
    ),
    "hyperv": Disk(
        (
            Part("devices/LNXSYSTM:00/VMBUS:00/ba6163d9", "vmbus:d96361baa104294db60572e2ffb1dc7f",
                 "vmbus", "hv_storvsc", "hv_storvsc"),
            _SCSI,
        ),
        "block/sda",
    ),
}  # fmt: skip
CARDS = {
    "e1000": _pci("0000:00:03.0", "8086:100E", "020000", "e1000", "e1000"),
    "igb": _pci("0000:04:00.0", "8086:1533", "020000", "igb", "igb"),
    "mlx5_core": _pci("0000:05:00.0", "15B3:1017", "020000", "mlx5_core", "mlx5_core"),
    "r8169": _pci("0000:06:00.0", "10EC:8168", "020000", "r8169", "r8169"),
}
_MODULES = (
    KernelModule("kernel/drivers/virtio/virtio.ko"),
    KernelModule("kernel/drivers/virtio/virtio_ring.ko", needs=("virtio",)),
    KernelModule(
        "kernel/drivers/virtio/virtio_pci.ko", ("pci:v00001AF4d*sv*sd*bc*sc*i*",),
        ("virtio", "virtio_ring"),
    ),
    KernelModule("kernel/drivers/block/virtio_blk.ko", ("virtio:d00000002v*",), ("virtio_ring",)),
    KernelModule(
        "kernel/drivers/scsi/virtio_scsi.ko", ("virtio:d00000008v*",), ("virtio_ring", "scsi_mod")
    ),
    KernelModule("kernel/drivers/scsi/scsi_mod.ko", needs=("scsi_common",)),
    KernelModule("kernel/drivers/scsi/scsi_common.ko"),
    KernelModule(
        "kernel/drivers/scsi/sd_mod.ko", ("scsi:t-0x00*", "block-major-8-*"), ("scsi_mod",)
    ),
    KernelModule("kernel/drivers/nvme/host/nvme-core.ko"),
    KernelModule(
        "kernel/drivers/nvme/host/nvme.ko", ("pci:v*d*sv*sd*bc01sc08i02*",), ("nvme_core",)
    ),
    KernelModule("kernel/drivers/ata/libata.ko", needs=("scsi_mod",)),
    KernelModule("kernel/drivers/ata/libahci.ko", needs=("libata",)),
    KernelModule("kernel/drivers/ata/ahci.ko", ("pci:v*d*sv*sd*bc01sc06i01*",), ("libahci",)),
    KernelModule(
        "kernel/drivers/scsi/mpt3sas/mpt3sas.ko", ("pci:v00001000d00000097sv*sd*bc*sc*i*",),
        ("scsi_mod",),
    ),
    KernelModule("kernel/drivers/usb/host/xhci-hcd.ko"),
    KernelModule(
        "kernel/drivers/usb/host/xhci-pci.ko", ("pci:v*d*sv*sd*bc0Csc03i30*",), ("xhci_hcd",)
    ),
    KernelModule(
        "kernel/drivers/usb/storage/usb-storage.ko",
        ("usb:v*p*d*dc*dsc*dp*ic08isc06ip50in*",), ("scsi_mod",),
    ),
    KernelModule("kernel/drivers/mmc/host/sdhci.ko"),
    KernelModule("kernel/drivers/mmc/host/sdhci-acpi.ko", ("acpi*:80860F14:*",), ("sdhci",)),
    KernelModule("kernel/drivers/mmc/core/mmc_block.ko", ("mmc:block",)),
    KernelModule("kernel/drivers/block/xen-blkfront.ko", ("xen:vbd", "xenblk")),
    KernelModule("kernel/drivers/hv/hv_vmbus.ko"),
    KernelModule(
        "kernel/drivers/scsi/hv_storvsc.ko", ("vmbus:d96361baa104294db60572e2ffb1dc7f",),
        ("hv_vmbus", "scsi_mod"),
    ),
    KernelModule(
        "kernel/drivers/net/ethernet/intel/e1000/e1000.ko",
        ("pci:v00008086d0000100Esv*sd*bc*sc*i*",),
    ),
    KernelModule(
        "kernel/drivers/net/ethernet/intel/igb/igb.ko", ("pci:v00008086d00001533sv*sd*bc*sc*i*",),
        ("dca",),
    ),
    KernelModule("kernel/drivers/dca/dca.ko"),
    KernelModule(
        "kernel/drivers/net/ethernet/mellanox/mlx5/core/mlx5_core.ko",
        ("pci:v000015B3d00001017sv*sd*bc*sc*i*",), ("mlxfw",),
    ),
    KernelModule("kernel/drivers/net/ethernet/mellanox/mlxfw/mlxfw.ko"),
    KernelModule(
        "kernel/drivers/net/ethernet/realtek/r8169.ko", ("pci:v000010ECd00008168sv*sd*bc*sc*i*",)
    ),
    KernelModule("kernel/drivers/net/bonding/bonding.ko", ("rtnl-link-bond",)),
    KernelModule("kernel/net/bridge/bridge.ko", ("rtnl-link-bridge",), ("stp",)),
    KernelModule("kernel/net/802/stp.ko"),
    KernelModule("kernel/net/8021q/8021q.ko", ("rtnl-link-vlan",)),
    KernelModule("kernel/drivers/md/dm-mod.ko"),
    KernelModule("kernel/drivers/md/dm-crypt.ko", needs=("dm_mod",)),
    KernelModule("kernel/drivers/md/md-mod.ko"),
    KernelModule("kernel/drivers/md/raid1.ko", ("md-level-1",), ("md_mod",)),
    KernelModule("kernel/lib/libcrc32c.ko"),
    KernelModule("kernel/fs/jbd2/jbd2.ko"),
    KernelModule("kernel/fs/ext4/ext4.ko", ("fs-ext4", "fs-ext3"), ("jbd2",), ("libcrc32c",)),
    KernelModule("kernel/fs/xfs/xfs.ko", ("fs-xfs",), ("libcrc32c",)),
    KernelModule("kernel/fs/btrfs/btrfs.ko", ("fs-btrfs",), ("libcrc32c", "raid6_pq")),
    KernelModule("kernel/lib/raid6/raid6_pq.ko"),
    KernelModule("kernel/fs/f2fs/f2fs.ko", ("fs-f2fs",)),
)  # fmt: skip
#: Every module of a kernel that lacks nothing, by name.
MODULES = {module.name: module for module in _MODULES}


class Tree:
    """Writes the devices of a machine below a root."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._mapped = 0

    def device(self, part: Part, below: str = "sys") -> str:
        """Write a device with its driver; return its folder."""
        folder = f"{below}/{part.folder}"
        put(self.root, f"{folder}/modalias", part.modalias + "\n")
        driver = f"sys/bus/{part.bus}/drivers/{part.driver}"
        (self.root / driver).mkdir(parents=True, exist_ok=True)
        self.link(f"{folder}/driver", driver)
        if not (self.root / driver / "module").is_symlink():
            (self.root / "sys/module" / part.module).mkdir(parents=True, exist_ok=True)
            self.link(f"{driver}/module", f"sys/module/{part.module}")
        return folder

    def link(self, link: str, target: str) -> None:
        """Write a relative link, as sysfs has them."""
        path = self.root / link
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(os.path.relpath(self.root / target, path.parent))

    def disk(self, disk: Disk, number: int = 0) -> str:
        """Write a disk with one partition; return the partition's folder."""
        folder = "sys"
        for part in disk.parts:
            if part.folder.startswith("devices/") and number:
                part = part._replace(folder=f"{part.folder}{number}")  # noqa: PLW2901
            folder = self.device(part, folder)
        partition = "p1" if disk.block[-1].isdigit() else "1"
        name = disk.block.rpartition("/")[2]
        name = name if not number else f"{name[:-1]}{chr(ord(name[-1]) + number)}"
        place = f"{folder}/{disk.block.rpartition('/')[0]}/{name}/{name}{partition}"
        put(self.root, f"{place}/partition", "1\n")
        self._block(place)
        return place

    def above(self, below: Iterable[str], uuid: str, name: str) -> str:
        """Write a device-mapper volume; return its folder."""
        return self._volume("dm", below, {"dm/uuid": uuid, "dm/name": name})

    def array(self, below: Iterable[str], level: str) -> str:
        """Write a RAID array; return its folder."""
        return self._volume("md", below, {"md/level": level, "md/uuid": "0:1:2:3"})

    def _volume(self, kind: str, below: Iterable[str], files: dict[str, str]) -> str:
        node = f"{kind}-{self._mapped}" if kind == "dm" else f"{kind}{self._mapped}"
        self._mapped += 1
        folder = f"sys/devices/virtual/block/{node}"
        for path, text in files.items():
            put(self.root, f"{folder}/{path}", text + "\n")
        for one in below:
            self.link(f"{folder}/slaves/{one.rpartition('/')[2]}", one)
        self._block(folder)
        return folder

    def _block(self, folder: str) -> None:
        self.link(f"sys/class/block/{folder.rpartition('/')[2]}", folder)

    def root_on(self, folder: str, filesystem: str) -> None:
        """Mount a block device on /."""
        self.link("sys/dev/block/8:17", folder)
        name = folder.rpartition("/")[2]
        put(self.root, "proc/self/mountinfo", f"29 1 8:17 / / rw - {filesystem} /dev/{name} rw\n")

    def card(self, part: Part, name: str = "eth0") -> str:
        """Write a network card; return the folder of its interface."""
        folder = f"{self.device(part)}/net/{name}"
        put(self.root, f"{folder}/ifindex", "2\n")
        self.link(f"sys/class/net/{name}", folder)
        return folder

    def interface(self, name: str, kind: str, below: Iterable[str]) -> None:
        """Write a bond, a bridge or a VLAN above other interfaces."""
        folder = f"sys/devices/virtual/net/{name}"
        put(self.root, f"{folder}/uevent", f"DEVTYPE={kind}\nINTERFACE={name}\n")
        for one in below:
            self.link(f"{folder}/lower_{one}", f"sys/class/net/{one}")
        self.link(f"sys/class/net/{name}", folder)

    def default_route(self, name: str) -> None:
        """Let an interface carry the default route."""
        put(
            self.root,
            "proc/net/route",
            f"Iface\n{name}\t00000000\t010200C0\t3\t0\t0\t0\t00000000\n",
        )
