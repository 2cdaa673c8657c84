"""Roots that are no single file system on a disk: overlays, files, /usr of its own, folders shared
with a virtual machine, servers, flash, pools. What each stands on is known: it was put together."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from support.files import put
from support.hardware_trees import CARDS, DISKS, Disk, Part, Tree

from warmboot.core.host.essentials import Essentials, Purpose, read_essentials
from warmboot.core.host.mounts import read_mounts
from warmboot.core.host.root_layers import Layer
from warmboot.core.host.root_stack import read_root_stack
from warmboot.core.host.storage import read_encryption

OVERLAY = "lowerdir=/media/root-ro,upperdir=/media/root-rw/overlay,workdir=/media/root-rw/w"
USB = {"usb_storage", "xhci_pci", "sd_mod"}


def mount(root: Path, *lines: str) -> None:
    """Have these mounted: ``POINT TYPE SOURCE [OPTIONS [DEVICE]]`` each."""
    text = ""
    for number, line in enumerate(lines, 30):
        point, kind, source, *more = line.split(" ")
        options, device = (*more, "rw", "0:0")[:2] if len(more) < 2 else more
        text += f"{number} 1 {device} / {point} rw - {kind} {source} {options}\n"
    put(root, "proc/self/mountinfo", text)


def disk_of(tree: Tree, disk: Disk, number: int = 0) -> str:
    """Write a disk; return the name of its partition's node."""
    return "/dev/" + tree.disk(disk, number).rpartition("/")[2]


def needs(found: Essentials, purpose: Purpose = Purpose.ROOT) -> set[str]:
    return {one.module or one.driver or one.modalias or "" for one in found.of(purpose)}


def root_of(root: Path) -> tuple[set[str], str | None]:
    """Return what the root needs, and why not all of it is known."""
    found = read_essentials(root, None)
    return needs(found), found.root.problem


def modules(disk: Disk) -> set[str]:
    more = {"mmc_block"} if "mmcblk" in disk.block else set[str]()
    return {part.module for part in disk.parts} | more


def channel(tree: Tree, number: int, driver: str) -> str:
    """Write a virtio device on a bus of its own; return its folder."""
    bridge = Part(
        f"devices/pci0000:00/0000:00:0{number}.0", f"pci:v00001AF4d0000105Asv0sd{number}",
        "pci", "virtio-pci", "virtio_pci",
    )  # fmt: skip
    part = Part(f"virtio{number}", f"virtio:d0000001Av{number}", "virtio", driver, driver)
    place = tree.device(part, tree.device(bridge))
    tree.link(f"sys/bus/virtio/drivers/{driver}/virtio{number}", place)
    return place


@pytest.mark.parametrize("told", [True, False])
def test_virtiofs_comes_by_a_device_of_its_own(tmp_path: Path, told: bool) -> None:
    tree = Tree(tmp_path)
    for number, tag in ((3, "data"), (4, "rootfs")):
        place = channel(tree, number, "virtiofs")
        if told:
            put(tmp_path, f"sys/fs/virtiofs/{number}/tag", tag + "\n")
            tree.link(f"sys/fs/virtiofs/{number}/device", place)
    mount(tmp_path, "/ virtiofs rootfs")
    tree.card(CARDS["igb"])
    tree.default_route("eth0")
    found = read_essentials(tmp_path, None)
    assert (needs(found), found.root.problem) == ({"virtiofs", "virtio_pci"}, None)
    assert not found.root.network
    whats = {one.what for one in found.of(Purpose.ROOT)} - {"virtiofs"}
    assert ("virtio3" in whats) is not told, "where tags are told, only that device counts"


def test_virtiofs_without_its_device_is_not_known(tmp_path: Path) -> None:
    mount(tmp_path, "/ virtiofs rootfs")
    needed, problem = root_of(tmp_path)
    assert needed == {"virtiofs"}
    assert problem is not None


@pytest.mark.parametrize(
    ("options", "module", "network", "known"),
    [
        ("rw,access=client,trans=virtio", "9pnet_virtio", False, True),
        ("rw,trans=tcp,port=564", "9pnet_fd", True, True),
        ("rw,trans=rdma", "9pnet_rdma", True, True),
        ("rw,trans=fd,rfd=3", None, False, False),
        ("rw", None, False, False),
    ],
)
def test_9p_is_a_network_only_by_its_transport(
    tmp_path: Path, options: str, module: str | None, network: bool, known: bool
) -> None:
    tree = Tree(tmp_path)
    put(tmp_path, f"{channel(tree, 3, '9pnet_virtio')}/mount_tag", "rootfs\0")
    put(tmp_path, f"{channel(tree, 4, '9pnet_virtio')}/mount_tag", "other\0")
    tree.card(CARDS["igb"])
    tree.default_route("eth0")
    mount(tmp_path, f"/ 9p {'10.0.0.1' if network else 'rootfs'} {options}")
    found = read_essentials(tmp_path, None)
    assert found.root.network is network
    assert ("igb" in needs(found)) is network
    assert (found.root.problem is None) is known
    assert ("virtio_pci" in needs(found)) is (module == "9pnet_virtio")
    assert module is None or module in needs(found)
    assert "virtio4" not in {one.what for one in found.of(Purpose.ROOT)}


ROUTES = (
    "Iface Destination Gateway Flags RefCnt Use Metric Mask\n"
    "eth0 00000000 0100000A 0003 0 0 0 00000000\n"
    "eth1 0001010A 00000000 0001 0 0 0 00FFFFFF\n"
)


def nfs(tree: Tree, server: str) -> None:
    mount(tree.root, f"/ nfs4 {server}:/srv rw,vers=4.2,addr={server}")


def nfs3(tree: Tree, server: str) -> None:
    mount(tree.root, f"/ nfs {server}:/srv rw,vers=3,addr={server}")


def iscsi(tree: Tree, server: str) -> None:
    host = "devices/platform/host2"
    put(tree.root, f"sys/{host}/scsi_host/host2/proc_name", "iscsi_tcp\n")
    session = f"{host}/session1"
    connection = f"sys/{session}/connection1:0/iscsi_connection/connection1:0"
    put(tree.root, f"{connection}/address", server + "\n")
    part = Part(f"{session}/target2:0:0/2:0:0:0", "scsi:t-0x00", "scsi", "sd", "sd_mod")
    disk = f"{tree.device(part)}/block/sda"
    (tree.root / disk).mkdir(parents=True)
    tree.root_on(disk, "ext4")


def fabrics(tree: Tree, server: str) -> None:
    folder = "sys/devices/virtual/nvme-fabrics/ctl/nvme0"
    put(tree.root, f"{folder}/transport", "tcp\n")
    put(tree.root, f"{folder}/address", f"traddr={server},trsvcid=4420\n")
    (tree.root / folder / "nvme0n1").mkdir()
    tree.root_on(f"{folder}/nvme0n1", "xfs")


@pytest.mark.parametrize(
    ("make", "own"),
    [(nfs, "nfsv4"), (nfs3, "nfsv3"), (iscsi, "iscsi_tcp"), (fabrics, "nvme_tcp")],
)
@pytest.mark.parametrize("server", ["10.1.1.9", "10.9.9.9", "fd00::1"])
def test_the_root_needs_the_card_that_leads_to_its_server(
    tmp_path: Path, make: Callable[[Tree, str], None], own: str, server: str
) -> None:
    """The default route is another matter: storage often has a network of its own."""
    tree = Tree(tmp_path)
    tree.card(CARDS["igb"])
    tree.card(CARDS["mlx5_core"], "eth1")
    put(tmp_path, "proc/net/route", ROUTES)
    make(tree, server)
    found = read_essentials(tmp_path, None)
    assert found.root.network
    assert own in needs(found)
    for_root = {"10.1.1.9": {"mlx5_core"}, "10.9.9.9": {"igb"}, "fd00::1": {"igb"}}[server]
    cards = {"igb", "mlx5_core"}
    assert needs(found) & cards == for_root
    assert needs(found, Purpose.NETWORK) & cards == {"igb"} - for_root


def test_overlayroot_stands_on_the_disk_below_it(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    lower, upper = disk_of(tree, DISKS["mmc"]), disk_of(tree, DISKS["usb"])
    layers = f"/media/root-ro ext4 {lower}"
    mount(tmp_path, f"/ overlay overlayroot {OVERLAY}", layers, "/media/root-rw tmpfs tmpfs")
    assert root_of(tmp_path) == ({"overlay", "ext4", *modules(DISKS["mmc"])}, None)
    mount(tmp_path, f"/ overlay overlayroot {OVERLAY}", layers, f"/media/root-rw xfs {upper}")
    both = modules(DISKS["mmc"]) | USB
    assert root_of(tmp_path) == ({"overlay", "ext4", "xfs", *both}, None)


@pytest.mark.parametrize(
    "lines",
    [
        (f"/ overlay overlayroot {OVERLAY}",),
        (f"/ overlay overlayroot {OVERLAY}", "/media tmpfs tmpfs"),
        ("/ overlay overlay rw",),
        ("/ overlay overlay lowerdir=relative:::",),
        ("/ overlay overlay lowerdir=/", "/sysroot ext4 /dev/sda1"),
        ("/ aufs none br:/x",),
        ("/ fuse.unionfs x",),
        ("/ tmpfs tmpfs",),
        ("/ rootfs rootfs",),
        ("/usr ext4 /dev/sda1",),
        (),
    ],
)
def test_what_is_not_to_be_seen_is_not_known(tmp_path: Path, lines: tuple[str, ...]) -> None:
    tree = Tree(tmp_path)
    disk_of(tree, DISKS["ahci"])
    mount(tmp_path, *lines)
    needed, problem = root_of(tmp_path)
    assert problem is not None
    assert "sd_mod" not in needed


def test_a_file_stands_on_the_file_system_that_it_is_on(tmp_path: Path) -> None:
    """A live system: an overlay over SquashFS in a loop device, whose file is on a stick."""
    tree = Tree(tmp_path)
    stick = disk_of(tree, DISKS["usb"])
    put(tmp_path, "sys/devices/virtual/block/loop0/loop/backing_file", "/run/live/m/fs.squashfs\n")
    tree.link("sys/dev/block/7:0", "sys/devices/virtual/block/loop0")
    lower = "lowerdir=/run/live/rootfs,upperdir=/run/live/cow/rw"
    lines = [
        f"/ overlay overlay {lower}", "/run tmpfs tmpfs", "/run/live/cow tmpfs tmpfs",
        "/run/live/rootfs squashfs /dev/loop0 ro 7:0",
    ]  # fmt: skip
    mount(tmp_path, *lines, f"/run/live/m iso9660 {stick}")
    assert root_of(tmp_path) == ({"overlay", "squashfs", "loop", "iso9660", *USB}, None)
    mount(tmp_path, *lines)
    needed, problem = root_of(tmp_path)
    assert needed == {"overlay", "squashfs", "loop"}
    assert problem is not None, "it was copied into memory; from where is not known"


def test_a_loop_of_files_ends(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    put(tmp_path, "sys/devices/virtual/block/loop0/loop/backing_file", "/m/x\n")
    tree.link("sys/dev/block/7:0", "sys/devices/virtual/block/loop0")
    mount(tmp_path, "/ ext4 /dev/loop0 rw 7:0", "/m ext4 /dev/loop0 rw 7:0")
    assert root_of(tmp_path)[0] == {"ext4", "loop"}


@pytest.mark.parametrize("number", range(24))
def test_usr_of_its_own_is_needed_too(tmp_path: Path, number: int) -> None:
    dice = random.Random(number)
    tree = Tree(tmp_path)
    one, other = dice.sample(sorted(DISKS), 2)
    root, usr = disk_of(tree, DISKS[one]), tree.disk(DISKS[other], 1)
    layered = dice.random() < 0.5
    if layered:
        usr = tree.above([usr], "CRYPT-VERITY-ab-usr", "usr")
    extended = dice.random() < 0.5
    lines = [f"/ ext4 {root}", f"/usr erofs /dev/{usr.rpartition('/')[2]}"]
    mount(tmp_path, *lines, *(["/usr overlay sysext lowerdir=/run/x:/usr"] if extended else []))
    expected = modules(DISKS[one]) | modules(DISKS[other]) | {"ext4", "erofs"}
    needed, problem = root_of(tmp_path)
    assert (needed, problem) == (
        expected | ({"dm_mod", "dm_verity"} if layered else set()), None
    )  # fmt: skip
    stack = read_root_stack(tmp_path, read_mounts(tmp_path))
    assert (stack.type, bool(stack.volumes_of(Layer.VERITY))) == ("ext4", layered)


FLASH = Part("devices/platform/nand", "of:NnandT(null)Cbrcm,nand", "platform", "nand", "brcmnand")


@pytest.mark.parametrize(
    ("kind", "source", "device", "more"),
    [
        ("ubifs", "ubi0:rootfs", "0:15", {"ubi"}),
        ("ubifs", "ubi0_3", "0:15", {"ubi"}),
        ("jffs2", "/dev/root", "31:2", set()),
        ("jffs2", "mtd2", "0:15", set()),
    ],
)
def test_flash_is_reached_by_the_driver_of_its_chip(
    tmp_path: Path, kind: str, source: str, device: str, more: set[str]
) -> None:
    tree = Tree(tmp_path)
    chip = tree.device(FLASH)
    put(tmp_path, f"{chip}/mtd/mtd2/name", "rootfs\n")
    tree.link("sys/class/mtd/mtd2", f"{chip}/mtd/mtd2")
    put(tmp_path, "sys/class/ubi/ubi0/mtd_num", "2\n")
    mount(tmp_path, f"/ {kind} {source} rw {device}")
    assert root_of(tmp_path) == ({kind, "brcmnand", *more}, None)
    mount(tmp_path, f"/ {kind} ubi9:x rw {device if device[0] == '0' else '31:9'}")
    assert root_of(tmp_path)[1] is not None


class Member(NamedTuple):
    disk: str
    pool: str
    kind: str = "zfs_member"


def test_the_disks_of_a_pool_are_those_that_udev_saw_it_on(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    members = (Member("nvme", "rpool"), Member("virtio", "tank"), Member("usb", "rpool", "ext4"))
    for number, member in enumerate(members):
        place = tree.disk(DISKS[member.disk])
        put(tmp_path, f"{place}/dev", f"259:{number}\n")
        record = f"S:disk/x\nE:ID_FS_TYPE={member.kind}\nE:ID_FS_LABEL={member.pool}\n"
        put(tmp_path, f"run/udev/data/b259:{number}", record)
    mount(tmp_path, "/ zfs rpool/ROOT/debian")
    assert root_of(tmp_path) == ({"zfs", *modules(DISKS["nvme"])}, None)
    mount(tmp_path, "/ zfs other/ROOT/debian")
    assert root_of(tmp_path)[1] is not None


def test_all_disks_of_bcachefs_count(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    one, other = disk_of(tree, DISKS["nvme"]), disk_of(tree, DISKS["ahci"])
    mount(tmp_path, f"/ bcachefs {one}:{other} rw 0:31")
    both = modules(DISKS["nvme"]) | modules(DISKS["ahci"])
    assert root_of(tmp_path) == ({"bcachefs", *both}, None)


@pytest.mark.parametrize("name", ["zd0", "ublkb0", "dm-7", "unheard0"])
def test_a_virtual_disk_that_says_nothing_is_no_disk(tmp_path: Path, name: str) -> None:
    tree = Tree(tmp_path)
    (tmp_path / f"sys/devices/virtual/block/{name}").mkdir(parents=True)
    tree.link("sys/dev/block/230:0", f"sys/devices/virtual/block/{name}")
    mount(tmp_path, f"/ ext4 /dev/{name} rw 230:0")
    assert root_of(tmp_path)[1] is not None


def test_encryption_below_an_overlay_is_seen(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    volume = tree.above([tree.disk(DISKS["nvme"])], "CRYPT-LUKS2-ab-root", "luksroot")
    layers = f"/media/root-ro ext4 /dev/{volume.rpartition('/')[2]}"
    mount(tmp_path, f"/ overlay overlayroot {OVERLAY}", layers, "/media/root-rw tmpfs tmpfs")
    found = read_encryption(tmp_path, read_mounts(tmp_path))
    assert found is not None
    assert found.name == "luksroot"
