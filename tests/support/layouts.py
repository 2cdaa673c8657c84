"""Roots as distributions lay them out, built in code: what stands where, and in which words."""

from __future__ import annotations

from pathlib import Path

from support.files import put
from support.loader_files import (
    MACHINE,
    UUID,
    bls,
    grub_cfg,
    grubenv,
    kernel,
    menu_entry,
    submenu,
)
from warmboot.core.sandbox.builders.uki import Profile, build_addon, build_uki


def debian(root: Path) -> None:
    """Debian 12: GRUB with a submenu, everything in one file system."""
    options = f"root=UUID={UUID} ro  quiet"
    entries = []
    for release in ("6.1.0-25-amd64", "6.1.0-18-amd64"):
        put(root, f"boot/vmlinuz-{release}", kernel(release))
        put(root, f"boot/initrd.img-{release}", b"x")
        put(root, f"usr/lib/modules/{release}/modules.dep")
        for kind, more in (("advanced", ""), ("recovery", " single")):
            title = f"Debian GNU/Linux, with Linux {release}"
            title += " (recovery mode)" if more else ""
            line = f"/boot/vmlinuz-{release} {options if not more else options[:-6]}{more}"
            entries.append(
                menu_entry(
                    title, line, f"/boot/initrd.img-{release}",
                    ident=f"gnulinux-{release}-{kind}-{UUID}", depth=1,
                )
            )  # fmt: skip
    first = menu_entry(
        "Debian GNU/Linux",
        f"/boot/vmlinuz-6.1.0-25-amd64 {options}",
        "/boot/initrd.img-6.1.0-25-amd64",
        ident=f"gnulinux-simple-{UUID}",
    )
    more = submenu("Advanced options for Debian GNU/Linux", f"gnulinux-advanced-{UUID}", entries)
    firmware = (
        "menuentry 'UEFI Firmware Settings' $menuentry_id_option 'uefi-firmware' {\nfwsetup\n}"
    )
    put(root, "boot/grub/grub.cfg", grub_cfg(first, more, firmware))
    put(root, "boot/grub/grubenv", grubenv({}))


def debian_sid(root: Path) -> None:
    """Debian sid with systemd-boot: kernel-install's folders on an ESP at /boot/efi."""
    put(root, "etc/machine-id", MACHINE + "\n")
    for release in ("6.17.8+deb14-amd64", "6.16.12+deb14-amd64"):
        folder = f"{MACHINE}/{release}"
        put(root, f"boot/vmlinuz-{release}", kernel(release))
        put(root, f"boot/initrd.img-{release}", b"x")
        put(root, f"boot/efi/{folder}/linux", kernel(release))
        put(root, f"boot/efi/{folder}/initrd.img-{release}", b"x")
        text = bls(
            title="Debian GNU/Linux forky/sid", version=release, machine_id=MACHINE,
            sort_key="debian", options=f"root=UUID={UUID} ro systemd.machine_id={MACHINE}",
            linux=f"/{folder}/linux", initrd=f"/{folder}/initrd.img-{release}",
        )  # fmt: skip
        put(root, f"boot/efi/loader/entries/{MACHINE}-{release}.conf", text)
    put(root, "boot/efi/loader/loader.conf", "#timeout 3\n#console-mode keep\n")
    put(root, "boot/efi/loader/entries.srel", "type1\n")


def fedora(root: Path, *, saved: str = "") -> None:
    """Fedora 42: BLS entries that GRUB shows by blscfg, /boot a file system of its own."""
    releases = ("6.17.1-300.fc43.x86_64", "6.16.9-200.fc42.x86_64")
    for release in releases:
        put(root, f"boot/vmlinuz-{release}", kernel(release))
        put(root, f"boot/initramfs-{release}.img", b"x")
        put(root, f"usr/lib/modules/{release}/vmlinuz", kernel(release))
        text = bls(
            title=f"Fedora Linux ({release}) 42 (Server Edition)", version=release,
            linux=f"/vmlinuz-{release}", initrd=f"/initramfs-{release}.img $tuned_initrd",
            options="$kernelopts $tuned_params", grub_users="$grub_users",
            grub_arg="--unrestricted", grub_class="fedora",
        )  # fmt: skip
        put(root, f"boot/loader/entries/{MACHINE}-{release}.conf", text)
    variables = {"saved_entry": saved or f"{MACHINE}-{releases[0]}", "boot_success": "1",
                 "kernelopts": f"root=UUID={UUID} ro rootflags=subvol=root rhgb quiet"}  # fmt: skip
    put(root, "boot/grub2/grubenv", grubenv(variables))
    body = "insmod blscfg\nblscfg\n"
    put(root, "boot/grub2/grub.cfg", grub_cfg(body, default="${saved_entry}"))
    stub = (
        f"search --no-floppy --fs-uuid --set=dev {UUID}\nset prefix=($dev)/grub2\n"
        "export $prefix\nconfigfile $prefix/grub.cfg\n"
    )
    put(root, "boot/efi/EFI/fedora/grub.cfg", stub)


def ostree(root: Path) -> None:
    """Fedora CoreOS and bootc: deployments below /boot/ostree, loader a link to loader.1."""
    for number, digest in ((2, "a1b2"), (1, "c3d4")):
        folder = f"ostree/fedora-coreos-{digest}"
        release = f"6.1{number}.0-200.fc42.x86_64"
        put(root, f"boot/{folder}/vmlinuz-{release}", kernel(release))
        put(root, f"boot/{folder}/initramfs-{release}.img", b"x")
        text = bls(
            title=f"Fedora CoreOS 42.{number} (ostree:{2 - number})", version=str(number),
            options=f"rw ignition.platform.id=qemu ostree=/ostree/boot.1/fedora-coreos/{digest}/0",
            linux=f"/{folder}/vmlinuz-{release}", initrd=f"/{folder}/initramfs-{release}.img",
        )  # fmt: skip
        put(root, f"boot/loader.1/entries/ostree-{number}.conf", text)
    (root / "boot/loader").symlink_to("loader.1")


def arch_systemd_boot(root: Path) -> None:
    """Arch Linux with systemd-boot: entries by hand, microcode apart, and a UKI; ESP at /boot."""
    for flavour, release in (("linux", "6.17.9-arch1-1"), ("linux-lts", "6.12.58-1-lts")):
        put(root, f"boot/vmlinuz-{flavour}", kernel(release))
        put(root, f"boot/initramfs-{flavour}.img", b"x")
        put(root, f"usr/lib/modules/{release}/vmlinuz", kernel(release))
        name = "arch" if flavour == "linux" else "arch-lts"
        text = bls(
            title=f"Arch Linux ({flavour})", linux=f"/vmlinuz-{flavour}",
            initrd=["/intel-ucode.img", f"/initramfs-{flavour}.img"],
            options='root="LABEL=arch os" rw',
        )  # fmt: skip
        put(root, f"boot/loader/entries/{name}.conf", text)
    put(root, "boot/intel-ucode.img", b"x")
    put(root, "boot/loader/loader.conf", "default  arch-lts*\ntimeout 4\n")
    uki = build_uki(
        arch="x86-64", linux=kernel("6.17.9-arch1-1"), initrd=b"x" * 64,
        cmdline="root=PARTUUID=1234-01 rw quiet\n", uname="6.17.9-arch1-1",
        osrel='NAME="Arch Linux"\nPRETTY_NAME="Arch Linux"\nID=arch\n',
    )  # fmt: skip
    put(root, "boot/EFI/Linux/arch-linux.efi", uki)


def opensuse_grub(root: Path) -> None:
    """openSUSE with GRUB: linuxefi, Btrfs subvolume, several initrds, a default by title."""
    release = "6.4.0-150600.23.25-default"
    put(root, f"boot/vmlinuz-{release}", kernel(release))
    put(root, f"boot/initrd-{release}", b"x")
    (root / "boot/vmlinuz").symlink_to(f"vmlinuz-{release}")
    (root / "boot/initrd").symlink_to(f"initrd-{release}")
    options = f"root=UUID={UUID}  ${{extra_cmdline}} splash=silent mitigations=auto quiet"
    first = menu_entry(
        "openSUSE Leap 15.6", f"/boot/vmlinuz-{release} {options}", f"/boot/initrd-{release}",
        ident=f"gnulinux-simple-{UUID}", command="linuxefi",
    )  # fmt: skip
    other = menu_entry(
        "openSUSE Leap 15.6, with Linux (recovery mode)",
        f"/boot/vmlinuz-{release} root=UUID={UUID} single", f"/boot/initrd-{release}",
        ident="recovery", command="linuxefi", depth=1,
    )  # fmt: skip
    snapshots = (
        'if [ -f "/.snapshots/grub-snapshot.cfg" ]; then\n'
        '  source "/.snapshots/grub-snapshot.cfg"\nfi'
    )
    parts = (first, submenu("Advanced options for openSUSE", "advanced", [other]), snapshots)
    put(root, "boot/grub2/grub.cfg", grub_cfg(*parts, default="${saved_entry}"))
    put(root, "boot/grub2/grubenv", grubenv({"saved_entry": "openSUSE Leap 15.6"}))


def opensuse_bls(root: Path) -> None:
    """openSUSE with sdbootutil: one entry for each snapshot, files named by digest on the ESP."""
    put(root, "etc/kernel/entry-token", "opensuse-tumbleweed\n")
    release = "6.17.7-1-default"
    folder = f"opensuse-tumbleweed/{release}"
    put(root, f"boot/efi/{folder}/linux-5fa1c2", kernel(release))
    for snapshot, digest in ((12, "aa11"), (11, "bb22")):
        put(root, f"boot/efi/{folder}/initrd-{digest}", digest)
        options = f"root=UUID={UUID} rootflags=subvol=@/.snapshots/{snapshot}/snapshot quiet"
        text = bls(
            title=f"openSUSE Tumbleweed ({snapshot}@{release})", version=f"{snapshot}@{release}",
            sort_key="opensuse-tumbleweed", options=f"{options} systemd.machine_id={MACHINE}",
            linux=f"/{folder}/linux-5fa1c2", initrd=f"/{folder}/initrd-{digest}",
        )  # fmt: skip
        name = f"opensuse-tumbleweed-{release}-{snapshot}.conf"
        put(root, f"boot/efi/loader/entries/{name}", text)
    put(root, "boot/efi/loader/loader.conf", "timeout 8\n")


def ubuntu(root: Path) -> None:
    """Ubuntu: GRUB with the hand-over of the console decided by functions, /boot apart."""
    release = "6.8.0-48-generic"
    put(root, f"boot/vmlinuz-{release}", kernel(release))
    put(root, f"boot/initrd.img-{release}", b"x")
    (root / "boot/vmlinuz").symlink_to(f"vmlinuz-{release}")
    (root / "boot/initrd.img").symlink_to(f"initrd.img-{release}")
    function = """\
function gfxmode {
	set gfxpayload="${1}"
	if [ "${1}" = "keep" ]; then
		set vt_handoff=vt.handoff=7
	else
		set vt_handoff=
	fi
}
if [ "${recordfail}" != 1 ]; then
  if [ -e ${prefix}/gfxblacklist.txt ]; then
    if [ ${grub_platform} != pc ]; then
      set linux_gfx_mode=keep
    elif hwmatch ${prefix}/gfxblacklist.txt 3; then
      if [ ${match} = 0 ]; then
        set linux_gfx_mode=keep
      else
        set linux_gfx_mode=text
      fi
    else
      set linux_gfx_mode=text
    fi
  else
    set linux_gfx_mode=keep
  fi
else
  set linux_gfx_mode=text
fi
export linux_gfx_mode
"""
    entry = menu_entry(
        "Ubuntu",
        f"/vmlinuz-{release} root=/dev/mapper/ubuntu--vg-lv ro  quiet splash $vt_handoff",
        f"/initrd.img-{release}",
        ident=f"gnulinux-simple-{UUID}",
        before="gfxmode $linux_gfx_mode",
    )
    put(root, "boot/grub/grub.cfg", grub_cfg(function, entry))
    put(root, "boot/grub/grubenv", grubenv({}))


def ukis(root: Path) -> None:
    """systemd-boot with UKIs on an ESP at /efi: boot counting, profiles, add-ons."""
    release = "6.17.4"
    counted = build_uki(
        arch="x86-64", initrd=b"x" * 64, linux=kernel(release),
        cmdline="root=gpt-auto quiet\n", uname=release,
        osrel='PRETTY_NAME="Particle OS 7"\nIMAGE_ID=particle\n',
    )  # fmt: skip
    put(root, "efi/EFI/Linux/particle_7+2-1.efi", counted)
    older = build_uki(
        arch="x86-64", initrd=b"x" * 64, linux=kernel("6.16.1"), cmdline="quiet\n", uname="6.16.1",
        osrel='PRETTY_NAME="Particle OS 6"\n',
        profiles=[
            Profile("ID=main\n"),
            Profile("ID=reset\nTITLE=Factory Reset\n",
                    [(".cmdline", b"systemd.unit=factory-reset.target\n")]),
        ],
    )  # fmt: skip
    put(root, "efi/EFI/Linux/particle_6.efi", older)
    put(root, "efi/EFI/Linux/particle_5+0-3.efi", counted + bytes(16))
    put(root, "efi/loader/addons/console.addon.efi",
        build_addon(arch="x86-64", cmdline="console=ttyS0\n"))  # fmt: skip
    put(root, "efi/EFI/Linux/particle_7+2-1.efi.extra.d/debug.addon.efi",
        build_addon(arch="x86-64", cmdline="debug\n", more=[(".dtb", b"tree")]))  # fmt: skip
    put(root, "efi/EFI/Linux/particle_7+2-1.efi.extra.d/token.cred", b"x")
    put(root, "efi/loader/loader.conf", "default particle_*\n")


def raspberry(root: Path) -> None:
    """A board with U-Boot and extlinux.conf, its device tree named by the menu."""
    release = "6.12.30-current"
    put(root, f"boot/vmlinuz-{release}", kernel(release))
    put(root, f"boot/initrd.img-{release}", b"x")
    put(root, f"boot/dtbs/{release}/rockchip/board.dtb", b"x")
    put(root, "boot/dtbs/overlays/spi.dtbo", b"x")
    text = "\n".join((
        "# written by u-boot-update", "default l0", "menu title U-Boot menu", "timeout 50", "",
        "label l0", f"\tmenu label ^Debian GNU/Linux {release}", f"\tlinux /boot/vmlinuz-{release}",
        f"\tinitrd /boot/initrd.img-{release}", f"\tfdt /boot/dtbs/{release}/rockchip/board.dtb",
        "\tfdtoverlays /boot/dtbs/overlays/spi.dtbo",
        f"\tappend root=UUID={UUID} ro console=ttyS2,1500000", "",
        "label l0r", "\tmenu label rescue", f"\tlinux ../vmlinuz-{release}",
        f"\tinitrd ../initrd.img-{release}", f"\tfdtdir /boot/dtbs/{release}/",
        f"\tappend root=UUID={UUID} ro single", "",
        "label memtest", "\tkernel memtest.bin", "",
    ))  # fmt: skip
    put(root, "boot/extlinux/extlinux.conf", text)
