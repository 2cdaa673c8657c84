"""Flatcar's two kernels: only that of the /usr in use goes with the words that run."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.files import put
from support.loader_files import kernel

from warmboot.core.boot.entry import Entry, Kind
from warmboot.core.boot.find import find_entries
from warmboot.core.boot.loadervars import Running
from warmboot.core.boot.root import BootRoot

A, B = "7130c94a-213a-4e5a-8e26-6cce9662f132", "E03DD35C-7C2D-4A47-B3FE-27F15780A57C"
LINE = "BOOT_IMAGE=/flatcar/vmlinuz-a mount.usr=/dev/mapper/usr {} rootflags=rw root=LABEL=ROOT"


def listed(root: Path, line: str | None) -> dict[str, Entry]:
    running = None if line is None else Running.read(root, "6.6.1-flatcar", line)
    return {entry.id: entry for entry in find_entries(BootRoot(root), running).entries}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    put(tmp_path, "boot/flatcar/vmlinuz-a", kernel("6.6.1-flatcar"))
    put(tmp_path, "boot/flatcar/vmlinuz-b", kernel("6.6.9-flatcar"))
    put(tmp_path, "boot/flatcar/grub/grub.cfg.tar", b"x")
    return tmp_path


@pytest.mark.parametrize(
    ("word", "used"),
    [
        (f"verity.usr=PARTUUID={A} verity.usrhash=0", "a"), (f"verity.usr=PARTUUID={B}", "b"),
        ("mount.usr=/dev/disk/by-partlabel/USR-B", "b"), (f"usr=PARTUUID={A}", "a"), ("", ""),
        (f"other=PARTUUID={A}", ""),
    ],
)  # fmt: skip
def test_the_usr_in_use(root: Path, word: str, used: str) -> None:
    found = listed(root, LINE.format(word))
    assert [(name, entry.title) for name, entry in found.items()] == [
        ("flatcar-b", "Flatcar USR-B"), ("flatcar-a", "Flatcar USR-A"),
    ]  # fmt: skip
    for name, entry in found.items():
        assert (entry.kind, entry.cmdline, entry.default) == (Kind.BOOT, None, False)
        assert (entry.problem is None) == name.endswith(f"-{used}")
        if entry.problem and used:
            assert entry.problem.endswith(f"the running one names USR-{used.upper()}")
    assert found["flatcar-a"].release == "6.6.1-flatcar"
    assert found["flatcar-a"].running


def test_another_system_s_kernels_are_named(root: Path) -> None:
    assert {entry.problem for entry in listed(root, None).values()} == {
        f"GRUB makes its command line when it starts: it names USR-{end} and its hash"
        for end in "AB"
    }


def test_only_what_is_there(tmp_path: Path) -> None:
    put(tmp_path, "boot/flatcar/other", b"x")
    put(tmp_path, "efi/coreos/vmlinuz-a", kernel("4.19.1-coreos"))
    assert set(listed(tmp_path, LINE)) == {"coreos-a"}
