"""No reader of a machine's files follows a link out of the root that it reads below."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from support.files import put
from support.machines import lock, make_machine

from warmboot.core.boot.boot_partitions import unmounted
from warmboot.core.boot.cmdline_context import read_cmdline_context
from warmboot.core.boot.loadervars import Running
from warmboot.core.boot.mounts import read_slots
from warmboot.core.boot.root import BootRoot
from warmboot.core.host import read_host
from warmboot.core.host.kmsg import last_lines
from warmboot.core.host.live_state import read_live_state
from warmboot.core.rooted import RootedPath, is_there, link_target, list_folder, open_below, rooted

EFI = "sys/firmware/efi/efivars/{}-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"
PARTS = ("proc", "sys", "run", "var", "etc", "usr", "dev", "boot")
WHERE = ("", "self", "sys", "kernel", "class", "lib", "block", "disk", "lib/dpkg", "disk/by-uuid")


def marked(root: Path) -> Path:
    """A machine with something to find in every place that is read."""
    make_machine(root)
    lock(root, "var/lib/dpkg/lock")
    files: dict[str, str | bytes] = {
        "run/reboot-required": "",
        "run/systemd/sessions/7": "USER=eve\nACTIVE=1\nCLASS=user\n",
        "run/systemd/inhibit/1": "WHAT=shutdown\nWHO=eve\nMODE=block\n",
        "run/systemd/container": "lxc\n",
        "run/udev/data/b8:1": "E:ID_FS_UUID=aaaa\n",
        "var/lib/pacman/db.lck": "",
        "var/lib/dpkg/updates/0001": "",
        "etc/crypttab": "root UUID=1 - tpm2-device=auto\n",
        "etc/fstab": "UUID=aaaa /boot vfat defaults 0 0\n",
        "etc/machine-id": "a" * 32,
        "usr/lib/modules/9.9/modules.dep": "",
        "sys/class/watchdog/watchdog0/state": "active\n",
        "sys/class/dmi/id/sys_vendor": "QEMU\n",
        "sys/block/md0/md/sync_action": "resync\n",
        "sys/block/dm-0/dm/uuid": "CRYPT-LUKS2-x\n",
        "proc/swaps": "Filename Type Size Used Priority\n/dev/sda2 partition 1 0 -2\n",
        "proc/vz/version": "1\n",
        "proc/fb": "0 evil\n",
        "dev/vg/lv": "",
        "dev/disk/by-uuid/bbbb": "",
        EFI.format("LoaderInfo"): b"\7\0\0\0" + "x".encode("utf-16-le"),
    }
    for name, text in files.items():
        put(root, name, text)
    for kind in ("pid", "mnt", "user"):
        (root / "proc/self/ns").mkdir(parents=True, exist_ok=True)
        (root / "proc/self/ns" / kind).symlink_to(f"{kind}:[1]")
    (root / "sys/class/drm/card0/device").mkdir(parents=True)
    (root / "sys/class/drm/card0/device/driver").symlink_to("../drivers/evil")
    (root / "dev/disk/by-uuid/aaaa").symlink_to("../../sda1")
    (root / "dev/mapper").mkdir()
    (root / "dev/mapper/luks-x").symlink_to("../dm-0")
    return root


def facts(root: Path) -> list[object]:
    """All that is read of the machine below `root`; the root itself has no part in it."""
    host, live = read_host(root), read_live_state(root)
    boot = BootRoot(root)
    running = Running.read(root, host.release, host.cmdline)
    config = None if host.config is None else dict(host.config)
    return [
        replace(host, prefix=Path("/"), kexec_tools=None, config=config),
        *(live, read_cmdline_context(root, boot), last_lines(root, 9)),
        [(slot.place, slot.names) for slot in read_slots(boot, root)],
        (running.build, running.variables, [str(one.result) for one in unmounted(boot, running)]),
    ]


def places(root: Path) -> list[str]:
    return [f"{p}/{w}".rstrip("/") for p in PARTS for w in WHERE if (root / p / w).is_dir()]


@pytest.mark.parametrize("form", ["absolute", "upwards"])
def test_a_folder_that_is_a_link_out_is_as_good_as_none(tmp_path: Path, form: str) -> None:
    outside, root, aside = marked(tmp_path / "outside"), tmp_path / "root", tmp_path / "aside"
    shutil.copytree(outside, root, symlinks=True)
    seen = facts(outside)
    told = 0
    for place in places(outside):
        up = "../" * (place.count("/") + 1)
        target = outside / place if form == "absolute" else f"{up}outside/{place}"
        (root / place).rename(aside)
        (root / place).symlink_to("/nowhere")
        without = facts(root)
        told += without != seen
        (root / place).unlink()
        (root / place).symlink_to(target)
        assert facts(root) == without, place
        (root / place).unlink()
        aside.rename(root / place)
    assert told >= len(PARTS)  # what is left away there would be missed


TAKES_A_PATH: tuple[Callable[[Path], object], ...] = (
    *(os.stat, os.lstat, os.listdir, os.scandir, os.readlink, os.unlink, os.path.realpath),
    *(Path.lstat, Path.resolve, Path.unlink, Path.touch, Path.rmdir, Path.readlink),
    *(open, lambda path: os.open(path, os.O_RDONLY), os.path.exists),
    *(lambda path: list(path.glob("*")), lambda path: path.rename("/tmp/x"), shutil.rmtree),
    *(lambda path: path.write_text("x"), lambda path: path.symlink_to("/")),
    lambda path: subprocess.run([path], check=False),
)


@pytest.mark.parametrize("call", TAKES_A_PATH)
def test_no_function_of_the_system_takes_such_a_path(
    tmp_path: Path, call: Callable[[Path], object]
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/file").write_text("kept")
    (tmp_path / "root").mkdir()
    (tmp_path / "root/link").symlink_to(tmp_path / "out")
    path = rooted(tmp_path / "root") / "link/file"
    assert isinstance(path, RootedPath)
    try:
        found = call(path)
    except OSError:
        found = False
    assert not found
    assert (tmp_path / "out/file").read_text() == "kept"


@pytest.mark.parametrize("kernel", ["openat2", "walked"])
def test_links_are_read_and_not_followed(
    tmp_path: Path, kernel: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kernel == "walked":
        monkeypatch.setattr("warmboot.core.rooted.open_in_root", lambda *_: None)
    (tmp_path / "a").mkdir()
    (tmp_path / "a/out").symlink_to("/etc/passwd")
    (tmp_path / "a/in").symlink_to("/a/plain")
    put(tmp_path, "a/plain", "x")
    root = rooted(tmp_path)
    assert link_target(root / "a/out") == "passwd"
    assert link_target(root / "a/plain") is None
    assert (is_there(root / "a/out"), (root / "a/out").exists()) == (True, False)
    assert (root / "a/in").exists()
    assert not is_there(root / "b")
    assert sorted(list_folder(root)) == [("a", True)]
    with pytest.raises(OSError, match="Not a directory"):
        open_below(os.open(tmp_path, os.O_PATH), "a/plain", os.O_PATH | os.O_DIRECTORY)
