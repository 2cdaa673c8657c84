"""Firmware files that drivers ask for: named in modules that depmod takes, found or not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.command import Call
from support.files import put
from support.hardware_trees import CARDS, DISKS, MODULES, Tree
from support.kernel_modules import KernelModule, install
from support.machines import make_sandbox

from warmboot.core.sandbox.builders.bzimage import build_bzimage
from warmboot.core.sandbox.builders.initrd import build_initrd

OLD, NEW = "6.1.0-old", "6.12.0-new"
FILE = "usr/lib/firmware/{}"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A machine with a network card that needs firmware; the newer driver asks for another file."""
    root = make_sandbox(tmp_path / "machine", "x86_64", release=OLD)
    tree = Tree(root)
    tree.root_on(tree.disk(DISKS["hba"]), "ext4")
    tree.card(CARDS["r8169"])
    tree.default_route("eth0")
    for release, version in ((OLD, 1), (NEW, 2)):
        modules = dict(MODULES)
        firmware = (f"rtl_nic/card-{version}.fw", "rtl_nic/spare.fw")
        card = modules["r8169"]
        modules["r8169"] = card._replace(path=card.path + ".xz", firmware=firmware)
        modules["mpt3sas"] = modules["mpt3sas"]._replace(firmware=(f"hba-{version}.bin",))
        install(root, release, modules.values())
    put(root, "boot/vmlinuz", build_bzimage(NEW))
    entry = f"title New\nversion {NEW}\nlinux /boot/vmlinuz\ninitrd /boot/initrd\n"
    put(root, "boot/loader/entries/new.conf", entry)
    make_initrd(root)
    return root


def make_initrd(root: Path, **more: bytes) -> None:
    names = ("mpt3sas", "scsi_mod", "scsi_common", "sd_mod", "ext4", "jbd2")
    files = {f"usr/lib/modules/{NEW}/{MODULES[name].path}": b"x" for name in names}
    put(root, "boot/initrd", build_initrd({**files, **more}))


def findings(call: Call) -> list[dict[str, Any]]:
    _, answer = call("doctor", "new.conf")
    return [one for one in answer["findings"] if one["check"] == "firmware-files"]


def test_a_newer_driver_asks_for_another_file(root: Path, call: Call) -> None:
    assert findings(call) == []  # the running driver has none either, and works
    put(root, FILE.format("rtl_nic/card-1.fw.zst"))
    (found,) = findings(call)
    assert found["verdict"] == "warn"
    assert "r8169 of 6.12.0-new finds none of its firmware files" in found["text"]
    assert "rtl_nic/card-2.fw" in found["text"]
    put(root, FILE.format("rtl_nic/card-2.fw.xz"))
    assert findings(call) == []


def test_a_driver_of_the_initrd_looks_there(root: Path, call: Call) -> None:
    put(root, FILE.format("hba-1.bin"))
    put(root, FILE.format("hba-2.bin"))
    (found,) = findings(call)
    assert "mpt3sas" in found["text"]
    assert "in the initrd" in found["text"]
    make_initrd(root, **{"usr/lib/firmware/hba-2.bin": b"x"})
    assert findings(call) == []


def test_a_module_that_dkms_built_for_the_running_kernel_only_is_named(
    root: Path, call: Call
) -> None:
    module = KernelModule("updates/dkms/vendor-gpu.ko")
    install(root, OLD, [*MODULES.values(), module])
    _, answer = call("doctor", "new.conf")
    assert "out-of-tree" in answer["not_run"]  # it is not loaded
    put(root, "proc/modules", "vendor_gpu 65536 0 - Live 0x0 (OE)\next4 9 1 - Live 0x0\n")
    _, answer = call("doctor", "new.conf")
    (found,) = (one for one in answer["findings"] if one["check"] == "out-of-tree")
    assert found["verdict"] == "warn"
    assert "has no vendor_gpu" in found["text"]
    install(root, NEW, [*MODULES.values(), module])
    _, answer = call("doctor", "new.conf")
    assert "out-of-tree" in answer["not_run"]
