"""What the root file system stands on: file system, volumes, arrays, encryption, disks, network.

Of OSTree's root, an overlay of composefs over an EROFS image, it is what /sysroot stands on.
"""

from __future__ import annotations

import re
from pathlib import Path

from warmboot.core.enumeration import StrEnum
from warmboot.core.expression import expression
from warmboot.core.host.devices import Sysfs
from warmboot.core.host.files import names, read_text
from warmboot.core.host.mounts import Mount, root_mount
from warmboot.core.values import NamedTuple, dataclass

_LAYERS = 64  # block devices that are looked at
_NUMBER = expression(r"[0-9]{1,7}:[0-9]{1,7}")
_NETWORK = frozenset(("nfs", "nfs4", "cifs", "smb3", "9p", "ceph"))
#: Root file systems whose layers the kernel does not show.
_HIDDEN = frozenset(("overlay", "rootfs", "tmpfs", "ramfs", "aufs"))
#: Of these, what is the kernel's own: no module brings it (init/do_mounts.c, mm/shmem.c).
_OWN = frozenset(("rootfs", "tmpfs", "ramfs"))
#: Module of a file system, where it is not called so.
_FILESYSTEMS = {"nfs4": "nfsv4", "fuseblk": "fuse", "smb3": "cifs"}
#: What the name of a block device says of its module; drivers on a bus are found by their device.
_BY_NAME = (
    ("dm-", "dm_mod"), ("md", "md_mod"), ("bcache", "bcache"), ("nbd", "nbd"), ("rbd", "rbd"),
    ("loop", "loop"), ("drbd", "drbd"), ("mmcblk", "mmc_block"), ("zd", "zfs"),
)  # fmt: skip
_LEVELS = {
    "raid0": "raid0", "raid1": "raid1", "raid10": "raid10", "raid4": "raid456",
    "raid5": "raid456", "raid6": "raid456", "linear": "linear",
}  # fmt: skip


class Layer(StrEnum):
    """What a block device above the disks is, as far as an initrd must have programs for it."""

    CRYPT = "dm-crypt"
    VERITY = "dm-verity"
    INTEGRITY = "dm-integrity"
    LVM = "LVM"
    RAID = "RAID"
    MULTIPATH = "multipath"
    BCACHE = "bcache"
    ZFS = "ZFS"
    ISCSI = "iSCSI"
    FABRICS = "NVMe over fabrics"
    NBD = "a network block device"
    BTRFS = "Btrfs of several disks"


#: What a device-mapper UUID begins with (the prefix that each program sets), and the module of its
#: target, None where dm_mod has it. The first that fits counts.
_MAPPED = (
    ("CRYPT-VERITY-", Layer.VERITY, "dm_verity"),
    ("CRYPT-INTEGRITY-", Layer.INTEGRITY, "dm_integrity"),
    ("CRYPT-", Layer.CRYPT, "dm_crypt"),
    ("LVM-", Layer.LVM, None),
    ("mpath-", Layer.MULTIPATH, "dm_multipath"),
)
_THIN = expression(r"-t(?:pool|data|meta)$")
_CACHE = expression(r"-c(?:data|meta|vol|pool)$")
_SNAPSHOT = expression(r"-(?:real|cow)$")
_VDO = expression(r"-v(?:data|pool)$")
_RAID = expression(r"_r(?:image|meta)_[0-9]{1,4}$")
_MIRROR = expression(r"_mimage_[0-9]{1,4}$|_mlog$")
#: What tells of a part of a logical volume which target is above it: how its UUID or its name ends
#: (lib/activate/dev_manager.c of LVM2).
_LVM_PARTS = (
    (_THIN, "dm_thin_pool"),
    (_CACHE, "dm_cache"),
    (_SNAPSHOT, "dm_snapshot"),
    (_VDO, "dm_vdo"),
    (_RAID, "dm_raid"),
    (_MIRROR, "dm_mirror"),
)
#: Layers that the names of block devices tell.
_NAMED = {"bcache": Layer.BCACHE, "nbd": Layer.NBD}
_FABRICS = expression(r".*/nvme-fabrics/ctl/nvme[0-9]+")
_SESSION = expression(r"(.*/(host[0-9]+))/session[0-9]+/.*")
_TRANSPORT = expression(r"[a-z]{1,16}")
#: iSCSI by a driver of the kernel's own, over its network: proc_name of the host, and the module.
_ISCSI = {"iscsi_tcp": "iscsi_tcp", "iscsi_iser": "ib_iser"}
_OVER_NETWORK = ("tcp", "rdma")


class Part(NamedTuple):
    """A module known by its name, and the alias by which the kernel asks for it, None without."""

    alias: str | None
    module: str


@dataclass(frozen=True, slots=True)
class Volume:
    """A block device above the disks. `uuid` is that of device-mapper or of the array.

    `below` are the names of what it is made of.
    """

    name: str
    kind: Layer
    uuid: str
    below: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RootStack:
    """The root file system and all below it.

    `modules` are those of the file system and of the layers. `devices` are the
    folders in sysfs of the disks. `volumes` are the layers in between, the uppermost first.
    `problem` says why the disks are not known; None where they are. `network`: it, or its disk,
    comes over the network. `block` is the name of the block device that the file system lies on.
    """

    type: str
    source: str
    modules: tuple[Part, ...] = ()
    devices: tuple[str, ...] = ()
    volumes: tuple[Volume, ...] = ()
    network: bool = False
    problem: str | None = None
    block: str | None = None

    def volumes_of(self, kind: Layer) -> tuple[Volume, ...]:
        """Return the layers of a kind."""
        return tuple(one for one in self.volumes if one.kind == kind)


def read_root_stack(prefix: Path, mounts: tuple[Mount, ...]) -> RootStack:
    """Follow what is mounted on / down to the disks, through the links in ``slaves``."""
    mount = root_mount(mounts)
    if mount is None:
        return RootStack("", "", problem="what is mounted on / is not known")
    module = _FILESYSTEMS.get(mount.type, mount.type)
    over = () if mount.point == "/" else ("overlay", "erofs")
    modules = (*(Part(f"fs-{name}", name) for name in over), Part(f"fs-{mount.type}", module))
    if mount.type in _NETWORK:
        return RootStack(mount.type, mount.source, modules, network=True)
    if mount.type in _HIDDEN:
        hidden = f"the root file system is {mount.type}, and the kernel does not say on what"
        own = () if mount.type in _OWN else modules
        return RootStack(mount.type, mount.source, own, problem=hidden)
    sysfs = Sysfs(prefix)
    waiting = _block_devices(prefix, sysfs, mount)
    block = waiting[0].rpartition("/")[2] if waiting else None
    found, volumes, disks, layers = set[str](), list[Volume](), list[str](), dict[str, None]()
    network = False
    if mount.type == "zfs":
        volumes.append(Volume(mount.source, Layer.ZFS, "", ()))
    if mount.type == "btrfs" and len(waiting) > 1:
        members = tuple(place.rpartition("/")[2] for place in waiting)
        volumes.append(Volume(mount.source, Layer.BTRFS, "", members))
    while waiting and len(found) < _LAYERS:
        folder = _whole(sysfs, waiting.pop(0))
        if folder in found:
            continue
        found.add(folder)
        name = folder.rpartition("/")[2]
        layers.update((driver, None) for start, driver in _BY_NAME if name.startswith(start))
        below = sysfs.names(f"{folder}/slaves")
        volume, target = _volume(sysfs, folder, name, below)
        volumes += [volume] if volume else []
        layers.update({target: None} if target else {})
        places = [sysfs.folder(f"{folder}/slaves/{one}") for one in below]
        waiting += [place for place in places if place is not None]
        network = network or name.startswith(("nbd", "rbd"))
        for disk in () if below else _disks(sysfs, folder):
            disks.append(disk)
            if (remote := _remote(sysfs, disk, name)) is not None:
                volumes += [] if remote.volume in volumes else [remote.volume]
                layers[remote.module] = None
                network = network or remote.network
    problem = None if disks else f"the disk below {mount.source} is not known"
    modules = (*modules, *(Part(None, layer) for layer in layers))
    return RootStack(
        mount.type,
        mount.source,
        modules,
        tuple(disks),
        tuple(volumes),
        network=network,
        problem=problem,
        block=block,
    )


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


def _volume(
    sysfs: Sysfs, folder: str, name: str, below: list[str]
) -> tuple[Volume | None, str | None]:
    """Return the layer that a block device is, and its module; None for a disk."""
    level = sysfs.text(f"{folder}/md/level")
    if level:
        uuid = sysfs.text(f"{folder}/md/uuid") or ""
        return Volume(name, Layer.RAID, uuid, tuple(below)), _LEVELS.get(level)
    for start, kind in _NAMED.items():
        if name.startswith(start):
            return Volume(name, kind, "", tuple(below)), None
    uuid = sysfs.text(f"{folder}/dm/uuid") or ""
    mapped = sysfs.text(f"{folder}/dm/name") or name
    for prefix, kind, module in _MAPPED:
        if not uuid.startswith(prefix):
            continue
        for ending, target in _LVM_PARTS if kind is Layer.LVM else ():
            if ending.search(uuid) or ending.search(mapped):
                module = target  # noqa: PLW2901
        return Volume(mapped, kind, uuid, tuple(below)), module
    return None, None


class _Remote(NamedTuple):
    """A disk that the kernel reaches by a protocol: the module that speaks it."""

    volume: Volume
    module: str
    network: bool


def _remote(sysfs: Sysfs, folder: str, name: str) -> _Remote | None:
    """Return how a disk is reached that no bus of this machine has; None for all others."""
    fabrics = _FABRICS.match(folder)
    if fabrics is not None:
        transport = sysfs.text(f"{fabrics[0]}/transport") or ""
        if not _TRANSPORT.fullmatch(transport):
            return None
        volume = Volume(name, Layer.FABRICS, "", ())
        return _Remote(volume, f"nvme_{transport}", transport in _OVER_NETWORK)
    session = _SESSION.match(folder)
    driver = sysfs.text(f"{session[1]}/scsi_host/{session[2]}/proc_name") if session else None
    if driver in _ISCSI:
        return _Remote(Volume(name, Layer.ISCSI, "", ()), _ISCSI[driver], network=True)
    return None


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
