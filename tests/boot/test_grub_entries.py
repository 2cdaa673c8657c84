"""What becomes of GRUB's menus in a list: where files lie, what starts, what cannot be told."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.files import put
from support.loader_files import kernel

from warmboot.core.boot.entry import Entry
from warmboot.core.boot.find import find_entries
from warmboot.core.boot.root import BootRoot
from warmboot.core.sandbox.builders.uki import Profile, build_uki


def menu(root: Path, text: str) -> dict[str, Entry]:
    """Write a menu beside a kernel and return the entries."""
    put(root, "boot/k", kernel("6.1"))
    put(root, "boot/grub/grub.cfg", text)
    return {entry.id: entry for entry in find_entries(BootRoot(root)).entries}


def notices(root: Path) -> list[str]:
    return [one.result for one in find_entries(BootRoot(root)).searched if one.notice]


def test_a_variable_that_only_grub_knows_is_left_out_of_boot_loader_entries(tmp_path: Path) -> None:
    put(tmp_path, "boot/loader/entries/a.conf",
        "linux /boot/k\noptions $kernelopts m=$mode $nothing quiet\n")  # fmt: skip
    put(tmp_path, "boot/loader/entries/b.conf", "linux /boot/k-$mode\n")
    put(tmp_path, "boot/loader/entries/c.conf", "linux /boot/k\n")
    text = "kernelopts='root=/dev/a ro'\nif cpuid -l; then mode=64; else mode=32; fi\n"
    found = menu(tmp_path, text + 'default_kernelopts="a $mode b"\nblscfg\n')
    assert found["a.conf"].cmdline == "root=/dev/a ro  quiet"
    assert found["a.conf"].notes == ("left out, because GRUB decides $mode when it runs",)
    assert found["b.conf"].problem == "GRUB decides $mode when it runs"
    assert (found["c.conf"].cmdline, len(found["c.conf"].notes)) == ("a b", 1)


def test_variables_of_a_menu_that_cannot_be_followed_are_not_taken_for_empty(
    tmp_path: Path,
) -> None:
    put(tmp_path, "boot/loader/entries/a.conf", "linux /boot/k\noptions $kernelopts $other ro\n")
    put(tmp_path, "boot/grub/grubenv", "# GRUB Environment Block\nkernelopts=root=/dev/a\n")
    found = menu(tmp_path, "blscfg\nwhile true; do a=1; done\n")
    assert found["a.conf"].cmdline == "root=/dev/a ro"
    assert found["a.conf"].notes == ("left out, because GRUB decides $other when it runs",)


def test_what_lies_in_an_image_is_never_read_from_this_root(tmp_path: Path) -> None:
    put(tmp_path, "boot/grub/loopback.cfg", "menuentry wrong { linux /boot/k }\n")
    text = """menuentry iso { loopback loop /x.iso
set root=(loop)
configfile /boot/grub/loopback.cfg
}
menuentry direct { loopback loop /x.iso
linux (loop)/boot/k
}
loopback l /y.iso
source (l)/boot/grub/loopback.cfg
"""
    found = menu(tmp_path, text)
    assert {"iso", "direct"} <= set(found)
    assert "wrong" not in found
    assert "the image /x.iso" in (found["iso"].problem or "")
    assert "the image /x.iso" in (found["direct"].problem or "")
    assert ["/y.iso" in one for one in notices(tmp_path)] == [True]


def test_settings_in_an_image_are_taken_from_this_root_with_a_note(tmp_path: Path) -> None:
    put(tmp_path, "etc/args.cfg", 'set args="root=LABEL=$label"\n')
    text = "menuentry a { loopback l /a.img\nlabel=A\nsource (l)/etc/args.cfg\n"
    found = menu(tmp_path, text + "linux (l)/boot/k $args\n}\n")
    assert found["a"].cmdline == "root=LABEL=A"
    assert "is taken from this root, as if it were the image /a.img" in found["a"].notes[0]
    assert "the image /a.img" in (found["a"].problem or "")


def test_names_that_only_the_menu_gives_are_said(tmp_path: Path) -> None:
    put(tmp_path, "etc/fstab", "UUID=AB-1 / ext4 defaults 0 1\n")
    text = "menuentry a { search --set=root --fs-uuid AB-1\nlinux /boot/k a\n}\n"
    text += "menuentry b { search --set=root --label DATA\nlinux /boot/k b\n}\n"
    text += "menuentry c { search --set=root --label OTHER\nlinux /boot/k c\n}\n"
    text += "menuentry d { linux ($gone)/boot/k d }\n"
    found = menu(tmp_path, text)
    assert (found["a"].problem, found["a"].notes) == (None, ())
    assert found["b"].notes == (
        "the file system labelled DATA is taken for the one at /, which nothing else says",
    )
    assert "labelled OTHER, which is not mounted here" in (found["c"].problem or "")
    assert "lies on no device" in (found["d"].problem or "")


def test_paths_from_the_default_subvolume(tmp_path: Path) -> None:
    put(tmp_path, "etc/fstab", "UUID=AB-1 / btrfs subvol=@/.snapshots/1/snapshot 0 0\n"
                               "UUID=AB-1 /.snapshots btrfs subvol=@/.snapshots 0 0\n")  # fmt: skip
    put(tmp_path, ".snapshots/3/snapshot/boot/k", kernel("6.3"))
    text = "search --set=root --fs-uuid AB-1\n"
    entry = "menuentry {0} {{ linux /boot/k {0}\n}}\n"
    other = "submenu s {\nbtrfs_subvol=/@/.snapshots/3/snapshot\nexport btrfs_subvol\n"
    other += "menuentry c { linux /boot/k c\n}\n}\n"
    plain = menu(tmp_path, text + entry.format("a"))
    assert "not mounted here" in (plain["a"].problem or "")
    relative = "set btrfs_relative_path=y\nexport btrfs_relative_path\nexport root\n"
    found = menu(tmp_path, relative + text + entry.format("a") + other)
    assert (found["a"].kernel, found["a"].problem) == ("/boot/k", None)
    assert (found["c"].kernel, found["c"].release) == ("/.snapshots/3/snapshot/boot/k", "6.3")


def test_a_default_whose_kernel_is_gone_gives_way_to_the_fallback(tmp_path: Path) -> None:
    entries = "menuentry a { linux /boot/gone }\nmenuentry b { linux /boot/lost }\n"
    entries += "menuentry c { linux /boot/k }\nsubmenu s { default=1\n"
    entries += "menuentry d { linux /boot/k d }\nmenuentry e { linux /boot/k e }\n}\n"

    def default(head: str) -> list[str]:
        return [name for name, entry in menu(tmp_path, head + entries).items() if entry.default]

    assert default("") == ["a"]
    assert default("fallback=2\n") == ["c"]
    assert notices(tmp_path) == [
        "its default a cannot be started: GRUB goes on with its fallback c"
    ]
    assert default("fallback='1 2'\n") == ["c"]
    assert default("fallback='1 9 2'\n") == ["a"]
    assert default("fallback=3\n") == ["e"]
    assert default("default=2; fallback=1\n") == ["c"]
    assert default("if cpuid -l; then fallback=2; fi\n") == []


def test_a_menu_that_leads_back_to_the_first_one_says_so(tmp_path: Path) -> None:
    found = menu(tmp_path, "menuentry a { linux /boot/k }\nmenuentry back {\n"
                           "configfile /boot/grub/grub.cfg\n}\n")  # fmt: skip
    assert list(found) == ["a", "back"]
    assert found["back"].problem == "starts no kernel"
    assert "shows the menu in /boot/grub/grub.cfg" in found["back"].notes[0]


def test_who_may_start_an_entry_is_said(tmp_path: Path) -> None:
    found = menu(tmp_path, "superusers=root\nmenuentry a --users bob { linux /boot/k }\n"
                           "menuentry b --unrestricted { linux /boot/k b }\n")  # fmt: skip
    assert "users: root, bob" in found["a"].notes[0]
    assert found["b"].notes == ()


@pytest.mark.parametrize("command", ["linux", "linuxefi"])
def test_a_command_in_front_of_the_one_that_loads(tmp_path: Path, command: str) -> None:
    put(tmp_path, "boot/i", b"x")
    text = (
        f"menuentry a {{\nsteamenv_boot {command} /boot/k root=/dev/a quiet\ninitrd /boot/i\n}}\n"
    )
    (entry,) = menu(tmp_path, text).values()
    assert (entry.kernel, entry.cmdline, entry.problem) == ("/boot/k", "root=/dev/a quiet", None)
    assert entry.initrds == ("/boot/i",)
    assert entry.notes == (
        "SteamOS's GRUB adds words of its own to the command line (steamenv_boot)",
    )


@pytest.mark.parametrize(
    ("fstab", "device", "found"),
    [
        ("/dev/vda4 / xfs defaults 0 0\n/dev/vda3 /boot ext4 defaults 0 0\n", "md/md-boot", ["b"]),
        (
            "/dev/vda4 / xfs defaults 0 0\n/dev/md/md-boot /boot ext4 defaults 0 0\n",
            "md/md-boot",
            ["a", "b"],
        ),
        ("/dev/vda4 / xfs defaults 0 0\n", "hd1", ["a", "b"]),
        ("UUID=1 / xfs defaults 0 0\n", "md0", ["a", "b"]),
        ("", "md/md-boot", ["a", "b"]),
    ],
)
def test_whether_there_is_a_disk(tmp_path: Path, fstab: str, device: str, found: list[str]) -> None:
    put(tmp_path, "etc/fstab", fstab)
    for test in (f"-e ({device})", f"-d ({device})/"):
        text = (f"if [ {test} ]; then\nmenuentry a {{ linux /boot/k 1 }}\n"
                "else\nmenuentry b { linux /boot/k 2 }\nfi\n")  # fmt: skip
        entries = menu(tmp_path, text)
        assert list(entries) == found
        assert [entry.default for entry in entries.values()] == [len(found) == 1] * len(found)


@pytest.mark.parametrize("saved", ["", "0", "1", "2", "3", "os-6.1.9.efi", "last"])
def test_unified_images_that_grub_shows(tmp_path: Path, saved: str) -> None:
    rows = ["Simple", "os-6.1.10.efi", "os-6.1.9.efi", "last"]
    for release in ("6.1.9", "6.1.10"):
        profiles = [Profile(f"p{number}", []) for number in range(2)]
        image = build_uki(arch="x86-64", linux=kernel(release), osrel="ID=os\nPRETTY_NAME=Os\n",
                          profiles=profiles if release == "6.1.9" else [])  # fmt: skip
        put(tmp_path, f"efi/EFI/Linux/os-{release}.efi", image)
    put(tmp_path, "efi/EFI/Linux/unnamed.efi", build_uki(arch="x86-64", linux=kernel("6.9")))
    text = (f"default={saved}\nmenuentry Simple {{ linux /boot/k a }}\nuki\n"
            "menuentry last --id last { linux /boot/k b }\n")  # fmt: skip
    found = menu(tmp_path, text)
    wanted = rows[int(saved or 0)] if not saved or saved.isdigit() else saved
    default = [entry for entry in found.values() if entry.default]
    assert [wanted in (one.title, one.id, one.kernel[-len(wanted) :]) for one in default] == [True]
    assert len(found) == 6


def test_uki_shows_no_boot_loader_entries(tmp_path: Path) -> None:
    put(tmp_path, "boot/loader/entries/a.conf", "linux /boot/k\noptions $x\noptions b\n")
    assert menu(tmp_path, "x=1\nuki\n")["a.conf"].cmdline == " b"


@pytest.mark.parametrize("folder", ["$prefix", "${prefix}", "($root)/boot/grub", "/boot/grub"])
@pytest.mark.parametrize("names", [("a",), ("a", "b"), ()])
def test_files_that_a_pattern_fits(tmp_path: Path, folder: str, names: tuple[str, ...]) -> None:
    for name in names:
        text = f"menuentry {name} {{ linux /boot/k {name} $version }}\n"
        put(tmp_path, f"boot/grub/d/{name}-auto.cfg", text)
    put(tmp_path, "boot/grub/d/c.cfg", "menuentry no { linux /boot/k }\n")
    loop = f"for f in {folder}/d/*-auto.cfg\ndo\n  source ${{f}}\ndone\n"
    found = menu(tmp_path, f"version=1\n{loop}menuentry z {{ linux /boot/k z }}\n")
    assert {entry.id: entry.cmdline for entry in found.values()} == {
        **{name: f"{name} 1" for name in names}, "z": "z",
    }  # fmt: skip
    first = next(iter(found.values()))
    assert first.default is (len(names) < 2)  # of several, GRUB's file system tells the order
    assert ["where in its menu" in " ".join(entry.notes) for entry in found.values()] == [
        *[len(names) > 1] * len(names), False,
    ]  # fmt: skip
