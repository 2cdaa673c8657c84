"""What is installed under a root is found, merged, ordered, and never looked for outside it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support.files import put

from warmboot.core.boot.entry import Entry, Kind
from warmboot.core.boot.find import find_entries
from warmboot.core.boot.resolve import resolve_entry
from warmboot.core.boot.root import BootRoot
from warmboot.core.errors import NotFound
from warmboot.core.sandbox.builders.kernel import build_arm64_image
from warmboot.core.sandbox.builders.pe import PeSection, build_pe
from warmboot.core.sandbox.builders.uki import build_uki

KERNEL = build_arm64_image("6.12.1", body_size=4096)


def find(root: Path) -> dict[str, Entry]:
    return {entry.id: entry for entry in find_entries(BootRoot(root)).entries}


def test_plain_kernels_get_the_initrd_of_their_name(tmp_path: Path) -> None:
    for kernel, initrd in (
        ("vmlinuz-6.1.0-9-arm64", "initrd.img-6.1.0-9-arm64"),
        ("vmlinuz-6.9.5-200.fc40.aarch64", "initramfs-6.9.5-200.fc40.aarch64.img"),
        ("vmlinuz-linux-lts", "initramfs-linux-lts.img"),
        ("Image-6.4.0-default", "initrd-6.4.0-default"),
    ):
        put(tmp_path, f"boot/{kernel}", KERNEL + kernel.encode())
        put(tmp_path, f"boot/{initrd}")
        assert find(tmp_path)[kernel].initrds == (f"/boot/{initrd}",)
    put(tmp_path, "boot/vmlinuz-7.0.0", KERNEL)
    assert find(tmp_path)["vmlinuz-7.0.0"].initrds == ()
    for other in ("System.map-6.1.0", "config-6.1.0", "vmlinuz-6.1.0.hmac", "grub"):
        put(tmp_path, f"boot/{other}")
    assert len(find(tmp_path)) == 5


def test_newest_first_and_boot_loader_entries_before_all(tmp_path: Path) -> None:
    for release in ("6.9.0", "6.10.0", "6.1.0"):
        put(tmp_path, f"boot/vmlinuz-{release}", KERNEL + release.encode())
    put(tmp_path, "boot/old-kernel", KERNEL)
    put(tmp_path, "boot/loader/entries/a.conf", "title A\nversion 5.0\nlinux /old-kernel\n")
    assert list(find(tmp_path)) == ["a.conf", "vmlinuz-6.10.0", "vmlinuz-6.9.0", "vmlinuz-6.1.0"]


def test_bls_entry(tmp_path: Path) -> None:
    put(tmp_path, "boot/6f2a/6.12/linux", KERNEL)
    put(tmp_path, "boot/6f2a/6.12/initrd", b"x")
    put(tmp_path, "boot/ucode.img", b"x")
    put(tmp_path, "boot/loader/entries/6f2a-6.12+3-1.conf", "\n".join((
        "# a comment",
        "title   Some Linux \x1b[31m",
        "version 6.12",
        "machine-id 6f2a",
        "sort-key some",
        "linux   /6f2a/6.12/linux",
        "initrd  /ucode.img",
        "initrd  /6f2a/6.12/initrd",
        "options root=UUID=1  quoted=\"a  b\"",
        "options quiet",
        "devicetree /dtbs/board.dtb",
        "unknown key",
    )))  # fmt: skip
    (entry,) = find(tmp_path).values()
    assert entry.id == "6f2a-6.12.conf"
    assert entry.title == "Some Linux \\x1b[31m"
    assert entry.kind is Kind.BLS
    assert entry.kernel == "/boot/6f2a/6.12/linux"
    assert entry.initrds == ("/boot/ucode.img", "/boot/6f2a/6.12/initrd")
    assert entry.cmdline == 'root=UUID=1  quoted="a  b" quiet'
    assert entry.devicetree is not None
    assert entry.problem is None


def test_paths_of_a_boot_partition_that_is_not_mounted_apart(tmp_path: Path) -> None:
    put(tmp_path, "boot/vmlinuz-6.12", KERNEL)
    put(tmp_path, "boot/loader/entries/x.conf", "linux /boot/vmlinuz-6.12\noptions quiet\n")
    assert find(tmp_path)["x.conf"].kernel == "/boot/vmlinuz-6.12"


def test_grub_variables_in_entries(tmp_path: Path) -> None:
    put(tmp_path, "boot/vmlinuz-6.12", KERNEL)
    put(tmp_path, "boot/grub2/grubenv", "# GRUB Environment Block\nkernelopts=root=/dev/a ro\n###")
    put(
        tmp_path,
        "boot/loader/entries/x.conf",
        "linux /vmlinuz-6.12\ninitrd /i $tuned_initrd\noptions $kernelopts quiet $tuned_params\n",
    )
    entry = find(tmp_path)["x.conf"]
    assert entry.cmdline == "root=/dev/a ro quiet"
    assert entry.initrds == ("/boot/i",)


def test_a_missing_kernel_is_listed_with_the_reason(tmp_path: Path) -> None:
    put(tmp_path, "boot/loader/entries/x.conf", "linux /gone\n")
    assert "is not there" in (find(tmp_path)["x.conf"].problem or "")


def test_the_same_kernel_is_one_entry_that_names_its_sources(tmp_path: Path) -> None:
    put(tmp_path, "boot/vmlinuz-6.12", KERNEL)
    put(tmp_path, "usr/lib/modules/6.12/vmlinuz", KERNEL)
    (tmp_path / "boot/vmlinuz").symlink_to("vmlinuz-6.12")
    put(tmp_path, "boot/loader/entries/x.conf", "version 6.12\nlinux /vmlinuz-6.12\noptions a\n")
    put(tmp_path, "boot/loader/entries/y.conf", "version 6.12\nlinux /vmlinuz-6.12\noptions b\n")
    entries = find(tmp_path)
    assert set(entries) == {"x.conf", "y.conf"}
    sources = {source for entry in entries.values() for source in entry.sources}
    assert {"/boot/vmlinuz", "/boot/vmlinuz-6.12", "/usr/lib/modules/6.12/vmlinuz"} <= sources


def test_modules_folder_alone_is_enough(tmp_path: Path) -> None:
    put(tmp_path, "usr/lib/modules/7.2.13+deb14-arm64/vmlinuz", KERNEL)
    put(tmp_path, "boot/initrd.img-7.2.13+deb14-arm64")
    entry = find(tmp_path)["modules/7.2.13+deb14-arm64"]
    assert entry.initrds == ("/boot/initrd.img-7.2.13+deb14-arm64",)
    assert entry.cmdline is None


def test_ukis_where_they_are_mounted(tmp_path: Path) -> None:
    uki = build_uki(
        arch="arm64",
        linux=KERNEL,
        cmdline="root=/dev/b quiet\n",
        osrel='PRETTY_NAME="Some \x1b[1mLinux"\n',
        uname="6.12.1",
    )
    put(tmp_path, "boot/efi/EFI/Linux/some.efi", uki)
    put(tmp_path, "boot/EFI/Linux/other.efi", uki + b"x")
    put(tmp_path, "boot/EFI/Linux/broken.efi", uki[:3000])
    loader = build_pe("arm64", [PeSection(".text", b"x")])
    put(tmp_path, "boot/EFI/Linux/shell.efi", loader)
    (tmp_path / "efi").symlink_to("boot/efi")
    entries = find(tmp_path)
    assert set(entries) == {"some.efi", "other.efi", "broken.efi"}
    assert entries["some.efi"].release == "6.12.1"
    assert entries["some.efi"].cmdline == "root=/dev/b quiet"
    assert entries["some.efi"].title == "Some \\x1b[1mLinux"
    assert entries["broken.efi"].problem


@pytest.mark.parametrize("kernel", ["with openat2", "without"])
def test_links_never_lead_out_of_the_root(
    tmp_path: Path, kernel: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kernel == "without":
        monkeypatch.setattr("warmboot.core.rooted.open_in_root", lambda *_: None)
    outside = tmp_path / "outside"
    put(tmp_path, "outside/vmlinuz-6.66", KERNEL)
    root = tmp_path / "root"
    put(root, "boot/vmlinuz-6.12", KERNEL)
    (root / "boot/vmlinuz-1").symlink_to("../../outside/vmlinuz-6.66")
    (root / "boot/vmlinuz-2").symlink_to(outside / "vmlinuz-6.66")
    (root / "boot/vmlinuz-3").symlink_to("/boot/vmlinuz-6.12")
    (root / "boot/vmlinuz-4").symlink_to("vmlinuz-4")
    (root / "usr/lib").mkdir(parents=True)
    (root / "usr/lib/modules").symlink_to(outside)
    opened = BootRoot(root)
    with opened.held() as unlisted, opened.held() as held:
        assert len(held.names("/boot")) == 5
        for view in (opened, unlisted, held):
            assert view.identity("/boot/vmlinuz-3") == view.identity("/boot/vmlinuz-6.12")
            for name in ("/boot/vmlinuz-1", "/boot/vmlinuz-2", "/boot/../../outside/vmlinuz-6.66"):
                with pytest.raises(NotFound):
                    view.open(name)
                assert view.read_text(name) is None
            with view.open("/boot/vmlinuz-3") as file:
                assert file.view.size == len(KERNEL)
            assert not view.exists("/boot/vmlinuz-4")
    assert not held.exists("/boot/vmlinuz-1")
    entry = find(root)["vmlinuz-6.12"]
    assert "/boot/vmlinuz-3" in entry.sources


def test_a_search_holds_few_folders_open_and_none_at_its_end(tmp_path: Path) -> None:
    for number in range(40):
        put(tmp_path, f"{number}/file", "x")
    before = os.listdir("/proc/self/fd")
    with BootRoot(tmp_path).held() as held:
        for _ in range(2):
            assert [held.names(f"/{number}") for number in range(40)] == [["file"]] * 40
        assert len(os.listdir("/proc/self/fd")) < len(before) + 20
        put(tmp_path, "1/later", "y")
        assert held.read_text("/1/later") == "y"
    assert os.listdir("/proc/self/fd") == before
    assert held.read_text("/1/later") == "y"


def test_an_entry_s_paths_cannot_climb_out_of_their_partition(tmp_path: Path) -> None:
    put(tmp_path, "root/boot/loader/entries/x.conf", "linux /../../../secret\n")
    put(tmp_path, "secret", KERNEL)
    assert find(tmp_path / "root")["x.conf"].problem


def test_choosing_by_name(tmp_path: Path) -> None:
    for release in ("6.1.0", "6.12.0"):
        put(tmp_path, f"boot/vmlinuz-{release}", KERNEL + release.encode())
    listing = find_entries(BootRoot(tmp_path))
    assert resolve_entry(listing, "6.1.0").id == "vmlinuz-6.1.0"
    assert resolve_entry(listing, "vmlinuz-6.12").id == "vmlinuz-6.12.0"
    assert resolve_entry(listing, "/boot/vmlinuz-6.1.0").id == "vmlinuz-6.1.0"
    with pytest.raises(NotFound, match="2 entries"):
        resolve_entry(listing, "vmlinuz")
    with pytest.raises(NotFound) as caught:
        resolve_entry(listing, "vmlinuz-6.12.O")
    assert "vmlinuz-6.12.0" in (caught.value.hint or "")
