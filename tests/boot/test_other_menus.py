"""Limine, rEFInd and U-Boot's scripts: read where it is certain, else named."""

from __future__ import annotations

from pathlib import Path

from support.files import put
from support.loader_files import kernel

from warmboot.core.boot.entry import Entry, Kind, Listing
from warmboot.core.boot.find import find_entries
from warmboot.core.boot.root import BootRoot
from warmboot.core.boot.sources import limine, refind
from warmboot.core.sandbox.builders.pe import PeSection, build_pe
from warmboot.core.sandbox.builders.uki import build_addon, build_uki


def listing(root: Path) -> Listing:
    return find_entries(BootRoot(root))


def entries(root: Path, kind: Kind) -> dict[str, Entry]:
    return {entry.id: entry for entry in listing(root).entries if entry.kind is kind}


LIMINE = """\
timeout: 3
${K}=boot():/vmlinuz-6.1
/Arch
    comment: x
    protocol: linux
    path: ${K}#0123abcd
    cmdline: root=/dev/a quiet
    module_path: boot():/a.img
    module_path: boot():/b.img
/+Old
//One
    protocol: linux
    kernel_path: boot():/vmlinuz-6.1
    kernel_cmdline: old
//Two
    protocol: linux
    path: guid(1234-abcd):/vmlinuz
/Windows
    protocol: efi
    path: boot():/windows.efi
/Memory test
    protocol: bios
"""


def test_limine(tmp_path: Path) -> None:
    put(tmp_path, "boot/vmlinuz-6.1", kernel("6.1"))
    put(tmp_path, "boot/windows.efi", build_pe("x86-64", [PeSection(".text", b"x")]))
    put(tmp_path, "boot/limine/limine.conf", LIMINE)
    found = entries(tmp_path, Kind.LIMINE)
    assert list(found) == ["Arch", "Old > One", "Old > Two", "Windows", "Memory test"]
    first = found["Arch"]
    assert (first.kernel, first.cmdline, first.default, first.release) == (
        "/boot/vmlinuz-6.1", "root=/dev/a quiet", True, "6.1",
    )  # fmt: skip
    assert first.initrds == ("/boot/a.img", "/boot/b.img")
    assert found["Old > One"].cmdline == "old"
    assert "guid(1234-abcd)" in (found["Old > Two"].problem or "")
    assert "EFI program" in (found["Windows"].problem or "")
    assert found["Memory test"].problem == "it starts by the protocol bios, which kexec cannot do"


def test_limine_counts_what_its_menu_shows() -> None:
    def default(wanted: str, text: str = LIMINE) -> str | None:
        item = limine.parse_menu(f"default_entry: {wanted}\n{text}").default
        return item.title if item else None

    assert [default(str(n)) for n in range(1, 7)] == [
        "Arch", None, "Old > One", "Old > Two", "Windows", "Memory test",
    ]  # fmt: skip
    closed = LIMINE.replace("/+Old", "/Old")
    assert [default(str(n), closed) for n in (2, 3)] == [None, "Windows"]
    assert default("Old/Two") == "Old > Two"
    assert [default(bad) for bad in ("0", "99", "9" * 50, "Nothing")] == [None] * 4


REFIND = """\
timeout 5
menuentry "Arch Linux" {
    icon /x.png  # loader /no
    loader /vmlinuz-6.1
    initrd /a.img
    options "root=/dev/a ""quoted"" quiet"
    submenuentry "Rescue" {
        add_options "single"
    }
    submenuentry "Other" {
        options "own"
        initrd
    }
}
menuentry Elsewhere {
    volume "DATA"
    loader /vmlinuz
}
menuentry Off {
    loader /vmlinuz-6.1
    disabled
}
"""


def test_refind_s_own_entries(tmp_path: Path) -> None:
    put(tmp_path, "efi/vmlinuz-6.1", kernel("6.1"))
    put(tmp_path, "efi/EFI/refind/refind.conf", REFIND)
    found = entries(tmp_path, Kind.REFIND)
    assert {name: entry.cmdline for name, entry in found.items()} == {
        "Arch Linux": 'root=/dev/a "quoted" quiet',
        "Arch Linux > Rescue": 'root=/dev/a "quoted" quiet single',
        "Arch Linux > Other": "own",
        "Elsewhere": "",
    }
    assert found["Arch Linux > Rescue"].initrds == ("/efi/a.img",)
    assert found["Arch Linux > Other"].initrds == ()
    assert "on the volume DATA" in (found["Elsewhere"].problem or "")
    assert not any(entry.default for entry in found.values())


def test_kernels_with_options_of_refind(tmp_path: Path) -> None:
    for release in ("6.1", "6.10"):
        put(tmp_path, f"boot/vmlinuz-{release}", kernel(release))
    put(tmp_path, "boot/initrd.img-6.1", b"x")
    text = '# x\n"Standard" "root=/dev/a quiet"\n"Initrd" "ro initrd=boot\\i-%v.img"\n"Broken"\n'
    put(tmp_path, "boot/refind_linux.conf", text)
    found = entries(tmp_path, Kind.REFIND)
    assert list(found) == ["vmlinuz-6.10", "vmlinuz-6.10@1", "vmlinuz-6.1", "vmlinuz-6.1@1"]
    assert found["vmlinuz-6.1"].initrds == ("/boot/initrd.img-6.1",)
    assert found["vmlinuz-6.1@1"].cmdline == "ro"
    assert found["vmlinuz-6.1@1"].initrds[0].endswith("/i-6.1.img")
    assert refind.split_line('a "b c" # d') == ["a", "b c"]


def test_scripts_of_uboot_are_named(tmp_path: Path) -> None:
    put(tmp_path, "boot/boot.scr", b"x")
    put(tmp_path, "boot/uEnv.txt", b"x")
    notices = [place.place for place in listing(tmp_path).searched if place.notice]
    assert notices == ["/boot/boot.scr", "/boot/uEnv.txt"]
    put(tmp_path, "boot/vmlinuz", kernel("6.1"))
    put(tmp_path, "boot/extlinux/extlinux.conf", "label a\nlinux /vmlinuz\n")
    assert not [place for place in listing(tmp_path).searched if place.notice]


def test_what_lies_among_kernels_is_named_for_what_it_is(tmp_path: Path) -> None:
    put(tmp_path, "boot/vmlinuz-6.1.0", kernel("6.1.0"))
    put(tmp_path, "boot/vmlinuz-6.1.0.old", kernel("6.1.0") + b"old")
    put(tmp_path, "boot/vmlinux-6.1.0", b"\x7fELF")
    put(tmp_path, "boot/vmlinux-6.1.0.gz", b"\x1f\x8b\x08")
    put(tmp_path, "boot/vmlinux-6.2.0", b"\x7fELF\x02")
    put(tmp_path, "boot/vmlinux-6.2.0.gz", b"\x1f\x8b\x08x")
    for name in ("xen-4.17-amd64.gz", "memtest86+x64.bin", "ipxe.lkrn", "xen-4.17-amd64.config"):
        put(tmp_path, f"boot/{name}", kernel("7"))
    put(tmp_path, "boot/uInitrd-6.1.0", b"x")
    put(tmp_path, "boot/memtest", b"")
    (tmp_path / "boot/xen").mkdir()
    found = entries(tmp_path, Kind.BOOT)
    assert found["vmlinuz-6.1.0"].problem is None
    assert (found["vmlinuz-6.1.0.old"].title, found["vmlinuz-6.1.0.old"].release) == (
        "Linux 6.1.0 (old)",
        "6.1.0",
    )
    for name in ("vmlinux-6.1.0", "vmlinux-6.1.0.gz"):
        assert "vmlinuz-6.1.0 is the one that boots" in (found[name].problem or "")
    assert found["vmlinux-6.2.0"].problem is None
    assert "vmlinux-6.2.0 is the one" in (found["vmlinux-6.2.0.gz"].problem or "")
    assert "Xen" in (found["xen-4.17-amd64.gz"].problem or "")
    assert "memory test" in (found["memtest86+x64.bin"].problem or "")
    assert "iPXE" in (found["ipxe.lkrn"].problem or "")
    assert not {"uInitrd-6.1.0", "xen"} & set(found)


OLD_LIMINE = """\
TIMEOUT=3
DEFAULT_ENTRY=2
REMEMBER_LAST_ENTRY=no
${K}=boot:///vmlinuz-6.1
:Arch
    COMMENT=x
    PROTOCOL=linux
    KERNEL_PATH=${K}#0123abcd
    KERNEL_CMDLINE=root=/dev/a key:value
    MODULE_PATH=boot:///a.img
:+Old
::One
    PROTOCOL=linux
    KERNEL_PATH=boot://2/vmlinuz-6.1
"""


def test_the_old_form_of_limine(tmp_path: Path) -> None:
    put(tmp_path, "boot/vmlinuz-6.1", kernel("6.1"))
    put(tmp_path, "boot/limine.cfg", OLD_LIMINE.replace("DEFAULT_ENTRY=2", "DEFAULT_ENTRY=1"))
    found = entries(tmp_path, Kind.LIMINE)
    assert list(found) == ["Arch", "Old > One"]
    first = found["Arch"]
    assert (first.kernel, first.cmdline, first.initrds, first.default) == (
        "/boot/vmlinuz-6.1", "root=/dev/a key:value", ("/boot/a.img",), True,
    )  # fmt: skip
    assert "boot" in (found["Old > One"].problem or "")
    put(tmp_path, "boot/limine.cfg", OLD_LIMINE.replace("LAST_ENTRY=no", "LAST_ENTRY=yes"))
    assert not any(entry.default for entry in entries(tmp_path, Kind.LIMINE).values())
    put(tmp_path, "boot/limine.conf", LIMINE)
    assert "Windows" in entries(tmp_path, Kind.LIMINE)


def test_xen_s_own_configuration(tmp_path: Path) -> None:
    put(tmp_path, "boot/efi/EFI/qubes/vmlinuz-6.1", kernel("6.1"))
    text = "[global]\ndefault=a\n[a]\noptions=loglvl=all\nkernel=vmlinuz-6.1 root=/dev/a quiet\n"
    text += "kernel=other\nramdisk=initrd.img\n[b]\n; kernel=no\nramdisk=x\n[c]\nkernel=\\gone\n"
    put(tmp_path, "boot/efi/EFI/qubes/xen.cfg", text)
    put(tmp_path, "boot/efi/EFI/qubes/xenon.txt", text)
    found = entries(tmp_path, Kind.XEN)
    assert list(found) == ["a", "c"]
    assert (found["a"].kernel, found["a"].cmdline, found["a"].initrds) == (
        "/boot/efi/EFI/qubes/vmlinuz-6.1", "root=/dev/a quiet", ("/boot/efi/EFI/qubes/initrd.img",),
    )  # fmt: skip
    assert "first domain, which kexec cannot" in (found["a"].problem or "")


def test_volumes_that_are_mounted_here(tmp_path: Path) -> None:
    put(tmp_path, "etc/fstab", "LABEL=OS / ext4 x 0 1\nPARTUUID=12-AB /boot ext4 x 0 2\n")
    put(tmp_path, "boot/vmlinuz-6.1", kernel("6.1"))
    put(tmp_path, "data/vmlinuz-6.2", kernel("6.2"))
    put(
        tmp_path,
        "efi/EFI/refind/more.conf",
        "menuentry M {\nvolume 12-ab\nloader \\vmlinuz-6.1\n}\n",
    )
    text = "include more.conf\nmenuentry O {\nvolume OS\nloader /data/vmlinuz-6.2\n}\n"
    put(tmp_path, "efi/EFI/refind/refind.conf", text)
    found = entries(tmp_path, Kind.REFIND)
    assert {name: (one.kernel, one.problem) for name, one in found.items()} == {
        "M": ("/boot/vmlinuz-6.1", None), "O": ("/data/vmlinuz-6.2", None),
    }  # fmt: skip
    put(tmp_path, "efi/EFI/refind/refind.conf", f"include gone.conf\n{text}")
    found = entries(tmp_path, Kind.REFIND)
    assert all("gone.conf, which it includes" in (one.problem or "") for one in found.values())
    text = "/A\nprotocol: linux\npath: guid(12-AB):/vmlinuz-6.1\n"
    text += "/B\nprotocol: linux\npath: fslabel(OS):/data/vmlinuz-6.2\n"
    text += "/C\nprotocol: linux\npath: fslabel(NO):/data/vmlinuz-6.2\n"
    put(tmp_path, "efi/limine.conf", text)
    found = entries(tmp_path, Kind.LIMINE)
    assert (found["A"].kernel, found["B"].kernel) == ("/boot/vmlinuz-6.1", "/data/vmlinuz-6.2")
    assert "fslabel(NO)" in (found["C"].problem or "")


def test_what_is_too_much_is_shown_in_part_and_said(tmp_path: Path) -> None:
    """Of many folders, kernels or lines the newest or first are looked at: none goes unsaid."""
    put(tmp_path, "etc/machine-id", "a" * 32)
    for number in range(70):
        put(tmp_path, f"boot/{'a' * 32}/6.{number}.0/linux", kernel(f"6.{number}.0"))
        put(tmp_path, f"efi/EFI/{number}/x", b"")
        put(tmp_path, f"boot/vmlinuz-5.{number}.0", kernel(f"5.{number}.0"))
        put(
            tmp_path,
            f"efi/loader/addons/{number}.addon.efi",
            build_addon(arch="x86-64", cmdline=f"a{number}"),
        )
    put(tmp_path, "boot/refind_linux.conf", '"a" "ro"\n' * 20)
    put(tmp_path, "efi/EFI/Linux/x.efi", build_uki(arch="x86-64", linux=kernel("6.1"), cmdline="a"))
    found = find_entries(BootRoot(tmp_path))
    said = {(place.place, place.result) for place in found.searched if place.notice}
    assert said >= {
        (f"/boot/{'a' * 32}", "only 64 of its 70 folders are looked at"),
        ("/efi/EFI", "only 64 of its 71 folders are looked at"),
        ("/boot", "only 64 of its 70 kernels are looked at"),
        ("/boot/refind_linux.conf", "only 16 of its 20 lines are looked at"),
    }
    assert {e.release for e in found.entries if e.kind is Kind.BOOT} >= {"6.69.0"}
    (image,) = (entry for entry in found.entries if entry.kind is Kind.UKI)
    assert image.problem == "it has 70 add-ons, more than 64"
