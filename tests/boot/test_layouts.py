"""Entries, default, initrds and command lines of the layouts that distributions install."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import layouts, loader_files
from support.files import put
from support.loader_files import MACHINE, UUID, loader_variable

from warmboot.core.boot.entry import Entry, Kind, Listing
from warmboot.core.boot.find import find_entries
from warmboot.core.boot.loadervars import Running
from warmboot.core.boot.resolve import resolve_entry
from warmboot.core.boot.root import BootRoot
from warmboot.core.errors import NotFound
from warmboot.core.sandbox.builders.uki import build_uki


def listing(root: Path, release: str = "", cmdline: str = "") -> Listing:
    running = Running.read(root, release, cmdline) if release else None
    return find_entries(BootRoot(root), running)


def entries(root: Path, release: str = "", cmdline: str = "") -> dict[str, Entry]:
    return {entry.id: entry for entry in listing(root, release, cmdline).entries}


def marked(found: dict[str, Entry], mark: str) -> list[str]:
    return [name for name, entry in found.items() if getattr(entry, mark)]


def test_debian(tmp_path: Path) -> None:
    layouts.debian(tmp_path)
    running = f"BOOT_IMAGE=/boot/vmlinuz-6.1.0-18-amd64 root=UUID={UUID} ro quiet"
    found = entries(tmp_path, "6.1.0-18-amd64", running)
    simple = f"gnulinux-simple-{UUID}"
    assert list(found) == [
        simple,
        f"gnulinux-6.1.0-25-amd64-recovery-{UUID}",
        f"gnulinux-6.1.0-18-amd64-advanced-{UUID}",
        f"gnulinux-6.1.0-18-amd64-recovery-{UUID}",
        "uefi-firmware",
    ]
    firmware = found.pop("uefi-firmware")
    assert firmware.problem == "starts the firmware's set-up (fwsetup), which kexec cannot"
    first = found[simple]
    assert (first.kind, first.version) == (Kind.GRUB, "6.1.0-25-amd64")
    assert first.initrds == ("/boot/initrd.img-6.1.0-25-amd64",)
    assert first.initrd_reason == "named by the menu entry"
    assert first.cmdline == f"root=UUID={UUID} ro quiet"
    assert first.sources == (
        "/boot/grub/grub.cfg#0", "/boot/grub/grub.cfg#1>0", "/boot/vmlinuz-6.1.0-25-amd64",
    )  # fmt: skip
    assert not any(entry.problem or entry.notes for entry in found.values())
    assert marked(found, "default") == [simple]
    assert marked(found, "running") == [f"gnulinux-6.1.0-18-amd64-advanced-{UUID}"]
    assert marked(found, "next") == []


def test_a_release_or_a_kernel_s_file_is_name_enough(tmp_path: Path) -> None:
    layouts.debian(tmp_path)
    found = listing(tmp_path)
    older = f"gnulinux-6.1.0-18-amd64-advanced-{UUID}"
    for name in ("6.1.0-18-amd64", "vmlinuz-6.1.0-18-amd64", "/boot/vmlinuz-6.1.0-18-amd64"):
        assert resolve_entry(found, name).id == older
    put(tmp_path, "boot/loader/entries/x.conf", "linux /y\nversion 6.1.0-18-amd64\n")
    put(tmp_path, "boot/y", loader_files.kernel("6.1.0-18-amd64") + b"y")
    with pytest.raises(NotFound, match="matches 3 entries"):
        resolve_entry(listing(tmp_path), "6.1.0-18-amd64")


def test_debian_starts_something_else_the_next_time(tmp_path: Path) -> None:
    layouts.debian(tmp_path)
    wanted = f"gnulinux-advanced-{UUID}>gnulinux-6.1.0-18-amd64-advanced-{UUID}"
    put(tmp_path, "boot/grub/grubenv", loader_files.grubenv({"next_entry": wanted}))
    found = entries(tmp_path)
    assert marked(found, "default") == [f"gnulinux-simple-{UUID}"]
    assert marked(found, "next") == [f"gnulinux-6.1.0-18-amd64-advanced-{UUID}"]
    put(tmp_path, "boot/grub/grubenv", loader_files.grubenv({"next_entry": "1>3"}))
    assert marked(entries(tmp_path), "next") == [f"gnulinux-6.1.0-18-amd64-recovery-{UUID}"]


def test_debian_sid_with_systemd_boot(tmp_path: Path) -> None:
    layouts.debian_sid(tmp_path)
    found = entries(tmp_path)
    newest = f"{MACHINE}-6.17.8+deb14-amd64.conf"
    assert list(found) == [newest, f"{MACHINE}-6.16.12+deb14-amd64.conf"]
    entry = found[newest]
    assert entry.kernel == f"/boot/efi/{MACHINE}/6.17.8+deb14-amd64/linux"
    assert entry.initrds == (
        f"/boot/efi/{MACHINE}/6.17.8+deb14-amd64/initrd.img-6.17.8+deb14-amd64",
    )
    assert "/boot/vmlinuz-6.17.8+deb14-amd64" in entry.sources
    assert entry.machine_id == MACHINE
    assert marked(found, "default") == [newest]


def test_fedora(tmp_path: Path) -> None:
    layouts.fedora(tmp_path)
    options = f"root=UUID={UUID} ro rootflags=subvol=root rhgb quiet"
    running = f"BOOT_IMAGE=(hd0,gpt2)/vmlinuz-6.16.9-200.fc42.x86_64 {options}"
    found = entries(tmp_path, "6.16.9-200.fc42.x86_64", running)
    releases = ("6.17.1-300.fc43.x86_64", "6.16.9-200.fc42.x86_64")
    newest, older = (f"{MACHINE}-{release}.conf" for release in releases)
    assert list(found) == [newest, older]
    assert found[newest].cmdline == options
    assert found[newest].initrds == ("/boot/initramfs-6.17.1-300.fc43.x86_64.img",)
    assert "/usr/lib/modules/6.17.1-300.fc43.x86_64/vmlinuz" in found[newest].sources
    assert marked(found, "default") == [newest]
    assert marked(found, "running") == [older]


def test_fedora_s_saved_entry_is_an_id_or_a_number(tmp_path: Path) -> None:
    for saved in ("1", f"{MACHINE}-6.16.9-200.fc42.x86_64"):
        layouts.fedora(tmp_path, saved=saved)
        assert marked(entries(tmp_path), "default") == [f"{MACHINE}-6.16.9-200.fc42.x86_64.conf"]


def test_ostree(tmp_path: Path) -> None:
    layouts.ostree(tmp_path)
    found = entries(tmp_path)
    assert list(found) == ["ostree-2.conf", "ostree-1.conf"]
    entry = found["ostree-2.conf"]
    assert entry.kernel == "/boot/ostree/fedora-coreos-a1b2/vmlinuz-6.12.0-200.fc42.x86_64"
    assert "ostree=/ostree/boot.1/fedora-coreos/a1b2/0" in (entry.cmdline or "")
    assert entry.problem is None
    assert marked(found, "default") == ["ostree-2.conf"]


def test_arch_with_systemd_boot_and_a_uki(tmp_path: Path) -> None:
    layouts.arch_systemd_boot(tmp_path)
    loader_variable(tmp_path, "LoaderInfo", "systemd-boot 258.1-1-arch")
    loader_variable(tmp_path, "LoaderEntrySelected", "arch.conf")
    loader_variable(tmp_path, "LoaderEntryOneShot", "arch-linux.efi")
    found = entries(tmp_path, "6.17.9-arch1-1", 'initrd=\\x root="LABEL=arch os" rw')
    assert set(found) == {"arch.conf", "arch-lts.conf", "arch-linux.efi"}
    assert found["arch.conf"].initrds == ("/boot/intel-ucode.img", "/boot/initramfs-linux.img")
    assert found["arch.conf"].cmdline == 'root="LABEL=arch os" rw'
    assert found["arch.conf"].version == "6.17.9-arch1-1"
    uki = found["arch-linux.efi"]
    assert (uki.release, uki.cmdline) == ("6.17.9-arch1-1", "root=PARTUUID=1234-01 rw quiet")
    assert uki.initrd_reason == "inside the image"
    assert marked(found, "default") == ["arch-lts.conf"]
    assert marked(found, "running") == ["arch.conf"]
    assert marked(found, "next") == ["arch-linux.efi"]


def test_arch_plain(tmp_path: Path) -> None:
    put(tmp_path, "boot/vmlinuz-linux", loader_files.kernel("6.17.9-arch1-1"))
    put(tmp_path, "boot/initramfs-linux.img", b"x")
    put(tmp_path, "boot/initramfs-linux-fallback.img", b"x")
    put(tmp_path, "usr/lib/modules/6.17.9-arch1-1/vmlinuz", loader_files.kernel("6.17.9-arch1-1"))
    (entry,) = entries(tmp_path, "6.17.9-arch1-1", "root=/dev/sda2 rw").values()
    assert entry.initrds == ("/boot/initramfs-linux.img",)
    assert entry.initrd_reason == "has the kernel's name"
    assert entry.version == "6.17.9-arch1-1"
    assert entry.cmdline is None
    assert entry.running


def test_opensuse_with_grub(tmp_path: Path) -> None:
    layouts.opensuse_grub(tmp_path)
    found = entries(tmp_path)
    assert list(found) == [f"gnulinux-simple-{UUID}", "recovery"]
    first = found[f"gnulinux-simple-{UUID}"]
    assert first.cmdline == f"root=UUID={UUID} splash=silent mitigations=auto quiet"
    assert first.initrds == ("/boot/initrd-6.4.0-150600.23.25-default",)
    assert {"/boot/vmlinuz", "/boot/vmlinuz-6.4.0-150600.23.25-default"} <= set(first.sources)
    assert marked(found, "default") == [f"gnulinux-simple-{UUID}"]


def test_opensuse_with_boot_loader_entries(tmp_path: Path) -> None:
    layouts.opensuse_bls(tmp_path)
    found = entries(tmp_path)
    assert list(found) == [f"opensuse-tumbleweed-6.17.7-1-default-{n}.conf" for n in (12, 11)]
    first, second = found.values()
    assert first.initrds == ("/boot/efi/opensuse-tumbleweed/6.17.7-1-default/initrd-aa11",)
    assert second.initrds == ("/boot/efi/opensuse-tumbleweed/6.17.7-1-default/initrd-bb22",)
    assert marked(found, "default") == [first.id]


def test_ubuntu(tmp_path: Path) -> None:
    layouts.ubuntu(tmp_path)
    (entry,) = entries(tmp_path).values()
    assert entry.cmdline == "root=/dev/mapper/ubuntu--vg-lv ro quiet splash vt.handoff=7"
    assert entry.kernel == "/boot/vmlinuz-6.8.0-48-generic"
    assert entry.initrds == ("/boot/initrd.img-6.8.0-48-generic",)
    assert entry.problem is None
    assert entry.default


def test_ubuntu_where_only_grub_knows_the_graphics_mode(tmp_path: Path) -> None:
    layouts.ubuntu(tmp_path)
    put(tmp_path, "boot/grub/gfxblacklist.txt", "x")
    (entry,) = entries(tmp_path).values()
    assert entry.cmdline == "root=/dev/mapper/ubuntu--vg-lv ro quiet splash"
    assert entry.notes == ("left out, because GRUB decides $vt_handoff when it runs",)
    assert entry.problem is None


def test_unified_images_with_profiles_addons_and_boot_counting(tmp_path: Path) -> None:
    layouts.ukis(tmp_path)
    found = entries(tmp_path)
    assert list(found) == [
        "particle_7.efi", "particle_6.efi@main", "particle_6.efi@reset", "particle_5.efi",
    ]  # fmt: skip
    first = found["particle_7.efi"]
    assert (first.tries_left, first.tries_done) == (2, 1)
    assert first.title == "Particle OS 7"
    assert first.cmdline == "root=gpt-auto quiet console=ttyS0 debug"
    assert len(first.addons) == 2
    assert first.overlays == ("/efi/EFI/Linux/particle_7+2-1.efi.extra.d/debug.addon.efi",)
    assert first.notes == (
        "1 credential or extension in particle_7+2-1.efi.extra.d will not reach the new system",
    )
    assert found["particle_6.efi@main"].cmdline == "quiet console=ttyS0"
    reset = found["particle_6.efi@reset"]
    assert (reset.title, reset.profile) == ("Particle OS 6 (Factory Reset)", 1)
    assert reset.cmdline == "systemd.unit=factory-reset.target console=ttyS0"
    assert found["particle_5.efi"].bad
    assert marked(found, "default") == ["particle_7.efi"]


def test_a_board_with_extlinux(tmp_path: Path) -> None:
    layouts.raspberry(tmp_path)
    found = entries(tmp_path)
    assert list(found) == ["l0", "l0r", "memtest"]
    first = found["l0"]
    assert (first.kind, first.title) == (Kind.EXTLINUX, "Debian GNU/Linux 6.12.30-current")
    assert first.devicetree == "/boot/dtbs/6.12.30-current/rockchip/board.dtb"
    assert first.overlays == ("/boot/dtbs/overlays/spi.dtbo",)
    assert first.cmdline == f"root=UUID={UUID} ro console=ttyS2,1500000"
    assert found["l0r"].kernel == "/boot/vmlinuz-6.12.30-current"
    assert found["l0r"].devicetree is None
    assert "/boot/dtbs/6.12.30-current" in found["l0r"].notes[0]
    assert "boot sector" in (found["memtest"].problem or "")
    assert marked(found, "default") == ["l0"]


def test_a_dataset_of_zfs_is_a_plain_folder(tmp_path: Path) -> None:
    put(tmp_path, "boot/vmlinuz-6.12.0_1", loader_files.kernel("6.12.0_1"))
    put(tmp_path, "boot/initramfs-6.12.0_1.img", b"x")
    (entry,) = entries(tmp_path).values()
    assert entry.initrds == ("/boot/initramfs-6.12.0_1.img",)


def test_kernel_install_without_entries(tmp_path: Path) -> None:
    put(tmp_path, "etc/kernel/entry-token", "my-token\n")
    put(tmp_path, "boot/my-token/6.17.0/linux", loader_files.kernel("6.17.0"))
    for name in ("initrd", "microcode-amd", "initrd.extra"):
        put(tmp_path, f"boot/my-token/6.17.0/{name}", b"x")
    put(tmp_path, "boot/other-token/6.17.0/linux", loader_files.kernel("6.17.0"))
    (entry,) = entries(tmp_path).values()
    assert entry.id == "my-token/6.17.0"
    assert [path.rpartition("/")[2] for path in entry.initrds] == [
        "microcode-amd", "initrd", "initrd.extra",
    ]  # fmt: skip


def test_an_esp_that_is_not_mounted_is_named(tmp_path: Path) -> None:
    put(tmp_path, "etc/fstab", "UUID=AB-CD /boot/efi vfat umask=0077 0 1\n# /x\nUUID=1 / ext4\n")
    (tmp_path / "boot/efi").mkdir(parents=True)
    looked = {look.place: look.result for look in listing(tmp_path).searched}
    assert "not mounted" in looked["/boot/efi"]
    assert [look.place for look in listing(tmp_path).searched if look.notice] == ["/boot/efi"]
    put(tmp_path, "boot/efi/EFI/BOOT/BOOTX64.EFI", b"x")
    assert "/boot/efi" not in {look.place for look in listing(tmp_path).searched}


def test_an_esp_in_an_unusual_place_is_found_by_fstab(tmp_path: Path) -> None:
    put(tmp_path, "etc/fstab", "UUID=AB-CD /mnt/my\\040esp vfat defaults 0 1\n")
    put(tmp_path, "mnt/my esp/EFI/Linux/x.efi", build_uki(
        arch="x86-64", linux=loader_files.kernel("6.1"), uname="6.1", cmdline="quiet"))  # fmt: skip
    assert "x.efi" in entries(tmp_path)


def test_entries_srel_of_another_kind(tmp_path: Path) -> None:
    layouts.debian_sid(tmp_path)
    put(tmp_path, "boot/efi/loader/entries.srel", "type9\n")
    found = listing(tmp_path)
    assert all(entry.kind is not Kind.BLS for entry in found.entries)
    assert any("entries.srel says type9" in look.result for look in found.searched)
