"""Features that the root file system has switched on, and the kernels that know them.

Sources: fs/ext4/ext4.h, fs/xfs/libxfs/xfs_format.h and fs/btrfs/sysfs.c, and the releases of Linux
that brought each.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from warmboot.core.host.devices import Sysfs
from warmboot.core.host.files import read_bytes
from warmboot.core.host.root_stack import RootStack
from warmboot.core.values import NamedTuple

_SUPERBLOCK = 4096
_EXT4_START, _EXT4_MAGIC = 1024, b"\x53\xef"
#: Bit → name and the Linux that brought it: s_feature_incompat, s_feature_ro_compat.
_EXT4_INCOMPAT = {
    0x0100: ("mmp", (3, 0)), 0x0400: ("ea_inode", (4, 13)), 0x2000: ("metadata_csum_seed", (4, 4)),
    0x4000: ("large_dir", (4, 13)), 0x8000: ("inline_data", (3, 8)), 0x10000: ("encrypt", (4, 1)),
    0x20000: ("casefold", (5, 2)),
}  # fmt: skip
_EXT4_RO = {
    0x0200: ("bigalloc", (3, 2)), 0x0400: ("metadata_csum", (3, 5)), 0x1000: ("read-only", (4, 0)),
    0x2000: ("project", (4, 5)), 0x8000: ("verity", (5, 4)), 0x10000: ("orphan_present", (5, 15)),
}  # fmt: skip
_XFS_MAGIC = b"XFSB"
#: sb_features_incompat and sb_features_ro_compat of version 5.
_XFS_INCOMPAT = {
    0x02: ("sparse inodes", (4, 2)), 0x04: ("meta_uuid", (4, 3)), 0x08: ("bigtime", (5, 10)),
    0x10: ("needsrepair", (5, 12)), 0x20: ("nrext64", (5, 19)), 0x40: ("exchange", (6, 10)),
    0x80: ("parent", (6, 10)), 0x100: ("metadir", (6, 13)),
}  # fmt: skip
_XFS_RO = {
    0x01: ("finobt", (3, 16)), 0x02: ("rmapbt", (4, 8)), 0x04: ("reflink", (4, 9)),
    0x08: ("inobtcount", (5, 10)),
}  # fmt: skip
_BTRFS = {
    "extended_iref": (3, 7), "raid56": (3, 9), "skinny_metadata": (3, 10), "no_holes": (3, 14),
    "compress_zstd": (4, 14), "metadata_uuid": (5, 0), "raid1c34": (5, 5), "zoned": (5, 12),
    "free_space_tree": (4, 5), "verity": (5, 15), "block_group_tree": (6, 1),
    "raid_stripe_tree": (6, 7), "simple_quota": (6, 7),
}  # fmt: skip


class Feature(NamedTuple):
    """A feature, and the version of Linux that brought it."""

    name: str
    since: tuple[int, int]


def read_root_features(prefix: Path, stack: RootStack) -> tuple[Feature, ...] | None:
    """Return the features of the root file system; None where they cannot be read.

    The superblock is read from the device (root only), Btrfs tells in /sys/fs/btrfs.
    """
    if stack.block is None:
        return None
    if stack.type == "btrfs":
        return _btrfs(Sysfs(prefix), stack.block)
    if stack.type == "ext4":
        found = read_ext4_superblock(prefix, stack)
        return None if found is None else _ext4(found)
    raw = _first_block(prefix, stack.block) if stack.type == "xfs" else None
    return None if raw is None else _xfs(raw)


def read_ext4_superblock(prefix: Path, stack: RootStack) -> bytes | None:
    """Return it from the root's device; None where the root is not ext4, or it cannot be read."""
    if stack.type != "ext4" or stack.block is None:
        return None
    raw = (_first_block(prefix, stack.block) or b"")[_EXT4_START:]
    return raw if raw[0x38:0x3A] == _EXT4_MAGIC else None


def _first_block(prefix: Path, block: str) -> bytes | None:
    raw = read_bytes(prefix / "dev" / block, _SUPERBLOCK)
    return raw if raw is not None and len(raw) == _SUPERBLOCK else None


def _ext4(raw: bytes) -> tuple[Feature, ...]:
    incompat, compat = (int.from_bytes(raw[at : at + 4], "little") for at in (0x60, 0x64))
    return (*_named(incompat, _EXT4_INCOMPAT), *_named(compat, _EXT4_RO))


def _xfs(raw: bytes) -> tuple[Feature, ...] | None:
    if raw[:4] != _XFS_MAGIC:
        return None
    if int.from_bytes(raw[100:102], "big") & 0xF != 5:
        return ()
    compat, incompat = (int.from_bytes(raw[at : at + 4], "big") for at in (212, 216))
    return (
        Feature("version 5", (3, 10)),
        *_named(incompat, _XFS_INCOMPAT),
        *_named(compat, _XFS_RO),
    )


def _btrfs(sysfs: Sysfs, block: str) -> tuple[Feature, ...] | None:
    for uuid in sysfs.names("sys/fs/btrfs"):
        if block in sysfs.names(f"sys/fs/btrfs/{uuid}/devices"):
            found = sysfs.names(f"sys/fs/btrfs/{uuid}/features")
            return tuple(Feature(name, _BTRFS[name]) for name in found if name in _BTRFS)
    return None


def _named(bits: int, table: dict[int, tuple[str, tuple[int, int]]]) -> Iterator[Feature]:
    return (Feature(*row) for bit, row in table.items() if bits & bit)
