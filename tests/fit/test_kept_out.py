"""Drivers that are there, and that words keep from being loaded."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.answers import worst_findings
from support.command import Call
from support.files import put
from support.hardware_trees import CARDS, DISKS, MODULES, Tree
from support.kernel_modules import install
from support.machines import RELEASE, make_sandbox

from warmboot.core.sandbox.builders.bzimage import build_bzimage
from warmboot.core.sandbox.builders.initrd import build_initrd

NEW = "6.12.0"
INSIDE = ("ahci", "libahci", "libata", "sd_mod", "scsi_mod", "scsi_common", "ext4", "jbd2")
CHECK = "blacklisted-drivers"
MADE_BY = {"dracut": "usr/lib/dracut-lib.sh", "initramfs-tools": "conf/initramfs.conf"}


@pytest.fixture(params=MADE_BY)
def made_by(request: pytest.FixtureRequest) -> str:
    """Which program made the initrd."""
    name: str = request.param
    return name


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A machine with its root on a SATA disk, and an e1000 for the default route."""
    root = make_sandbox(tmp_path / "machine", "x86_64")
    for release in (RELEASE, NEW):
        install(root, release, MODULES.values())
    tree = Tree(root)
    tree.root_on(tree.disk(DISKS["ahci"]), "ext4")
    tree.card(CARDS["e1000"])
    tree.default_route("eth0")
    return root


def verdict(root: Path, call: Call, made_by: str, words: str, own: str = "") -> str | None:
    """Return what is said of words on the command line, and of an initrd's `own`."""
    folder = f"usr/lib/modules/{NEW}"
    files = {f"{folder}/{MODULES[name].path}": b"x" for name in INSIDE}
    files |= {MADE_BY[made_by]: b"", "etc/cmdline.d/20-own.conf": own.encode()}
    put(root, "boot/vmlinuz", build_bzimage(NEW))
    put(root, "boot/initrd", build_initrd(files, method="gzip"))
    entry = f"title New\nversion {NEW}\nlinux /boot/vmlinuz\ninitrd /boot/initrd\n"
    put(root, "boot/loader/entries/new.conf", f"{entry}options root=/dev/sda1 {words}\n")
    _, answer = call("doctor", "new.conf")
    found = worst_findings(answer).get(CHECK)
    assert found is None or found["hint"] == "Leave it out."
    return found and found["verdict"]


@pytest.mark.parametrize(
    ("words", "dracut", "other"),
    [
        ("quiet", None, None),
        ("modprobe.blacklist=sd-mod", "fail", "fail"),
        ("modprobe.blacklist=nouveau,ahci", "fail", "fail"),
        ("modprobe.blacklist=ext4", "fail", "fail"),  # the kernel asks for fs-ext4
        ("modprobe.blacklist=libahci", None, None),  # loaded as what another one needs
        ("module_blacklist=libahci", "fail", "fail"),  # refused however it is loaded
        ("module_blacklist=snd,sd-mod", "fail", "fail"),
        ("rd.driver.blacklist=sd_mod", "fail", None),
        ("blacklist=sd_mod", None, "fail"),
        ("modprobe.blacklist=e1000", "fail", "fail"),  # logged in over it
        ("rd.driver.blacklist=e1000 blacklist=e1000", None, None),  # the system loads it later
        ("modprobe.blacklist=sd_mod_more,", None, None),
    ],
)
def test_a_word_keeps_a_driver_out(
    root: Path, call: Call, made_by: str, words: str, dracut: str | None, other: str | None
) -> None:
    expected = dracut if made_by == "dracut" else other
    assert verdict(root, call, made_by, words) == expected


def test_dracut_keeps_words_of_its_own(root: Path, call: Call) -> None:
    own = "rd.driver.blacklist=sd_mod"
    assert verdict(root, call, "dracut", "", own) == "fail"


def test_what_runs_in_spite_of_a_word_runs_again(root: Path, call: Call) -> None:
    words = "modprobe.blacklist=sd_mod"
    put(root, "proc/cmdline", f"root=/dev/sda1 {words}\n")
    assert verdict(root, call, "dracut", words) is None
