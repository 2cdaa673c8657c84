"""Features of file systems as mkfs writes them, and the kernels that are too old for them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from support.command import Call
from support.files import put
from support.hardware_trees import DISKS, Tree
from support.tools import needs_tool

from warmboot.core.host.mounts import read_mounts
from warmboot.core.host.root_features import read_root_features
from warmboot.core.host.root_stack import read_root_stack


@pytest.fixture
def disk_root(tmp_path: Path) -> Path:
    """A machine with its root on a SATA disk."""
    tree = Tree(tmp_path)
    tree.root_on(tree.disk(DISKS["ahci"]), "ext4")
    return tmp_path


def features(root: Path) -> dict[str, tuple[int, int]] | None:
    found = read_root_features(root, read_root_stack(root, read_mounts(root)))
    return None if found is None else {one.name: one.since for one in found}


def make(root: Path, filesystem: str, *options: str) -> None:
    """Write a real file system to the disk."""
    mounts = root / "proc/self/mountinfo"
    mounts.write_text(mounts.read_text().replace("ext4", filesystem))
    disk = put(root, "dev/sda1")
    with disk.open("wb") as file:
        file.truncate(320 << 20)
    subprocess.run([needs_tool(f"mkfs.{filesystem}"), *options, str(disk)], check=True)


@pytest.mark.parametrize(
    ("wanted", "since"),
    [
        ("metadata_csum_seed", (4, 4)),
        ("casefold", (5, 2)),
        ("large_dir", (4, 13)),
        ("verity", (5, 4)),
        ("inline_data", (3, 8)),
        ("project,quota", (4, 5)),
    ],
)
def test_ext4_tells_what_mkfs_switched_on(
    disk_root: Path, wanted: str, since: tuple[int, int]
) -> None:
    root = disk_root
    make(root, "ext4", "-q", "-O", wanted)
    found = features(root)
    assert found is not None
    assert found[wanted.partition(",")[0]] == since
    make(root, "ext4", "-q", "-O", f"^{wanted.replace(',', ',^')},^metadata_csum")
    assert wanted.partition(",")[0] not in (features(root) or {})


def test_xfs_tells_the_features_of_version_5(disk_root: Path) -> None:
    root = disk_root
    mounts = root / "proc/self/mountinfo"
    mounts.write_text(mounts.read_text().replace("ext4", "xfs"))
    block = bytearray(4096)
    block[:4] = b"XFSB"
    block[100:102] = (0xB4A5).to_bytes(2, "big")
    block[212:216] = (0x0D).to_bytes(4, "big")
    block[216:220] = (0x2B).to_bytes(4, "big")
    put(root, "dev/sda1", bytes(block))
    assert features(root) == {
        "version 5": (3, 10), "sparse inodes": (4, 2), "bigtime": (5, 10), "nrext64": (5, 19),
        "finobt": (3, 16), "reflink": (4, 9), "inobtcount": (5, 10),
    }  # fmt: skip
    block[100:102] = (0xB4A4).to_bytes(2, "big")
    put(root, "dev/sda1", bytes(block))
    assert features(root) == {}


def test_btrfs_tells_in_sysfs(disk_root: Path) -> None:
    root = disk_root
    mounts = root / "proc/self/mountinfo"
    mounts.write_text("29 1 0:43 /@ / rw - btrfs /dev/sda1 rw\n")
    assert features(root) is None
    put(root, "sys/fs/btrfs/1-2/devices/sda1/dev", "8:1\n")
    for name in ("block_group_tree", "no_holes", "of_the_future"):
        put(root, f"sys/fs/btrfs/1-2/features/{name}", "1\n")
    assert features(root) == {"block_group_tree": (6, 1), "no_holes": (3, 14)}


@pytest.mark.parametrize("content", [None, b"", b"\0" * 4096, b"x" * 100])
def test_what_is_no_file_system_says_nothing(disk_root: Path, content: bytes | None) -> None:
    root = disk_root
    if content is not None:
        put(root, "dev/sda1", content)
    assert features(root) is None


def test_an_older_kernel_is_named(sandbox: Path, call: Call) -> None:
    mounts = sandbox / "proc/self/mountinfo"
    mounts.write_text(mounts.read_text().replace("ext4", "xfs"))
    block = bytearray(4096)
    block[:4], block[100:102], block[219] = b"XFSB", b"\xb4\xa5", 0x40
    put(sandbox, "dev/vda2", bytes(block))

    def judged(entry: str) -> tuple[str, str]:
        _, answer = call("doctor", entry)
        (found,) = (one for one in answer["findings"] if one["check"] == "root-features")
        return found["verdict"], found["text"]

    assert judged("6.17.8-sandbox")[0] == "pass"
    verdict, text = judged("vmlinuz-6.6.119-lts")
    assert verdict == "warn"
    assert "newer than 6.6.119-lts: exchange (Linux 6.10)" in text
