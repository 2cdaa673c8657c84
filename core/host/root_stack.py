"""What the root file system stands on: file system, volumes, arrays, encryption, disks, network.

Of an overlay it is what its layers stand on, and a file system of its own on /usr counts too.
"""

from __future__ import annotations

import re
from pathlib import Path

from warmboot.core.expression import expression
from warmboot.core.host.devices import Sysfs
from warmboot.core.host.files import names, read_text
from warmboot.core.host.mounts import Mount
from warmboot.core.host.root_carrier import carrier
from warmboot.core.host.root_layers import Layer, Volume, path_selector, remote_of, volume_of
from warmboot.core.host.root_mounts import IN_MEMORY, holding, root_mounts
from warmboot.core.values import NamedTuple, dataclass

_LAYERS = 64  # block devices that are looked at
_NUMBER = expression(r"[0-9]{1,7}:[0-9]{1,7}")
#: Root file systems whose layers the kernel does not show.
_HIDDEN = frozenset(("aufs", "overlay", "fuse"))
#: What udev finds on a device that holds something else.
_CONTAINERS = frozenset(
    ("crypto_LUKS", "LVM2_member", "linux_raid_member", "bcache", "DM_verity_hash")
)
#: Module of a file system, where it is not called so.
_FILESYSTEMS = {"nfs4": "nfsv4", "fuseblk": "fuse", "smb3": "cifs"}
#: What the name of a block device says of its module; drivers on a bus are found by their device.
_BY_NAME = (
    ("dm-", "dm_mod"), ("md", "md_mod"), ("bcache", "bcache"), ("nbd", "nbd"), ("rbd", "rbd"),
    ("loop", "loop"), ("drbd", "drbd"), ("mmcblk", "mmc_block"), ("zd", "zfs"),
    ("mtdblock", "mtdblock"), ("ubiblock", "ubi"), ("zram", "zram"), ("ublkb", "ublk_drv"),
)  # fmt: skip
#: Of virtual block devices, those whose drivers are all that can be known.
_NAMELESS = ("nbd", "rbd")


class Part(NamedTuple):
    """A module known by its name, and the alias by which the kernel asks for it, None without."""

    alias: str | None
    module: str


@dataclass(frozen=True)
class RootStack:
    """The root file system and all below it.

    `modules` are those of the file system and of the layers. `devices` are the
    folders in sysfs of the disks. `volumes` are the layers in between, the uppermost first.
    `problem` says why the disks are not known; None where they are. `network`: it, or its disk,
    comes over the network, from `servers` where their addresses are known. `block` is the name of
    the block device that the file system lies on, `blocks` those of all that are part of it.
    """

    type: str
    source: str
    modules: tuple[Part, ...] = ()
    devices: tuple[str, ...] = ()
    volumes: tuple[Volume, ...] = ()
    network: bool = False
    problem: str | None = None
    block: str | None = None
    servers: tuple[str, ...] = ()
    blocks: frozenset[str] = frozenset()

    def volumes_of(self, kind: Layer) -> tuple[Volume, ...]:
        """Return the layers of a kind."""
        return tuple(one for one in self.volumes if one.kind == kind)


def read_root_stack(prefix: Path, mounts: tuple[Mount, ...]) -> RootStack:
    """Follow what is mounted on / and on /usr down to the disks, by the links in ``slaves``."""
    held = root_mounts(mounts)
    if not held.mounts:
        root = next((one for one in reversed(mounts) if one.point == "/"), None)
        kind, source = (root.type, root.source) if root else ("", "")
        over = tuple(Part(f"fs-{name}", name) for name in held.over)
        return RootStack(kind, source, over, problem=held.problem)
    walk = _Walk(prefix, mounts)
    walk.parts.update((Part(f"fs-{name}", name), None) for name in held.over)
    for mount in held.mounts:
        walk.file_system(mount)
    walk.down()
    top = held.mounts[0]
    modules = (*walk.parts, *(Part(None, layer) for layer in walk.layers))
    return RootStack(
        top.type,
        top.source,
        modules,
        tuple(walk.disks),
        tuple(walk.volumes),
        network=walk.network,
        problem=held.problem or next(iter(walk.problems), None),
        block=walk.block,
        servers=tuple(walk.servers),
        blocks=frozenset(walk.blocks),
    )


class _Walk:
    """Goes down from file systems to disks, and collects what a RootStack tells."""

    def __init__(self, prefix: Path, mounts: tuple[Mount, ...]) -> None:
        self._prefix, self._sysfs = prefix, Sysfs(prefix)
        self._points = {one.point: one for one in mounts}
        self._waiting: list[str] = []
        self._seen = set[str]()
        self.blocks = set[str]()
        self.parts: dict[Part, None] = {}
        self.layers: dict[str, None] = {}
        self.disks: dict[str, None] = {}
        self.volumes: list[Volume] = []
        self.servers: dict[str, None] = {}
        self.problems: dict[str, None] = {}
        self.network = False
        self.block: str | None = None

    def file_system(self, mount: Mount) -> None:
        """Take the module of a file system, and what it lies on or is brought by."""
        if mount.type in IN_MEMORY or mount.type in _HIDDEN:
            hidden = f"the root file system is {mount.type}, and the kernel does not say on what"
            self.problems[hidden] = None
        if mount.type in IN_MEMORY:
            return
        kind = mount.type.partition(".")[0]  # fuse.PROGRAM
        if not kind or kind in _CONTAINERS:
            self.problems[f"which file system is on {mount.source} is not known"] = None
            self._blocks(mount)
            return
        self.parts[Part(f"fs-{kind}", _FILESYSTEMS.get(kind, kind))] = None
        carried = carrier(self._prefix, mount)
        if mount.type == "zfs":
            self.volumes.append(Volume(mount.source, Layer.ZFS, "", ()))
        if carried is not None:
            self.layers.update(dict.fromkeys(carried.modules))
            self.disks.update(dict.fromkeys(carried.devices))
            self.servers.update({carried.server: None} if carried.server else {})
            self.problems.update({carried.problem: None} if carried.problem else {})
            self.network = self.network or carried.network
            self._waiting += carried.blocks
        elif mount.type not in _HIDDEN:
            self._blocks(mount)

    def _blocks(self, mount: Mount) -> None:
        blocks = _block_devices(self._prefix, self._sysfs, mount)
        if not self._seen and not self._waiting and blocks:
            self.block = blocks[0].rpartition("/")[2]
        if mount.type == "btrfs" and len(blocks) > 1:
            members = tuple(place.rpartition("/")[2] for place in blocks)
            self.volumes.append(Volume(mount.source, Layer.BTRFS, "", members))
        if not blocks:
            self.problems[f"the disk below {mount.source} is not known"] = None
        self._waiting += blocks

    def down(self) -> None:
        """Follow what waits down to the disks."""
        while self._waiting and len(self._seen) < _LAYERS:
            place = self._waiting.pop(0)
            folder = _whole(self._sysfs, place)
            self.blocks.update(one.rpartition("/")[2] for one in (place, folder))
            if folder not in self._seen:
                self._seen.add(folder)
                self._layer(folder, folder.rpartition("/")[2])

    def _layer(self, folder: str, name: str) -> None:
        sysfs = self._sysfs
        self.layers.update((driver, None) for start, driver in _BY_NAME if name.startswith(start))
        below = sysfs.names(f"{folder}/slaves")
        volume, target = volume_of(sysfs, folder, name, below)
        self.volumes += [volume] if volume else []
        selector = volume and volume.kind is Layer.MULTIPATH and path_selector(sysfs)
        self.layers.update((one, None) for one in (target, selector) if one)
        places = [sysfs.folder(f"{folder}/slaves/{one}") for one in below]
        self._waiting += [place for place in places if place is not None]
        self.network = self.network or name.startswith(("nbd", "rbd"))
        file = sysfs.text(f"{folder}/loop/backing_file")
        if file is not None:
            self._file_below(name, file)
        elif not below:
            self._disk(folder, name)

    def _file_below(self, name: str, file: str) -> None:
        """Go on with the file system that the file below a loop device lies on."""
        mount = holding(self._points, file)
        if mount is None or mount.type in IN_MEMORY:
            self.problems[f"where the file below {name} comes from is not known"] = None
        else:
            self.file_system(mount)

    def _disk(self, folder: str, name: str) -> None:
        found = _disks(self._sysfs, folder)
        for disk in found:
            self.disks[disk] = None
            remote = remote_of(self._sysfs, disk, name)
            if remote is not None:
                self.volumes += [] if remote.volume in self.volumes else [remote.volume]
                self.layers[remote.module] = None
                self.network = self.network or remote.network
                self.servers.update({remote.server: None} if remote.server else {})
        bare = found == [folder] and remote_of(self._sysfs, folder, name) is None
        if bare and folder.startswith("sys/devices/virtual/") and not name.startswith(_NAMELESS):
            self.problems[f"what {name} stands on is not known"] = None


def _block_devices(prefix: Path, sysfs: Sysfs, mount: Mount) -> list[str]:
    """Return the folders of what a file system lies on; a Btrfs may lie on several devices."""
    number = f"sys/dev/block/{mount.device}"
    folder = sysfs.folder(number) if _NUMBER.fullmatch(mount.device) else None
    if folder is not None:
        return [folder]
    wanted = {part.removeprefix("/dev/").removeprefix("mapper/") for part in _sources(mount)}
    found = []
    for name in names(prefix / "sys/class/block"):
        mapped = read_text(prefix / "sys/class/block" / name / "dm/name", 256)
        if name in wanted or mapped in wanted:
            place = sysfs.folder(f"sys/class/block/{name}")
            found += [place] if place else []
    for uuid in sysfs.names("sys/fs/btrfs") if mount.type == "btrfs" else ():
        members = sysfs.names(f"sys/fs/btrfs/{uuid}/devices")
        ours = {place.rpartition("/")[2] for place in found} & set(members)
        if ours:
            places = [sysfs.folder(f"sys/fs/btrfs/{uuid}/devices/{one}") for one in members]
            found += [place for place in places if place and place not in found]
    return found


def _sources(mount: Mount) -> list[str]:
    """Return the devices that a mount names: bcachefs names several, with colons between them."""
    return mount.source.split(":") if mount.type == "bcachefs" else [mount.source]


def _whole(sysfs: Sysfs, folder: str) -> str:
    """Return the disk's or the array's folder for that of a partition."""
    return folder if sysfs.text(f"{folder}/partition") is None else folder.rpartition("/")[0]


def _disks(sysfs: Sysfs, folder: str) -> list[str]:
    """Return the folders whose parents are a disk's drivers.

    An NVMe disk with several paths stands below its subsystem, which links to the controllers.
    """
    if "/nvme-subsystem/" not in folder:
        return [folder]
    subsystem = folder
    while not subsystem.rpartition("/")[2].startswith("nvme-subsys"):
        subsystem = subsystem.rpartition("/")[0]
        if "/" not in subsystem:
            return [folder]
    links = [name for name in sysfs.names(subsystem) if re.fullmatch(r"nvme[0-9]+", name)]
    places = [sysfs.folder(f"{subsystem}/{name}") for name in links]
    return [place for place in places if place is not None] or [folder]
