"""Where lists are incomplete nothing is called missing; and what a driver asks for is told."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from support.command import Call
from support.files import put
from support.fit_verdicts import ALL, NEW, judge
from support.hardware_trees import CARDS, DISKS, Part, Tree
from support.kernel_modules import KernelModule, install
from support.machines import RELEASE, make_sandbox

NVME = {"nvme", "nvme_core"}
MODULES_FOLDER = f"usr/lib/modules/{RELEASE}"
#: A driver that its bus calls otherwise than its module: only a modalias leads there.
HOST = Part(
    "devices/platform/soc/pcie", "of:NpcieT(null)Cvendor,pcie", "platform", "vendor-pcie-rc",
    "pcie_vendor",
)  # fmt: skip


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A machine with its root on an NVMe disk, and a card with the default route."""
    root = make_sandbox(tmp_path / "machine", "x86_64")
    for release in (RELEASE, NEW):
        install(root, release, ALL.values())
    tree = Tree(root)
    tree.card(CARDS["igb"])
    tree.default_route("eth0")
    tree.root_on(tree.disk(DISKS["nvme"]), "ext4")
    return root


def unnamed_module(root: Path, driver: str) -> None:
    """Take away what says which module a driver is of, as of one that is built in."""
    for place in (root / "sys/bus").glob(f"*/drivers/{driver}/module"):
        place.unlink()


def under_a_host(root: Path) -> None:
    """Put the root on a disk below a bridge whose driver is built in here."""
    tree = Tree(root)
    disk = tree.device(DISKS["nvme"].parts[0]._replace(folder="0000:01:00.0"), tree.device(HOST))
    unnamed_module(root, HOST.driver)
    place = f"{disk}/nvme/nvme0/nvme0n1"
    put(root, f"{place}/size", "8\n")
    (root / "sys/dev/block/8:17").unlink()
    tree.root_on(place, "ext4")


@pytest.mark.parametrize("modules_here", [True, False])
@pytest.mark.parametrize("built_in", [True, False])
def test_a_driver_is_missing_only_where_its_module_is_known(
    root: Path, call: Call, modules_here: bool, built_in: bool
) -> None:
    """Arch removes the running kernel's modules on an upgrade: then only the driver has a name."""
    under_a_host(root)
    folder = "kernel/drivers/pci/controller/pcie-vendor.ko"
    alias = ("of:N*T*Cvendor,pcie",)
    install(root, RELEASE, ALL.values(), {folder: alias})
    install(root, NEW, ALL.values(), {folder: ()} if built_in else {})  # Linux < 6.18: no aliases
    if not modules_here:
        shutil.rmtree(root / MODULES_FOLDER)
    found = judge(root, call, NVME, set(), "")["root-drivers"]
    known = {True: "pass", False: "fail"}[built_in]
    assert found["verdict"] == (known if modules_here else "warn"), found
    assert modules_here or "not complete" in found["text"]


@pytest.mark.parametrize("listed", [True, False])
def test_without_the_list_of_what_is_built_in_nothing_is_missing(
    root: Path, call: Call, listed: bool
) -> None:
    path = root / "usr/lib/modules" / NEW
    (path / ALL["nvme"].path).unlink()
    install(root, NEW, [one for one in ALL.values() if one.name != "nvme"])
    if not listed:
        for name in path.glob("modules.builtin*"):
            name.unlink()
    found = judge(root, call, {"nvme_core"}, set(), "")["root-drivers"]
    assert found["verdict"] == ("fail" if listed else "warn"), found


def test_what_was_not_looked_for_is_not_missing(root: Path, call: Call) -> None:
    """An index that makes more work than any real one."""
    folder = root / "usr/lib/modules" / NEW
    (folder / ALL["nvme"].path).unlink()
    install(root, NEW, [one for one in ALL.values() if one.name != "nvme"])
    with (folder / "modules.alias").open("a") as file:
        file.writelines(f"alias pci:*[x]*{number}*[0-9]* ext4\n" for number in range(40_000))
    found = judge(root, call, {"nvme_core"}, set(), "")["root-drivers"]
    assert found["verdict"] == "warn", found


def test_what_can_be_no_module_is_not_asked_for(root: Path, call: Call) -> None:
    """A driver that the kernel always has may be called a module in /sys."""
    under_a_host(root)
    tree = Tree(root)
    tree.link(f"sys/bus/platform/drivers/{HOST.driver}/module", "sys/module/pcie_vendor")
    found = judge(root, call, NVME, set(), "")["root-drivers"]
    assert found["verdict"] == "pass", found
    put(root, "proc/modules", "pcie_vendor 16384 1 - Live 0x0\n")
    found = judge(root, call, NVME, set(), "")["root-drivers"]
    assert found["verdict"] == "fail", "it is loaded, so it is a module from somewhere"


def test_a_system_with_its_modules_elsewhere_has_no_missing_network(root: Path, call: Call) -> None:
    """NixOS: only the initrd has an index, which says nothing of what the system has."""
    store = root / "run/booted-system/kernel-modules/lib"
    alone = judge(root, call, NVME, set(), "")
    assert alone["network-drivers"]["verdict"] == "pass"
    (root / "lib").unlink()
    store.mkdir(parents=True)
    (root / "usr/lib/modules").rename(store / "modules")
    _, answer = call("doctor", "new.conf")
    said = {one["check"]: one for one in answer["findings"]}
    assert said["network-drivers"]["verdict"] == "pass", said["network-drivers"]
    shutil.rmtree(store)
    _, answer = call("doctor", "new.conf")
    said = {one["check"]: one for one in answer["findings"]}
    assert said["network-drivers"]["verdict"] == "warn", said["network-drivers"]
    assert "not known" in said["network-drivers"]["text"]


@pytest.mark.parametrize(("source", "verdict"), [("", "fail"), ("../ramfs", "warn")])
def test_a_kernel_may_bring_an_initrd_of_its_own(
    root: Path, call: Call, source: str, verdict: str
) -> None:
    put(root, f"boot/config-{NEW}", f'CONFIG_INITRAMFS_SOURCE="{source}"\n')
    found = judge(root, call, {"nvme_core"}, set(), "")["root-drivers"]
    assert found["verdict"] == verdict, found
    assert not source or "inside of itself" in found["text"]


_SUMS = (
    KernelModule("kernel/crypto/crc32c_generic.ko", ("crc32c",)),
    KernelModule("kernel/arch/x86/crypto/crc32c-intel.ko", ("crc32c",)),
    KernelModule("kernel/fs/ext4/ext4.ko", ("fs-ext4",), ("jbd2",), ("crc32c",)),
)


@pytest.mark.parametrize("inside", [set(), {"crc32c_generic"}, {"crc32c_intel"}])
@pytest.mark.parametrize("built_in", [True, False])
def test_what_a_driver_asks_for_while_it_runs(
    root: Path, call: Call, inside: set[str], built_in: bool
) -> None:
    """ext4 mounts nothing without crc32c, which any of several modules serves."""
    known = {**ALL, **{one.name: one for one in _SUMS}}
    own = {"kernel/crypto/crc32c_generic.ko": ("crc32c",)} if built_in else {}
    there = [one for one in known.values() if one.path not in own]
    install(root, NEW, there, own)
    found = judge(root, call, NVME | inside, set(), "", known)["root-drivers"]
    served = built_in or inside
    assert found["verdict"] == ("pass" if served else "warn"), found
    assert served or "crc32c" in found["text"]


LUKS1 = b"LUKS\xba\xbe\0\1" + b"serpent".ljust(32, b"\0") + b"cbc-essiv:sha256".ljust(32, b"\0")
LUKS2 = b"LUKS\xba\xbe\0\2" + bytes(4088) + b'{"segments":{"0":{"encryption":"%s"}}}'
_CIPHERS = ("aes", "xts", "serpent", "cbc", "essiv", "sha256", "xchacha12", "adiantum")


@pytest.mark.parametrize(
    ("header", "names"),
    [
        (LUKS2 % b"aes-xts-plain64", {"aes", "xts"}),
        (LUKS2 % b"xchacha12,aes-adiantum-plain64", {"xchacha12", "aes", "adiantum"}),
        (LUKS1, {"serpent", "cbc", "essiv", "sha256"}),
        (LUKS2 % b"capi:xts(aes)-plain64", set()),
        (LUKS2 % b"unheard-of-plain64", set()),
        (b"no header", set()),
    ],
)
def test_the_algorithms_of_an_encrypted_root_are_needed_early(
    root: Path, call: Call, header: bytes, names: set[str]
) -> None:
    tree = Tree(root)
    (root / "sys/dev/block/8:17").unlink()
    volume = f"CRYPT-LUKS2-{'ab' * 16}-root"
    tree.root_on(tree.above(["sys/class/block/nvme0n1p1"], volume, "root"), "ext4")
    put(root, "dev/nvme0n1p1", header)
    ciphers = [KernelModule(f"kernel/crypto/{name}.ko", (f"crypto-{name}",)) for name in _CIPHERS]
    known = {**ALL, **{one.name: one for one in ciphers}}
    own = {"kernel/crypto/cbc.ko": ("crypto-cbc",)}
    install(root, RELEASE, known.values())
    install(root, NEW, [one for one in known.values() if one.path not in own], own)
    mapper, loadable = NVME | {"dm_crypt", "dm_mod"}, names - {"cbc"}
    for lacks in ("", *sorted(loadable)):
        inside = mapper | loadable - {lacks}
        found = judge(root, call, inside, {"cryptsetup"}, "rd.luks.uuid=1", known)["root-drivers"]
        assert found["verdict"] == ("warn" if lacks else "pass"), (lacks, found)
        assert lacks in found["text"]


BARE = Part("devices/css0/0.0.0001", "css:t0", "css", "bare", "none")


@pytest.mark.parametrize(
    ("name", "loaded", "verdict"), [("vfio_ccw", False, "pass"), ("own", True, "fail")]
)
def test_a_module_that_claims_a_device_need_not_run_it(
    root: Path, call: Call, name: str, loaded: bool, verdict: str
) -> None:
    """On s390x the kernel's own driver has the disks, and vfio_ccw would take them. But some buses
    (mmc) do not say whose a driver is: what is loaded may well run it."""
    other = KernelModule(f"kernel/drivers/s390/cio/{name}.ko", ("css:t0",))
    known = {**ALL, other.name: other}
    for release in (RELEASE, NEW):
        install(root, release, known.values())
    tree = Tree(root)
    disk = tree.device(DISKS["nvme"].parts[0]._replace(folder="0.0.0200"), tree.device(BARE))
    unnamed_module(root, BARE.driver)
    (root / f"{disk}/nvme/nvme0/nvme0n1").mkdir(parents=True)
    (root / "sys/dev/block/8:17").unlink()
    tree.root_on(f"{disk}/nvme/nvme0/nvme0n1", "ext4")
    put(root, "proc/modules", f"{name} 16384 1 - Live 0x0\n" if loaded else "")
    found = judge(root, call, NVME, set(), "", known)["root-drivers"]
    assert found["verdict"] == verdict, found


def test_of_a_kernel_that_does_not_tell_what_is_built_in_serves_nothing_is_wanted(
    root: Path, call: Call
) -> None:
    """Before Linux 5.2 there is no modules.builtin.modinfo: crc32c and XTS may be built in."""
    known = {**ALL, **{one.name: one for one in _SUMS}}
    xts = KernelModule("kernel/crypto/xts.ko", ("crypto-xts",))
    install(root, RELEASE, [*known.values(), xts])
    install(root, NEW, known.values())
    tree = Tree(root)
    (root / "sys/dev/block/8:17").unlink()
    volume = f"CRYPT-LUKS2-{'ab' * 16}-root"
    tree.root_on(tree.above(["sys/class/block/nvme0n1p1"], volume, "root"), "ext4")
    put(root, "dev/nvme0n1p1", LUKS2 % b"aes-xts-plain64")
    inside, words = NVME | {"dm_crypt", "dm_mod"}, "rd.luks.uuid=1"
    found = judge(root, call, inside, {"cryptsetup"}, words, known)["root-drivers"]
    assert found["verdict"] == "warn", found
    for path in (root / "usr/lib/modules" / NEW).glob("modules.builtin.*"):
        path.unlink()
    found = judge(root, call, inside, {"cryptsetup"}, words, known)["root-drivers"]
    assert found["verdict"] == "pass", found
