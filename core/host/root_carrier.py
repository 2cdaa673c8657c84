"""What brings a root file system that names no block device: a network, a host, flash, a pool.

Sources: nfs(5); Documentation/filesystems/9p.rst (trans=) and virtiofs.rst;
Documentation/ABI/testing/sysfs-fs-virtiofs and sysfs-class-ubi; udev's record of ID_FS_TYPE.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from warmboot.core.expression import expression
from warmboot.core.host.devices import Sysfs
from warmboot.core.host.file_systems import content_of
from warmboot.core.host.files import names
from warmboot.core.host.mounts import Mount
from warmboot.core.values import NamedTuple

#: How many channels of a virtual machine, records of udev, and parts of flash are looked at.
_LIMIT = 1024
_VIRTIO = expression(r"virtio[0-9]{1,6}")
_UBI = expression(r"ubi([0-9]{1,4})[:_].*|ubi([0-9]{1,4})")
_MTD = expression(r"(?:/dev/)?mtd(?:block)?([0-9]{1,4})")
_NUMBER = expression(r"[0-9]{1,4}")
_NFS = {"2": "nfsv2", "3": "nfsv3", "4": "nfsv4"}
_VIRTUAL = {"virtio": "9pnet_virtio", "xen": "9pnet_xen"}
_OVER_NETWORK = {"tcp": "9pnet_fd", "rdma": "9pnet_rdma"}


class Carrier(NamedTuple):
    """What a file system comes by.

    `modules` are names of modules, `devices` folders in sysfs of what carries it; `blocks` those of
    block devices that it lies on. `network`: it comes over the network, from `server` where its
    address is known. `problem` says why its devices are not known, None where they are.
    """

    modules: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    blocks: tuple[str, ...] = ()
    network: bool = False
    server: str | None = None
    problem: str | None = None


def carrier(prefix: Path, mount: Mount) -> Carrier | None:
    """Return what brings a file system, None for one that lies on block devices."""
    sysfs = Sysfs(prefix)
    match mount.type:
        case "nfs" | "nfs4":
            version = _NFS.get((mount.option("vers") or "")[:1])
            modules = (version,) if version else ()
            return Carrier(modules, network=True, server=mount.option("addr"))
        case "cifs" | "smb3" | "ceph":
            return Carrier(network=True, server=mount.option("addr"))
        case "9p":
            return _plan9(sysfs, mount)
        case "virtiofs":
            return _virtiofs(sysfs, mount)
        case "ubifs":
            return _ubifs(sysfs, mount)
        case "jffs2":
            return _flash(sysfs, mount)
        case "zfs":
            return _pool(prefix, sysfs, mount)
    return None


def _plan9(sysfs: Sysfs, mount: Mount) -> Carrier:
    """Return what brings 9p: the kernel lists the transport among the options."""
    by = mount.option("trans") or ""
    if by in _OVER_NETWORK:
        return Carrier((_OVER_NETWORK[by],), network=True, server=mount.source)
    if by == "virtio":
        channels = list(_channels(sysfs, _VIRTUAL[by]))
        named = [one for one in channels if _tag(sysfs, f"{one}/mount_tag") == mount.source]
        found = tuple(named or channels)
        if found:
            return Carrier((_VIRTUAL[by],), found)
    problem = f"what brings {mount.source} to the machine is not known (9p, trans={by or '?'})"
    return Carrier((_VIRTUAL[by],) if by in _VIRTUAL else (), problem=problem)


def _virtiofs(sysfs: Sysfs, mount: Mount) -> Carrier:
    """Return the device of virtiofs; which one it is, is told since Linux 6.9."""
    named = []
    for one in sysfs.names("sys/fs/virtiofs")[:_LIMIT]:
        place = sysfs.folder(f"sys/fs/virtiofs/{one}/device")
        if place and _tag(sysfs, f"sys/fs/virtiofs/{one}/tag") == mount.source:
            named.append(place)
    found = tuple(named or _channels(sysfs, "virtiofs"))
    problem = None if found else f"the virtiofs device {mount.source} is not to be seen"
    return Carrier((), found, problem=problem)


def _tag(sysfs: Sysfs, path: str) -> str:
    """Return the name of a shared folder; 9p puts a NUL behind it (net/9p/trans_virtio.c)."""
    return (sysfs.text(path) or "").rstrip("\0")


def _channels(sysfs: Sysfs, driver: str) -> Iterator[str]:
    """Yield the folders of the virtio devices that a driver has."""
    for one in sysfs.names(f"sys/bus/virtio/drivers/{driver}")[:_LIMIT]:
        if _VIRTIO.fullmatch(one):
            place = sysfs.folder(f"sys/bus/virtio/drivers/{driver}/{one}")
            if place is not None:
                yield place


def _ubifs(sysfs: Sysfs, mount: Mount) -> Carrier:
    """Return the flash below a UBI device, of which the kernel tells the number."""
    ubi = _UBI.fullmatch(mount.source)
    number = ubi and sysfs.text(f"sys/class/ubi/ubi{ubi[1] or ubi[2]}/mtd_num")
    return _partition(sysfs, number or "", mount, ("ubi",))


def _flash(sysfs: Sysfs, mount: Mount) -> Carrier:
    """Return the flash that jffs2 lies on: its number is that of the device, or its name's."""
    major, _, minor = mount.device.partition(":")
    named = _MTD.fullmatch(mount.source)
    number = minor if major == "31" else named[1] if named else ""
    return _partition(sysfs, number, mount, ())


def _partition(sysfs: Sysfs, number: str, mount: Mount, modules: tuple[str, ...]) -> Carrier:
    place = sysfs.folder(f"sys/class/mtd/mtd{number}") if _NUMBER.fullmatch(number) else None
    if place is None:
        return Carrier(modules, problem=f"the flash below {mount.source} is not known")
    return Carrier(modules, (place,))


def _pool(prefix: Path, sysfs: Sysfs, mount: Mount) -> Carrier:
    """Return the disks of a ZFS pool: udev records what it found on them."""
    pool = mount.source.partition("/")[0]
    found = []
    for name in names(prefix / "sys/class/block"):
        content = content_of(prefix, name)
        if content is not None and (content.type, content.label) == ("zfs_member", pool):
            place = sysfs.folder(f"sys/class/block/{name}")
            found += [place] if place else []
    problem = None if found else f"the disks of the pool {pool} are not known"
    return Carrier((), blocks=tuple(found), problem=problem)
