"""The layers between a file system and its disks: what each is, and the module that it needs.

Sources: the UUIDs that each program gives its device-mapper volumes; lib/activate/dev_manager.c of
LVM2; drivers/nvme/host/sysfs.c; Documentation/ABI/testing/sysfs-class-iscsi.
"""

from __future__ import annotations

from warmboot.core.enumeration import StrEnum
from warmboot.core.expression import expression
from warmboot.core.host.devices import Sysfs
from warmboot.core.values import NamedTuple, dataclass

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
_WRITES = expression(r"_wcorig$")
_SUMS = expression(r"_i(?:meta|orig)$")
_RAID = expression(r"_r(?:image|meta)_[0-9]{1,4}$")
_MIRROR = expression(r"_mimage_[0-9]{1,4}$|_mlog$")
#: What tells of a part of a logical volume which target is above it: how its UUID or its name ends
#: (lib/activate/dev_manager.c of LVM2).
_LVM_PARTS = (
    (_THIN, "dm_thin_pool"),
    (_CACHE, "dm_cache"),
    (_WRITES, "dm_writecache"),
    (_SUMS, "dm_integrity"),
    (_SNAPSHOT, "dm_snapshot"),
    (_VDO, "dm_vdo"),
    (_RAID, "dm_raid"),
    (_MIRROR, "dm_mirror"),
)
_SELECTORS = (
    "dm_service_time", "dm_round_robin", "dm_queue_length", "dm_historical_service_time",
    "dm_io_affinity",
)  # fmt: skip
#: Layers that the names of block devices tell.
_NAMED = {"bcache": Layer.BCACHE, "nbd": Layer.NBD}
_FABRICS = expression(r".*/nvme-fabrics/ctl/nvme[0-9]+")
_SESSION = expression(r"((.*/(host[0-9]+))/session[0-9]+)/.*")
_TRANSPORT = expression(r"[a-z]{1,16}")
#: iSCSI by a driver of the kernel's own, over its network: proc_name of the host, and the module.
_ISCSI = {"iscsi_tcp": "iscsi_tcp", "iscsi_iser": "ib_iser"}
_OVER_NETWORK = ("tcp", "rdma")
_ADDRESS = expression(r"(?:^|,)traddr=([0-9a-fA-F.:%]{2,64})")


@dataclass(frozen=True)
class Volume:
    """A block device above the disks. `uuid` is that of device-mapper or of the array.

    `below` are the names of what it is made of.
    """

    name: str
    kind: Layer
    uuid: str
    below: tuple[str, ...]


def volume_of(
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


def path_selector(sysfs: Sysfs) -> str | None:
    """Return the module that chooses between the paths of multipath, where just one is in use.

    Which one a volume has is in its table only; a module in use counts its users in refcnt.
    """
    counts = {name: sysfs.text(f"sys/module/{name}/refcnt") or "0" for name in _SELECTORS}
    used = [name for name, count in counts.items() if count != "0"]
    return used[0] if len(used) == 1 else None


class Remote(NamedTuple):
    """A disk that the kernel reaches by a protocol: the module that speaks it, and with whom."""

    volume: Volume
    module: str
    network: bool
    server: str | None = None


def remote_of(sysfs: Sysfs, folder: str, name: str) -> Remote | None:
    """Return how a disk is reached that no bus of this machine has; None for all others."""
    fabrics = _FABRICS.match(folder)
    if fabrics is not None:
        transport = sysfs.text(f"{fabrics[0]}/transport") or ""
        if not _TRANSPORT.fullmatch(transport):
            return None
        volume = Volume(name, Layer.FABRICS, "", ())
        server = _ADDRESS.search(sysfs.text(f"{fabrics[0]}/address") or "")
        over = transport in _OVER_NETWORK
        return Remote(volume, f"nvme_{transport}", over, server[1] if server and over else None)
    session = _SESSION.match(folder)
    driver = sysfs.text(f"{session[2]}/scsi_host/{session[3]}/proc_name") if session else None
    if session and driver in _ISCSI:
        volume = Volume(name, Layer.ISCSI, "", ())
        return Remote(volume, _ISCSI[driver], network=True, server=_portal(sysfs, session[1]))
    return None


def _portal(sysfs: Sysfs, session: str) -> str | None:
    """Return the address that an iSCSI session is connected to, None where none is told."""
    for name in sysfs.names(session):
        if name.startswith("connection"):
            place = f"{session}/{name}/iscsi_connection/{name}"
            found = sysfs.text(f"{place}/address") or sysfs.text(f"{place}/persistent_address")
            if found:
                return found
    return None
