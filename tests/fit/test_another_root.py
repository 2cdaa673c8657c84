"""Several systems on one machine: a kernel is judged by the root that its own words name."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.command import Call
from support.files import put
from support.fit_verdicts import ALL, NEW, judge
from support.hardware_trees import DISKS, Tree
from support.kernel_modules import install
from support.machines import RELEASE, make_sandbox

from warmboot.tui.cli import main

NVME, SATA = (
    {"nvme", "nvme_core"},
    {"ahci", "libahci", "libata", "sd_mod", "scsi_mod", "scsi_common"},
)


def known(root: Path, folder: str, number: str, content: str, link: str) -> None:
    """Have udev know a block device by what is on it."""
    name = folder.rpartition("/")[2]
    put(root, f"{folder}/dev", f"{number}\n")
    record = f"S:disk/x\nE:ID_FS_TYPE={content}\n" if content else "S:disk/x\n"
    put(root, f"run/udev/data/b{number}", record)
    put(root, f"dev/{name}", b"")
    place = root / "dev/disk" / link
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(f"../../{name}")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A machine that runs from Btrfs on LUKS on an NVMe disk; another system is on a SATA disk."""
    root = make_sandbox(tmp_path / "machine", "x86_64")
    for release in (RELEASE, NEW):
        install(root, release, ALL.values())
    tree = Tree(root)
    other, container = tree.disk(DISKS["ahci"]), tree.disk(DISKS["nvme"])
    volume = tree.above([container], f"CRYPT-LUKS2-{'ab' * 16}-luksroot", "luksroot")
    tree.root_on(volume, "btrfs")
    known(root, other, "8:1", "xfs", "by-uuid/other")
    known(root, container, "259:1", "crypto_LUKS", "by-uuid/container")
    known(root, volume, "8:17", "btrfs", "by-uuid/own")
    put(root, "proc/cmdline", "root=/dev/vda1 quiet\n")
    return root


def verdicts(root: Path, call: Call, inside: set[str], words: str) -> tuple[dict[str, str], str]:
    found = judge(root, call, inside, set(), words, without=("ext4", "jbd2"))
    return {name: one["verdict"] for name, one in found.items()}, found["root-drivers"]["text"]


def test_the_other_system_needs_what_its_own_root_does(root: Path, call: Call) -> None:
    found, text = verdicts(root, call, SATA | {"xfs"}, "root=UUID=other")
    assert found["root-drivers"] == "pass", text
    assert found["initrd-volumes"] == "pass", "LUKS is of the other root"
    assert "root-unlock" not in found
    for lacks in ("ahci", "xfs", "libata", "sd_mod"):
        found, text = verdicts(root, call, (SATA | {"xfs"}) - {lacks}, "root=UUID=other")
        assert found["root-drivers"] == "fail"
        assert lacks in text


@pytest.mark.parametrize("name", ["own", "container", "nowhere"])
def test_what_the_running_root_is_made_of_is_no_other(root: Path, call: Call, name: str) -> None:
    """A word may name a volume by what is below it, and one that is not there tells nothing."""
    found, text = verdicts(root, call, SATA | {"xfs"}, f"root=UUID={name}")
    assert found["root-drivers"] == "fail", text
    assert "btrfs" in text
    assert found["initrd-volumes"] == "fail"


@pytest.mark.parametrize("content", ["", "crypto_LUKS", "LVM2_member", "../x"])
def test_a_device_that_holds_no_file_system_is_not_judged(
    root: Path, call: Call, content: str
) -> None:
    put(root, "run/udev/data/b8:1", f"E:ID_FS_TYPE={content}\n")
    found, text = verdicts(root, call, SATA, "root=UUID=other")
    assert found["root-drivers"] == "warn", text
    assert "/dev/sda1 is not known" in text


def test_a_comparison_tells_what_the_other_root_does_not_need(
    root: Path, call: Call, capsys: pytest.CaptureFixture[str]
) -> None:
    judge(root, call, SATA | {"xfs"}, set(), "root=UUID=other", without=("ext4", "jbd2"))
    _, answer = call("compare", "new.conf")
    assert answer["essentials"]["root_type"] == "xfs"
    assert answer["essentials"]["volumes"] == []
    assert main(["--root", str(root), "compare", "new.conf"]) == 0
    lines = capsys.readouterr().out.splitlines()
    crypt, sata = (next(one for one in lines if name in one) for name in ("dm_crypt", "ahci"))
    assert "not needed  (was " in crypt
    assert "in the initrd  (was not needed)" in sata
    assert not crypt.startswith("!")
    assert not sata.startswith("!")
