"""Initrds that dracut has made here: what is said of them, held against what was left out of them.

The machine that they are for is a tree as sysfs shows it; modules and their index are Debian's.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.answers import worst_findings
from support.command import Call
from support.files import put
from support.hardware_trees import CARDS, DISKS, Tree
from support.machines import make_sandbox

from warmboot.core.fit.initrd_contents import read_contents
from warmboot.core.images import BytesView

from .fetch import KEYRING, archive_address, cached, run

pytestmark = [pytest.mark.slow_guest, pytest.mark.timeout(3600)]
PACKAGES = (
    *("systemd-sysv", "udev", "kmod", "dracut-core", "dracut-network", "zstd", "bash", "iproute2"),
    *("linux-image-amd64", "lvm2", "cryptsetup", "systemd-cryptsetup", "mdadm", "nfs-common"),
    *("network-manager", "dracut-squash", "squashfs-tools", "erofs-utils", "busybox"),
)
GENERIC = ("--no-hostonly", "--no-hostonly-cmdline", "--compress", "zstd -1")
UUID = "01234567-89ab-cdef-0123-456789abcdef"
OWN = f"rd.lvm.lv=vg/root rd.luks.uuid=luks-{UUID} rd.driver.blacklist=ahci"
#: How each initrd is made.
INITRDS: dict[str, tuple[str, ...]] = {
    "whole": (),
    "own words": ("--kernel-cmdline", OWN),
    "without": (
        *("--omit", "lvm crypt systemd-cryptsetup mdraid network network-manager nfs"),
        *("--omit-drivers", "nvme"),
    ),
    "squashfs": ("--add", "squash-squashfs"),
    "erofs": ("--add", "squash-erofs"),
    "squashfs without": (
        *("--add", "squash-squashfs", "--omit", "lvm crypt systemd-cryptsetup mdraid"),
        *("--omit-drivers", "nvme"),
    ),
}
INDEX = ("dep", "alias", "softdep", "builtin", "builtin.modinfo")


@pytest.fixture(scope="module")
def made() -> Path:
    """A folder with an initrd of each kind, the kernel, and the index of its modules."""

    def make(folder: Path) -> None:
        source = f"deb [signed-by={KEYRING}] {archive_address()} trixie main"
        tree = folder / "tree"
        command: list[str | Path] = ["mmdebstrap", "--mode=root", "--variant=essential"]
        command += [f"--include={','.join(PACKAGES)}", '--aptopt=Acquire::Languages "none"']
        run(*command, "trixie", tree, source, seconds=2400)
        (kernel,) = (tree / "boot").glob("vmlinuz-*")
        release = kernel.name.partition("-")[2]
        for name, options in INITRDS.items():
            command = ["chroot", tree, "dracut", "--force", *GENERIC, *options]
            run(*command, "/initrd", release, seconds=900)
            (tree / "initrd").rename(folder / name)
        kernel.rename(folder / "vmlinuz")
        modules = tree / "usr/lib/modules" / release
        (folder / release).mkdir()
        for name in INDEX:
            (modules / f"modules.{name}").rename(folder / release / f"modules.{name}")
        shutil.rmtree(tree)

    return cached("dracut", [*PACKAGES, *GENERIC, repr(INITRDS)], make)


@pytest.fixture
def root(tmp_path: Path, made: Path) -> Path:
    """A machine with Debian's kernel and a network card."""
    (index,) = (path for path in made.iterdir() if path.is_dir())
    root = make_sandbox(tmp_path / "machine", "x86_64", release=index.name)
    shutil.copytree(index, root / "usr/lib/modules" / index.name, dirs_exist_ok=True)
    put(root, "boot/vmlinuz", (made / "vmlinuz").read_bytes())
    tree = Tree(root)
    tree.card(CARDS["igb"])
    tree.default_route("eth0")
    return root


def plain(tree: Tree) -> None:
    tree.root_on(tree.disk(DISKS["nvme"]), "ext4")


def sata(tree: Tree) -> None:
    tree.root_on(tree.disk(DISKS["ahci"]), "ext4")


def volumes(tree: Tree) -> None:
    crypt = f"CRYPT-LUKS2-{UUID.replace('-', '')}-luks"
    below = tree.above([tree.disk(DISKS["nvme"])], crypt, "luks")
    tree.root_on(tree.above([below], "LVM-xyz", "vg-root"), "ext4")


def array(tree: Tree) -> None:
    disks = [tree.disk(DISKS["nvme"]), tree.disk(DISKS["nvme"], 1)]
    tree.root_on(tree.array(disks, "raid1"), "ext4")


def nfs(tree: Tree) -> None:
    put(tree.root, "proc/self/mountinfo", "29 1 0:43 / / rw - nfs4 server:/srv/root rw\n")


#: Initrd, root, words, and which checks fail.
CASES: list[tuple[str, Callable[[Tree], None], str, set[str]]] = [
    ("whole", plain, "", set()),
    ("without", plain, "", {"root-drivers"}),
    ("without", sata, "", set()),
    ("own words", sata, "", {"blacklisted-drivers"}),
    ("own words", plain, "modprobe.blacklist=nvme", {"blacklisted-drivers"}),
    ("whole", volumes, "", {"initrd-volumes"}),
    ("whole", volumes, "rd.auto", set()),
    ("whole", volumes, f"rd.luks.uuid={UUID}", set()),
    ("whole", volumes, f"rd.luks.uuid={UUID} rd.lvm=0", {"initrd-volumes"}),
    ("whole", volumes, f"rd.luks.uuid={UUID} rd.lvm.lv=vg/swap", {"initrd-volumes"}),
    ("own words", volumes, "", set()),
    ("own words", volumes, "rd.luks=0", {"initrd-volumes"}),
    ("without", volumes, "rd.auto", {"root-drivers", "initrd-volumes"}),
    ("whole", array, "", {"initrd-volumes"}),
    ("whole", array, "rd.auto", set()),
    ("without", array, "rd.auto", {"root-drivers", "initrd-volumes"}),
    ("whole", nfs, "ip=dhcp", set()),
    ("without", nfs, "ip=dhcp", {"root-drivers", "initrd-volumes"}),
    ("squashfs", volumes, "rd.auto", set()),
    ("erofs", volumes, "rd.auto", set()),
    ("squashfs without", sata, "", set()),
    ("squashfs without", plain, "", {"root-drivers"}),
    ("squashfs without", volumes, "rd.auto", {"root-drivers", "initrd-volumes"}),
]


@pytest.mark.parametrize(
    ("initrd", "stands_on", "words", "fails"),
    CASES,
    ids=[f"{initrd}-{make.__name__}-{words}" for initrd, make, words, _ in CASES],
)
def test_the_verdict_is_what_dracut_left_out(
    root: Path,
    call: Call,
    made: Path,
    initrd: str,
    stands_on: Callable[[Tree], None],
    words: str,
    fails: set[str],
) -> None:
    stands_on(Tree(root))
    shutil.copy(made / initrd, root / "boot/initrd")
    (release,) = (path.name for path in made.iterdir() if path.is_dir())
    entry = f"title New\nversion {release}\nlinux /boot/vmlinuz\ninitrd /boot/initrd\n"
    put(root, "boot/loader/entries/new.conf", f"{entry}options root=/dev/sda1 {words}\n")
    _, answer = call("doctor", "new.conf")
    found: dict[str, Any] = worst_findings(answer)
    asked = ("root-drivers", "blacklisted-drivers", "initrd-volumes", "initrd-release")
    failed = {name for name in asked if found.get(name, {}).get("verdict") == "fail"}
    assert failed == fails, {name: found.get(name) for name in asked}


@pytest.mark.parametrize("image", ["squashfs", "erofs"])
def test_an_image_has_all_that_the_initrd_has_without_one(made: Path, image: str) -> None:
    """What dracut puts into the image is what it else puts into the archive itself."""
    whole, packed = (
        read_contents([(n, BytesView((made / n).read_bytes()))]) for n in ("whole", image)
    )
    assert packed.problem is None
    assert whole.paths <= packed.paths
    assert whole.releases == packed.releases
    (release,) = whole.releases
    assert len(whole.modules(release)) > 100
    assert packed.modules(release) >= whole.modules(release)
    for path, content in whole.kept.items():
        assert packed.kept[path] == content, path
