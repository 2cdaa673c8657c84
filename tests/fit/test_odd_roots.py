"""Roots on disks that no bus shows, and on volumes of every kind: module and program of each.

The machine's own kernel and initrd have all that is needed; each test takes one thing away.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from support.command import Call
from support.files import put
from support.fit_verdicts import ALL, NEW, judge
from support.hardware_trees import CARDS, DISKS, Part, Tree
from support.kernel_modules import KernelModule, install
from support.machines import RELEASE, make_sandbox

from warmboot.core.host.mounts import read_mounts
from warmboot.core.host.root_layers import Layer
from warmboot.core.host.root_stack import read_root_stack


def disk_at(tree: Tree, folder: str, block: str) -> str:
    place = f"{folder}/{block}/{block.rpartition('/')[2]}p1"
    put(tree.root, f"{place}/partition", "1\n")
    tree.link(f"sys/class/block/{place.rpartition('/')[2]}", place)
    return place


def network(tree: Tree) -> None:
    tree.card(CARDS["igb"])
    tree.default_route("eth0")


def fabrics(tree: Tree) -> str:
    network(tree)
    folder = "sys/devices/virtual/nvme-fabrics/ctl/nvme0"
    put(tree.root, f"{folder}/transport", "tcp\n")
    return disk_at(tree, folder, "nvme0n1")


def iscsi(tree: Tree) -> str:
    network(tree)
    host = "devices/platform/host2"
    put(tree.root, f"sys/{host}/scsi_host/host2/proc_name", "iscsi_tcp\n")
    part = Part(f"{host}/session1/target2:0:0/2:0:0:0", "scsi:t-0x00", "scsi", "sd", "sd_mod")
    return disk_at(tree, tree.device(part), "block/sda")


def nbd(tree: Tree) -> str:
    network(tree)
    return disk_at(tree, "sys/devices/virtual/block", "nbd0")


def bcache(tree: Tree) -> str:
    folder, below = "sys/devices/virtual/block/bcache0", tree.disk(DISKS["nvme"])
    tree.link(f"{folder}/slaves/{below.rpartition('/')[2]}", below)
    return folder


def mapped(uuid: str, below: str = "", name: str = "vg-part") -> Callable[[Tree], str]:
    """A volume, above another one whose UUID or name tells of its target."""

    def make(tree: Tree) -> str:
        disk = tree.disk(DISKS["nvme"])
        if not below:
            return tree.above([disk], uuid, "root")
        return tree.above([tree.above([disk], below, name)], uuid, "root")

    return make


def multipath(tree: Tree) -> str:
    paths = [tree.disk(DISKS["hba"]), tree.disk(DISKS["hba"], 1)]
    return tree.above(paths, "mpath-3600", "mpatha")


class Odd(NamedTuple):
    """A root: how it is made, the modules that it needs beside ext4, its program, over a network.

    `verdict` is what is said without the program.
    """

    make: Callable[[Tree], str]
    modules: set[str]
    program: str
    network: bool = False
    verdict: str = "fail"


OVERLAID = ("overlay", "erofs")
NVME, DM = {"nvme", "nvme_core"}, {"nvme", "nvme_core", "dm_mod"}
SCSI = {"sd_mod", "scsi_mod", "scsi_common"}
ODD = {
    "NVMe over TCP": Odd(fabrics, {"nvme_tcp", "nvme_fabrics", "nvme_core"}, "nvme", True),
    "iSCSI": Odd(iscsi, {"iscsi_tcp", *SCSI}, "iscsistart", True),
    "NBD": Odd(nbd, {"nbd"}, "nbd-client", True),
    "bcache": Odd(bcache, {"bcache", *NVME}, "bcache-register"),
    "multipath": Odd(
        multipath, {"dm_multipath", "dm_mod", "mpt3sas", *SCSI}, "multipathd", verdict="warn"
    ),
    "verity": Odd(mapped("CRYPT-VERITY-ab-root"), {"dm_verity", *DM}, "veritysetup"),
    "integrity": Odd(mapped("CRYPT-INTEGRITY-root"), {"dm_integrity", *DM}, "integritysetup"),
    "thin": Odd(mapped("LVM-b", "LVM-a-tpool"), {"dm_thin_pool", *DM}, "lvm"),
    "cached": Odd(mapped("LVM-b", "LVM-a-cvol"), {"dm_cache", *DM}, "lvm"),
    "snapshot": Odd(mapped("LVM-b", "LVM-a-real"), {"dm_snapshot", *DM}, "lvm"),
    "RAID of LVM": Odd(mapped("LVM-b", "LVM-a", "vg-root_rimage_0"), {"dm_raid", *DM}, "lvm"),
    "mirror of LVM": Odd(mapped("LVM-b", "LVM-a", "vg-r_mimage_1"), {"dm_mirror", *DM}, "lvm"),
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = make_sandbox(tmp_path / "machine", "x86_64")
    for release in (RELEASE, NEW):
        install(root, release, ALL.values())
    return root


@pytest.mark.parametrize("name", ODD)
def test_what_it_needs_is_named_and_what_is_missing_told(root: Path, call: Call, name: str) -> None:
    odd, tree = ODD[name], Tree(root)
    tree.root_on(odd.make(tree), "ext4")
    words = "ip=dhcp" if odd.network else ""
    needs = odd.modules | ({"igb", "dca"} if odd.network else set())
    whole = judge(root, call, needs, {odd.program}, words)
    assert whole["root-drivers"]["verdict"] == "pass", whole["root-drivers"]
    assert whole["initrd-volumes"]["verdict"] == "pass", whole["initrd-volumes"]
    assert "root-unlock" not in whole, "nobody has a passphrase to type"
    bare = judge(root, call, needs, set(), words)
    assert bare["initrd-volumes"]["verdict"] == odd.verdict
    assert odd.program in bare["initrd-volumes"]["text"]
    for module in sorted(needs):
        found = judge(root, call, needs - {module}, {odd.program}, words)["root-drivers"]
        assert found["verdict"] == "fail", module
        assert module in found["text"], found
    if odd.network:
        told = judge(root, call, needs, {odd.program}, "")["initrd-volumes"]
        assert told["verdict"] == "warn"
        assert "over the network" in told["text"]


def test_a_composefs_stands_on_what_sysroot_does(root: Path, call: Call) -> None:
    """OSTree's root of bootc and Fedora: an overlay, whose parts are on /sysroot."""
    more = [KernelModule(f"kernel/fs/{name}/{name}.ko", (f"fs-{name}",)) for name in OVERLAID]
    known = {**ALL, **{module.name: module for module in more}}
    for release in (RELEASE, NEW):
        install(root, release, known.values())
    tree = Tree(root)
    tree.root_on(tree.disk(DISKS["nvme"]), "ext4")
    mounts = root / "proc/self/mountinfo"
    below = mounts.read_text().replace(" / / ", " / /sysroot ").replace("29 1", "30 29")
    mounts.write_text(f"29 1 0:40 / / ro - overlay composefs ro,lowerdir=/x\n{below}")
    for gone in ("", *OVERLAID, "ext4", "nvme"):
        inside = (NVME | set(OVERLAID) | {"ext4"}) - {gone}
        found = judge(root, call, inside, set(), "", known, (gone,))["root-drivers"]
        assert found["verdict"] == ("fail" if gone else "pass"), (gone, found)
        assert gone in found["text"]
    mounts.write_text("29 1 0:40 / / ro - overlay overlay ro,lowerdir=/x\n")
    assert read_root_stack(root, read_mounts(root)).problem is not None


def test_a_root_on_zfs_needs_its_module_and_its_programs(root: Path, call: Call) -> None:
    put(root, "proc/self/mountinfo", "29 1 0:25 / / rw - zfs rpool/ROOT/debian rw\n")
    found = judge(root, call, {"zfs"}, set(), "root=ZFS=rpool/ROOT/debian")
    assert found["initrd-volumes"]["verdict"] == "fail"
    assert "zpool" in found["initrd-volumes"]["text"]
    install(root, NEW + "x", ())
    (root / f"usr/lib/modules/{NEW}/updates/dkms/zfs.ko").unlink()
    install(root, NEW, [module for module in ALL.values() if module.name != "zfs"])
    found = judge(root, call, set(), {"zpool"}, "root=ZFS=rpool/ROOT/debian")
    assert found["root-drivers"]["verdict"] in ("fail", "warn")


_SCAN, _RULE, _FLAGS = {"btrfs"}, {"64-btrfs.rules"}, "rootflags=subvol=@,device=/dev/sdb1"


@pytest.mark.parametrize(
    ("disks", "programs", "words", "verdict"),
    [
        (2, set(), "", "fail"),
        (2, set(), "rootflags=subvol=@", "fail"),
        (2, set(), f"{_FLAGS} rootflags=subvol=@", "fail"),
        (2, _SCAN, "", "pass"),
        (2, _RULE, "", "pass"),
        (2, set(), _FLAGS, "pass"),
        (1, set(), "", "pass"),
    ],
)
def test_a_btrfs_of_several_disks_needs_somebody_to_find_them(
    root: Path, call: Call, disks: int, programs: set[str], words: str, verdict: str
) -> None:
    """Btrfs mounts when all devices were scanned, or rootflags= names them; the last one counts."""
    tree = Tree(root)
    places = [tree.disk(DISKS["hba"], number) for number in range(disks)]
    for place in places:
        tree.link(f"sys/fs/btrfs/1-2/devices/{place.rpartition('/')[2]}", place)
    tree.root_on(places[0], "btrfs")
    mounts = root / "proc/self/mountinfo"
    source = places[0].rpartition("/")[2]
    mounts.write_text(f"29 1 0:43 /@ / rw - btrfs /dev/{source} rw\n")
    stack = read_root_stack(root, read_mounts(root))
    assert [len(one.below) for one in stack.volumes_of(Layer.BTRFS)] == ([2] if disks > 1 else [])
    needs = {"btrfs", "raid6_pq", "mpt3sas", *SCSI}
    found = judge(root, call, needs, programs, words)
    assert found["initrd-volumes"]["verdict"] == verdict, found["initrd-volumes"]
    assert found["root-drivers"]["verdict"] == "pass", found["root-drivers"]


REGULATOR = Part(
    "devices/platform/i2c0/0-0040", "of:NregulatorT(null)Cfcs,fan53555", "i2c", "fan53555",
    "fan53555",
)  # fmt: skip
CLOCK = Part("devices/platform/clk", "of:NclockT(null)Cclk,some", "platform", "clk", "clk_some")
_SUPPLIERS = (
    KernelModule("kernel/drivers/regulator/fan53555.ko", ("of:N*T*Cfcs,fan53555*",)),
    KernelModule("kernel/drivers/clk/clk-some.ko", ("of:N*T*Cclk,some*",)),
)


@pytest.mark.parametrize("lacks", ["", "fan53555", "clk_some"])
@pytest.mark.parametrize("installed", [True, False])
def test_what_the_disk_waits_for_is_told(
    root: Path, call: Call, lacks: str, installed: bool
) -> None:
    """A regulator, and the clock that the regulator waits for itself."""
    tree = Tree(root)
    tree.root_on(tree.disk(DISKS["mmc"]), "ext4")
    known = {**ALL, **{module.name: module for module in _SUPPLIERS}}
    install(root, RELEASE, known.values())
    there = [one for one in known.values() if installed or one.name != lacks]
    install(root, NEW, there)
    regulator, clock = tree.device(REGULATOR), tree.device(CLOCK)
    disk = "sys/devices/platform/80860F14:00"
    for consumer, supplier in ((disk, regulator), (regulator, clock)):
        link = f"sys/devices/virtual/devlink/{supplier.rpartition('/')[2]}"
        tree.link(f"{link}/supplier", supplier)
        tree.link(f"{consumer}/supplier:{supplier.rpartition('/')[2]}", link)
    inside = {"sdhci_acpi", "sdhci", "mmc_block", "fan53555", "clk_some"} - {lacks}
    found = judge(root, call, inside, set(), "", known)["root-drivers"]
    assert found["verdict"] == ("warn" if lacks else "pass"), found
    assert lacks in found["text"]


@pytest.mark.parametrize("gone", ["modules.alias", "modules.dep", "modules.builtin"])
def test_without_a_part_of_the_index_nothing_is_called_missing(
    root: Path, call: Call, gone: str
) -> None:
    tree = Tree(root)
    tree.root_on(tree.disk(DISKS["nvme"]), "ext4")
    for path in (root / "usr/lib/modules" / NEW).glob(f"{gone}*"):
        path.unlink()
    found = judge(root, call, NVME, set(), "")
    assert found["root-drivers"]["verdict"] in ("pass", "warn"), found["root-drivers"]
    assert "cannot reach" not in found["root-drivers"]["text"]


@pytest.mark.parametrize("transport", ["tcp", "rdma", "fc", "loop", "pcie/../..", "", "TCP"])
def test_a_transport_is_a_word_and_only_some_are_networks(tmp_path: Path, transport: str) -> None:
    tree = Tree(tmp_path)
    folder = "sys/devices/virtual/nvme-fabrics/ctl/nvme0"
    put(tmp_path, f"{folder}/transport", transport + "\n")
    tree.root_on(disk_at(tree, folder, "nvme0n1"), "ext4")
    stack = read_root_stack(tmp_path, read_mounts(tmp_path))
    modules = [part.module for part in stack.modules]
    word = transport.isalpha() and transport.islower()
    assert (f"nvme_{transport}" in modules) is word
    assert stack.network is (transport in ("tcp", "rdma"))
    assert bool(stack.volumes_of(Layer.FABRICS)) is word


@pytest.mark.parametrize(
    ("counts", "needed"),
    [
        ({"dm_service_time": "1", "dm_round_robin": "0"}, {"dm_service_time"}),
        ({"dm_service_time": "1", "dm_round_robin": "2"}, set()),
        ({}, set()),
    ],
)
def test_multipath_needs_what_chooses_its_paths(
    tmp_path: Path, counts: dict[str, str], needed: set[str]
) -> None:
    """Without its path selector a volume is not made; which one it has, one in use alone tells."""
    tree = Tree(tmp_path)
    tree.root_on(multipath(tree), "xfs")
    for name, count in counts.items():
        put(tmp_path, f"sys/module/{name}/refcnt", count + "\n")
    stack = read_root_stack(tmp_path, read_mounts(tmp_path))
    assert {part.module for part in stack.modules} == {"xfs", "dm_mod", "dm_multipath"} | needed
