"""The count of mounts in a superblock: what e2fsprogs reads in it, and what follows from it."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.files import put
from support.hardware_trees import DISKS, Tree
from support.superblock import UUID, superblock
from support.tools import needs_tool

from warmboot.core.host.mount_count import MountCount, only_this_system, read_mount_count


@pytest.fixture(scope="module")
def disk_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A machine with its root on a SATA disk."""
    tree = Tree(tmp_path_factory.mktemp("machine"))
    tree.root_on(tree.disk(DISKS["ahci"]), "ext4")
    return tree.root


def mounted(root: Path, *, written: bool) -> None:
    options = "rw" if written else "ro"
    put(root, "proc/self/mountinfo", f"29 1 8:1 / / {options},relatime - ext4 /dev/sda1 rw\n")


def test_it_is_what_e2fsprogs_reads(disk_root: Path) -> None:
    disk = put(disk_root, "dev/sda1")
    with disk.open("wb") as file:
        file.truncate(16 << 20)
    subprocess.run([needs_tool("mkfs.ext4"), "-q", str(disk)], check=True)
    for count in (0, 7, 300):
        subprocess.run(
            [needs_tool("tune2fs"), "-C", str(count), str(disk)], check=True, capture_output=True
        )
        said = subprocess.run(
            [needs_tool("dumpe2fs"), "-h", str(disk)],
            check=True,
            capture_output=True,
            text=True,
            env={"TZ": "UTC", "LC_ALL": "C"},
        ).stdout
        parts = (line.partition(":") for line in said.splitlines())
        told = {name: value.strip() for name, _, value in parts}
        found = read_mount_count(disk_root)
        assert found is not None
        assert (found.uuid, found.count) == (told["Filesystem UUID"], count)
        assert int(told["Mount count"]) == count
        at = datetime.strptime(told["Last checked"], "%a %b %d %H:%M:%S %Y").replace(tzinfo=UTC)
        assert found.checked == at.timestamp()


@given(
    before=st.integers(0, 0xFFFF - 4),
    others=st.integers(0, 3),
    written=st.booleans(),
    checked=st.booleans(),
    another=st.booleans(),
)
def test_only_a_count_without_anybody_else_s_mounts_says_that_there_were_none(
    disk_root: Path, *, before: int, others: int, written: bool, checked: bool, another: bool
) -> None:
    """`others` mounted it for writing; a check begins to count anew, and says when it was."""
    count = others + written + (0 if checked else before)
    name = UUID.replace("0a1b", "ffff") if another else UUID
    put(disk_root, "dev/sda1", superblock(count, 200 if checked else 100, name))
    mounted(disk_root, written=written)
    told = only_this_system(MountCount(UUID, before, 100), disk_root)
    assert told == (not others and not checked and not another)


@pytest.mark.parametrize("content", [None, b"", bytes(4096), b"x" * 100])
def test_what_cannot_be_read_says_nothing(disk_root: Path, content: bytes | None) -> None:
    mounted(disk_root, written=True)
    (disk_root / "dev/sda1").unlink(missing_ok=True)
    if content is not None:
        put(disk_root, "dev/sda1", content)
    assert read_mount_count(disk_root) is None
    assert not only_this_system(MountCount(UUID, 0, 0), disk_root)
