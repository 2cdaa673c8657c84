"""Kernels in /boot that no menu names: their initrds, their order, those that were set aside."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import pytest
from support.files import put
from support.loader_files import kernel

from warmboot.core.boot.entry import Entry
from warmboot.core.boot.find import find_entries
from warmboot.core.boot.resolve import Selector, resolve_entry
from warmboot.core.boot.root import BootRoot

RELEASE = "6.12.58-gentoo"
ASIDE = ("old", "bak", "prev")
#: How a kernel and its initrd are called, the one that was set aside last.
NAMES = {
    "kernel-{}{}": ("initramfs-{}.img{}", "initramfs-{}{}"),
    "vmlinuz-{}{}": ("initrd.img-{}{}", "initrd-{}{}", "initrd-{}.img{}"),
    "image-{}{}": ("initrd-{}{}",),
}


def listed(root: Path) -> dict[str, Entry]:
    return {entry.id: entry for entry in find_entries(BootRoot(root)).entries}


def named(pattern: str, suffix: str = "") -> str:
    return pattern.format(RELEASE, suffix)


@pytest.mark.parametrize(
    ("file", "initrd", "aside"),
    [(file, one, aside) for file, ones in NAMES.items() for one in ones for aside in ASIDE],
)
def test_what_was_set_aside_comes_behind_and_has_its_own_initrd(
    tmp_path: Path, file: str, initrd: str, aside: str
) -> None:
    for suffix in ("", f".{aside}"):
        put(tmp_path, f"boot/{named(file, suffix)}", kernel(RELEASE) + suffix.encode())
        put(tmp_path, f"boot/{named(initrd, suffix)}", b"x")
    found = listed(tmp_path)
    assert [entry.initrds for entry in found.values()] == [
        (f"/boot/{named(initrd)}",), (f"/boot/{named(initrd, f'.{aside}')}",),
    ]  # fmt: skip
    assert list(found) == [named(file), named(file, f".{aside}")]
    newest = resolve_entry(find_entries(BootRoot(tmp_path)), Selector.NEWEST)
    assert newest.id == named(file)
    (tmp_path / "boot" / named(initrd, f".{aside}")).unlink()
    assert listed(tmp_path)[named(file, f".{aside}")].initrds == (f"/boot/{named(initrd)}",)


@pytest.mark.parametrize("order", list(permutations(("6.1.9", "6.1.10", "6.1.10.old"))))
def test_newest_first_however_they_were_written(tmp_path: Path, order: tuple[str, ...]) -> None:
    for name in order:
        release = name.removesuffix(".old")
        put(tmp_path, f"boot/vmlinuz-{name}", kernel(release) + name.encode())
    expected = ["vmlinuz-6.1.10", "vmlinuz-6.1.10.old", "vmlinuz-6.1.9"]
    assert list(listed(tmp_path)) == expected


def test_files_that_are_kernels_on_some_systems_only(tmp_path: Path) -> None:
    put(tmp_path, "boot/vmlinuz", kernel("6.16.0-sdm845"))
    put(tmp_path, "boot/initramfs", b"x")
    put(tmp_path, "boot/initramfs-extra", b"x")
    put(tmp_path, "boot/fitImage-6.6.21-yocto", kernel("6.6.21-yocto"))
    put(tmp_path, "boot/image.png", b"x")
    put(tmp_path, "boot/image-small.bin", b"x")
    found = listed(tmp_path)
    assert set(found) == {"vmlinuz", "fitImage-6.6.21-yocto"}
    assert found["vmlinuz"].initrds == ("/boot/initramfs",)
