"""Generated machines: sysfs trees, module indexes made by depmod, initrds; the right verdict for
each, as modprobe itself would find or miss the modules."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from support.command import caller
from support.files import put
from support.hardware_trees import CARDS, DISKS, MODULES, Tree
from support.kernel_modules import install, resolve, show_depends
from support.machines import make_sandbox

from warmboot.core.sandbox.builders.bzimage import build_bzimage
from warmboot.core.sandbox.builders.initrd import build_initrd

OLD, NEW = "6.1.0-old", "6.12.0-new"
KERNEL = build_bzimage(NEW)
FILESYSTEMS = ("ext4", "xfs", "btrfs", "f2fs")
LAYERS = ("plain", "LVM", "LUKS", "LVM on LUKS", "RAID", "LVM on RAID")
NETWORKS = ("plain", "bond", "bridge", "vlan")
#: What may be wrong with the new kernel.
FAULTS = ("nothing", "absent", "not in initrd", "dependency not in initrd", "built in",
          "other release", "no initrd", "network absent")  # fmt: skip
TOOLS = {"sbin/lvm": b"x", "sbin/cryptsetup": b"x", "sbin/mdadm": b"x",
         "cryptroot/crypttab": b"root UUID=1 none luks\n"}  # fmt: skip


class Machine(NamedTuple):
    """What a machine needs: modules of its root and of its network, by name."""

    root: frozenset[str]
    network: frozenset[str]


def build(root: Path, dice: random.Random, number: int) -> Machine:
    """Write a machine's devices; return what it needs, which is known as it was put together."""
    tree = Tree(root)
    disk = DISKS[sorted(DISKS)[number % len(DISKS)]]
    layer, filesystem = dice.choice(LAYERS), dice.choice(FILESYSTEMS)
    needs = {part.module for part in disk.parts} | {filesystem}
    needs |= {"mmc_block"} if "mmcblk" in disk.block else set()
    top = tree.disk(disk)
    if "RAID" in layer:
        top = tree.array([top, tree.disk(disk, 1)], "raid1")
        needs |= {"md_mod", "raid1"}
    if "LUKS" in layer:
        top = tree.above([top], f"CRYPT-LUKS2-{'ab' * 16}-root", "root")
        needs |= {"dm_mod", "dm_crypt"}
    if "LVM" in layer:
        top = tree.above([top], "LVM-xyz", "vg-root")
        needs |= {"dm_mod"}
    tree.root_on(top, filesystem)
    network, card = dice.choice(NETWORKS), dice.choice(sorted(CARDS))
    tree.card(CARDS[card])
    carries = "eth0"
    if network != "plain":
        carries = f"{network}0"
        tree.interface(carries, network, ["eth0"])
    tree.default_route(carries)
    module = {"bond": {"bonding"}, "bridge": {"bridge"}, "vlan": {"8021q"}}.get(network, set())
    return Machine(frozenset(needs), frozenset({CARDS[card].module} | module))


def initrd_of(root: Path, names: set[str], release: str) -> bytes:
    folder = root / "usr/lib/modules" / release
    files = {f"usr/lib/modules/{release}/{MODULES[name].path}": b"x" for name in names}
    for name in ("modules.dep", "modules.alias", "modules.builtin"):
        files[f"usr/lib/modules/{release}/{name}"] = (folder / name).read_bytes()
    return build_initrd({**files, **TOOLS, "init": b"#!/bin/sh\n"}, method="zstd")


def closure(root: Path, names: frozenset[str]) -> set[str]:
    """Return all modules that modprobe would load for these, softly needed ones too."""
    return set().union(*(show_depends(root, NEW, name) for name in names))


@pytest.mark.parametrize("number", range(56))
def test_the_verdict_is_what_modprobe_would_make_of_it(
    tmp_path: Path, number: int, capsys: pytest.CaptureFixture[str]
) -> None:
    dice = random.Random(number)
    root = make_sandbox(tmp_path / "machine", "x86_64", release=OLD)
    machine = build(root, dice, number)
    fault = FAULTS[number % len(FAULTS)]
    victim = dice.choice(sorted(machine.network if fault == "network absent" else machine.root))
    absent = {victim} if fault in ("absent", "network absent") else set()
    built_in = {victim} if fault == "built in" else set()
    others = [module for name, module in MODULES.items() if name not in absent | built_in]
    # Aliases of built-in drivers are not listed before Linux 6.18.
    install(root, NEW, others, {MODULES[name].path: () for name in built_in})
    install(root, OLD, MODULES.values())
    inside = closure(root, machine.root)
    if fault == "not in initrd":
        inside.discard(victim)
    if fault == "dependency not in initrd":
        hard = sorted(inside - machine.root - {"libcrc32c"}) or [victim]
        inside.discard(dice.choice(hard))
    if fault == "other release":
        initrd = initrd_of(root, inside, OLD)
    else:
        initrd = initrd_of(root, inside, NEW)
    put(root, "boot/vmlinuz", KERNEL)
    put(root, "boot/initrd", initrd)
    entry = f"title New\nversion {NEW}\nlinux /boot/vmlinuz\noptions root=/dev/vda1\n"
    entry += "" if fault == "no initrd" else "initrd /boot/initrd\n"
    put(root, "boot/loader/entries/new.conf", entry)

    _, answer = caller(capsys, root)("doctor", "new.conf")
    found = verdicts(answer)
    reach = set() if fault in ("no initrd", "other release") else inside
    there = {name: show_depends(root, NEW, name) for name in machine.root}
    good = all(
        name in built_in or (there[name] and hard_needs(root, name) <= reach)
        for name in machine.root
    )
    assert found["root-drivers"] == ("pass" if good else "fail"), (fault, victim, machine)
    gone = [n for n in machine.network if not show_depends(root, NEW, n)]
    expected = "fail" if gone else "pass"  # the simulated operator is logged in from afar
    assert found["network-drivers"] == expected, (fault, victim, machine)
    if fault == "other release":
        assert found["initrd-release"] == "fail"
    for name in gone:  # and no other module claims the device
        part = CARDS.get(name)
        assert part is None or not resolve(root, NEW, part.modalias)


def hard_needs(root: Path, name: str) -> set[str]:
    """Return what modprobe would load for a module, without what is only soft (libcrc32c)."""
    needs = show_depends(root, NEW, name)
    return needs - {"libcrc32c"} if name == "ext4" else needs


def verdicts(answer: dict[str, Any]) -> dict[str, str]:
    """Return the worst verdict of each check."""
    order = ("pass", "warn", "fail")
    found: dict[str, str] = {}
    for one in answer["findings"]:
        old = found.get(one["check"], "pass")
        found[one["check"]] = max(old, one["verdict"], key=order.index)
    return found
