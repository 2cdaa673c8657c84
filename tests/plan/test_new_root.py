"""Several systems on one file system: what is judged is the one that the command line names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from support.answers import worst_findings
from support.command import Call
from support.files import put
from support.hardware_trees import CARDS, DISKS, MODULES, Tree
from support.kernel_modules import install
from support.machines import RELEASE, make_sandbox

from warmboot.core.boot.root import BootRoot
from warmboot.core.host import read_host
from warmboot.core.plan.boot_files import BootFiles
from warmboot.core.plan.context import PlanContext, read_context
from warmboot.core.plan.new_root import NewRoot, read_new_root
from warmboot.core.plan.request import PlanRequest
from warmboot.core.plan.trial.target import read_target
from warmboot.core.sandbox.builders.bzimage import build_bzimage
from warmboot.core.sandbox.builders.initrd import build_initrd

NEW = "6.12.0-new"
DISK = "root=UUID=1-2 ro"
OLD_TREE, NEW_TREE = "/ostree/boot.0/fcos/a1/0", "/ostree/boot.1/fcos/b2/0"
NIX = "init=/nix/store/{}-nixos-system-host/init"


class Case(NamedTuple):
    """Command lines that run and that start, and which tree is the new one's."""

    running: str
    new: str
    tree: str | None
    certain: bool = True


CASES = {
    "the same": Case(DISK, DISK, "/"),
    "other words": Case(DISK, f"{DISK} quiet init=/bin/sh", "/"),
    "by another name": Case(DISK, "root=/dev/vda2", "/"),
    "another disk": Case(DISK, "root=/dev/vdb1", None),
    "the last one counts": Case(DISK, f"root=/dev/vdb1 {DISK}", "/"),
    "no root= now": Case(DISK, "ro", "/", False),
    "no root= before": Case("ro", DISK, None),
    "none at all": Case("ro", "ro quiet", "/"),
    "a deployment": Case(f"{DISK} ostree={OLD_TREE}", f"{DISK} ostree={NEW_TREE}", "new"),
    "the same deployment": Case(f"{DISK} ostree={NEW_TREE}", f"{DISK} ostree={NEW_TREE}", "/"),
    "one that is gone": Case(f"{DISK} ostree={OLD_TREE}", f"{DISK} ostree=/ostree/x/0", None),
    "none of them": Case(f"{DISK} ostree={OLD_TREE}", DISK, None),
    "a deployment of another disk": Case(DISK, f"root=/dev/vdb1 ostree={NEW_TREE}", None),
    "a path that leads out": Case(DISK, f"{DISK} ostree=/../../../../etc/x", None),
    "a file": Case(DISK, f"{DISK} ostree=/boot/file", None),
    "a subvolume": Case(f"{DISK} rootflags=subvol=@", f"{DISK} rootflags=subvol=@/x,ro", None),
    "the same subvolume": Case(f"{DISK} rootflags=subvol=@", f"{DISK} rootflags=ro,subvol=/@", "/"),
    "by its number": Case(DISK, f"{DISK} rootflags=subvolid=260", None),
    "verity": Case(f"{DISK} roothash=aa", f"{DISK} roothash=bb", None),
    "another /usr": Case(f"{DISK} mount.usr=LABEL=a", f"{DISK} mount.usr=LABEL=b", None),
    "NixOS": Case(f"{DISK} {NIX.format('a')}", f"{DISK} {NIX.format('b')}", None),
    "NixOS as it runs": Case(f"{DISK} {NIX.format('a')}", f"{DISK} {NIX.format('a')} quiet", "/"),
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A machine whose disk holds the tree that runs, and one more below /ostree."""
    root = make_sandbox(tmp_path / "machine", "x86_64", cmdline=DISK)
    put(root, "boot/file", "x")
    put(root, "dev/vda2", "")
    links = root / "dev/disk/by-uuid"
    links.mkdir(parents=True)
    (links / "1-2").symlink_to("../../vda2")
    tree = root / "sysroot/ostree/deploy/fcos/deploy/b2.0"
    tree.mkdir(parents=True)
    link = root / "sysroot/ostree/boot.1.1/fcos/b2/0"
    link.parent.mkdir(parents=True)
    link.symlink_to("../../../deploy/fcos/deploy/b2.0")
    (root / "sysroot/ostree/boot.1").symlink_to("boot.1.1")
    (root / "ostree").symlink_to("sysroot/ostree")
    return root


def context_of(root: Path) -> PlanContext:
    return read_context(BootRoot(root), read_host(root), "", foreign_root=False, fit=False)


@pytest.mark.parametrize("name", CASES)
def test_which_tree_a_command_line_names(root: Path, name: str) -> None:
    case = CASES[name]
    put(root, "proc/cmdline", case.running + "\n")
    found = read_new_root(case.new, context_of(root), BootRoot(root))
    shown = None
    if found.root is not None:
        shown = "/" if found.root.path == root else "new"
    assert shown == case.tree, name
    assert found.certain is case.certain


def test_another_system_s_tree_is_where_its_entries_are(root: Path) -> None:
    context = context_of(root)._replace(foreign_root=True)
    boot_root = BootRoot(root)
    assert read_new_root("root=/dev/sdz1", context, boot_root) == NewRoot(boot_root)
    found = read_new_root(f"root=/dev/sdz1 ostree={NEW_TREE}", context, boot_root)
    assert found.root is not None
    assert found.root.path == root / "sysroot/ostree/deploy/fcos/deploy/b2.0"


@pytest.mark.parametrize(
    ("words", "systemd"),
    [("", 257), (f"ostree={NEW_TREE}", 252), ("ostree=/ostree/gone/0", None)],
)
def test_a_trial_is_judged_by_the_systemd_of_its_tree(
    root: Path, words: str, systemd: int | None
) -> None:
    """The dead-man timer gets there in another way before systemd 256."""
    library = "usr/lib/systemd/libsystemd-shared-{}.so"
    put(root, library.format(257), "")
    put(root, f"sysroot/ostree/deploy/fcos/deploy/b2.0/{library.format(252)}", "")
    put(root, "boot/vmlinuz", build_bzimage(NEW))
    boot_root = BootRoot(root)
    new = read_new_root(f"{DISK} {words}", context_of(root), boot_root)
    request = PlanRequest(kernel=str(root / "boot/vmlinuz"))
    with BootFiles.open(boot_root, request, None) as files:
        target = read_target(files, new)
    assert (target.root_systemd, target.root_known) == (systemd, systemd is not None)


Judge = Callable[[str], Any]


@pytest.fixture
def judge(root: Path, call: Call, monkeypatch: pytest.MonkeyPatch) -> Judge:
    """Judge over SSH a kernel whose network driver is in the other tree, and not in its initrd."""
    monkeypatch.setenv("SSH_CONNECTION", "198.51.100.7 50000 192.0.2.2 22")
    tree = Tree(root)
    tree.root_on(tree.disk(DISKS["nvme"]), "ext4")
    tree.card(CARDS["igb"])
    tree.default_route("eth0")
    install(root, RELEASE, MODULES.values())
    install(root / "sysroot/ostree/deploy/fcos/deploy/b2.0", NEW, MODULES.values())
    inside = ("ext4", "jbd2", "libcrc32c", "nvme", "nvme_core")
    folder = f"usr/lib/modules/{NEW}"
    files = {f"{folder}/{MODULES[name].path}": b"x" for name in inside}
    for name in ("modules.dep", "modules.alias", "modules.builtin"):
        path = root / "sysroot/ostree/deploy/fcos/deploy/b2.0" / folder / name
        if path.exists():
            files[f"{folder}/{name}"] = path.read_bytes()
    put(root, "boot/vmlinuz", build_bzimage(NEW))
    put(root, "boot/initrd", build_initrd({**files, "init": b"x"}, method="gzip"))

    def judged(words: str) -> Any:
        entry = f"title New\nversion {NEW}\nlinux /boot/vmlinuz\ninitrd /boot/initrd\n"
        put(root, "boot/loader/entries/new.conf", f"{entry}options {words}\n")
        _, answer = call("doctor", "new.conf")
        return worst_findings(answer)

    return judged


def test_modules_are_looked_for_in_the_deployment(root: Path, judge: Judge) -> None:
    put(root, "proc/cmdline", f"{DISK} ostree={OLD_TREE}\n")
    found = judge(f"{DISK} ostree={NEW_TREE}")
    assert found["network-drivers"]["verdict"] == "pass", found["network-drivers"]
    assert found["root-drivers"]["verdict"] == "pass"


@pytest.mark.parametrize("words", ["ostree=/ostree/gone/0", "rootflags=subvol=@/x", NIX])
def test_of_a_tree_that_is_not_here_nothing_is_called_missing(
    root: Path, judge: Judge, words: str
) -> None:
    put(root, "proc/cmdline", f"{DISK} ostree={OLD_TREE}\n")
    found = judge(f"{DISK} {words}")
    assert found["network-drivers"]["verdict"] == "warn", found["network-drivers"]
    assert "another root" in found["network-drivers"]["text"]
    assert found["root-drivers"]["verdict"] == "pass", "they are in the initrd"


def test_what_is_missing_in_the_tree_that_runs_is_said(judge: Judge) -> None:
    found = judge(DISK)
    assert found["network-drivers"]["verdict"] == "fail"
    assert "igb" in found["network-drivers"]["text"]


def test_build_options_are_those_of_the_tree(root: Path) -> None:
    """Two deployments may have kernels of one release that were built differently."""
    tree = root / "sysroot/ostree/deploy/fcos/deploy/b2.0"
    put(root, f"usr/lib/modules/{NEW}/config", "CONFIG_OLD=y\n")
    put(tree, f"usr/lib/modules/{NEW}/config", "CONFIG_NEW=y\n")
    put(root, "boot/vmlinuz", build_bzimage(NEW))
    boot_root, request = BootRoot(root), PlanRequest(kernel=str(root / "boot/vmlinuz"))
    with BootFiles.open(boot_root, request, None) as files:
        assert files.options is not None
        assert list(files.options) == ["OLD"]
        for place, option in ((tree, "NEW"), (root, "OLD"), (tree, "NEW")):
            files.look_into(BootRoot(place))
            assert list(files.options) == [option]
