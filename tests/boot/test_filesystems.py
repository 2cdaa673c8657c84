"""A kernel is looked for where its boot loader would look, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.files import put
from support.loader_files import grubenv, kernel

from warmboot.core.boot.entry import Entry
from warmboot.core.boot.filesystems import By, FileSystems, Place, Slot, Spec
from warmboot.core.boot.find import find_entries
from warmboot.core.boot.grub.menu_paths import MENU_LIMIT
from warmboot.core.boot.mounts import read_slots, spec_of
from warmboot.core.boot.root import BootRoot

OURS, OTHER, THIRD = (digit * 8 + "-0000-0000-0000-000000000000" for digit in "123")
PLACES = ("/boot", "/boot/efi", "/efi")


def entries(root: Path) -> dict[str, Entry]:
    return {entry.title: entry for entry in find_entries(BootRoot(root)).entries}


def entry(title: str, search: str, path: str, root: str, more: str = "") -> str:
    return (
        f"menuentry '{title}' {{\n{search}\nlinux {path}/vmlinuz root={root} {more}\n"
        f"initrd {path}/initrd\n}}\n"
    )


def on(uuid: str) -> str:
    return f"search --no-floppy --fs-uuid --set=root {uuid}"


def system(root: Path, menu: str, fstab: str = "", above: str = "boot") -> dict[str, Entry]:
    put(root, f"{above}/vmlinuz", kernel("6.1"))
    put(root, f"{above}/initrd", "x")
    if fstab:
        put(root, "etc/fstab", fstab)
    put(root, "boot/grub/grub.cfg", menu)
    return entries(root)


def where(found: dict[str, Entry], title: str) -> tuple[str, str | None]:
    return found[title].kernel, found[title].problem


FSTAB = f"UUID={OURS} / ext4 defaults 0 1\n"


@pytest.mark.parametrize(("fstab", "first"), [("", True), (FSTAB, True), (FSTAB, False)])
def test_another_system_s_kernel_is_never_this_one_s(
    tmp_path: Path, fstab: str, *, first: bool
) -> None:
    own = entry("own", on(OURS), "/boot", f"UUID={OURS}")
    other = entry("other", on(OTHER), "/boot", f"UUID={OTHER}")
    found = system(tmp_path, own + other if first else other + own, fstab)
    assert where(found, "own") == ("/boot/vmlinuz", None)
    elsewhere, problem = where(found, "other")
    assert not elsewhere.startswith("/")
    assert problem == f"its kernel lies on the file system {OTHER}, which is not mounted here"


def test_a_menu_that_names_another_system_alone_leaves_the_files_to_themselves(
    tmp_path: Path,
) -> None:
    menu = entry("other", on(OTHER), "/boot", f"UUID={OTHER}")
    found = system(tmp_path, menu, FSTAB)
    assert found["other"].problem
    assert any(one.kernel == "/boot/vmlinuz" and not one.problem for one in found.values())


@pytest.mark.parametrize(
    "fstab", ["", f"/dev/mapper/v-root / ext4\nUUID={OURS} /boot ext4\n"]
)  # fmt: skip
def test_a_boot_partition_of_its_own(tmp_path: Path, fstab: str) -> None:
    menu = entry("own", on(OURS), "", "/dev/mapper/v-root")
    menu += entry("other", on(OTHER), "", "/dev/mapper/w-root")
    menu += entry("third", on(THIRD), "/boot", "/dev/sdb1")
    found = system(tmp_path, menu, fstab)
    assert where(found, "own") == ("/boot/vmlinuz", None)
    assert f"file system {OTHER}" in (found["other"].problem or "")
    assert not found["third"].kernel.startswith("/boot/boot")
    assert found["third"].problem


def test_a_path_on_the_root_that_a_mount_hides(tmp_path: Path) -> None:
    fstab = f"UUID={OURS} / ext4\nUUID={OTHER} /boot ext4\n"
    found = system(tmp_path, entry("own", on(OURS), "/boot", f"UUID={OURS}"), fstab)
    assert found["own"].problem == (
        f"its kernel lies on the file system {OURS}, under what is mounted at /boot"
    )


def test_labels_and_devices_and_files(tmp_path: Path) -> None:
    menu = entry("label", "search -l ROOT --set=root", "/boot", "LABEL=ROOT")
    menu += entry("other", "search --set=root --label OLD", "/boot", "LABEL=OLD")
    menu += entry("disk", "set root=hd0,gpt2", "/boot", "/dev/sda2")
    menu += entry("same disk", "set root=(hd0,2)", "/boot", "/dev/sda2")
    menu += entry("next disk", "set root=hd0,gpt3", "/boot", "/dev/sda3")
    menu += entry("file", "search --file /boot/vmlinuz --set=root", "/boot", "/dev/sda2")
    menu += entry("stick", "search --file /live.iso --set=root", "/boot", "/dev/sda2")
    found = system(tmp_path, menu, "LABEL=ROOT / ext4 defaults\n")
    here = {title for title, one in found.items() if one.kernel == "/boot/vmlinuz"}
    assert here == {"label", "disk"}  # what says the same is one entry
    assert "labelled OLD" in (found["other"].problem or "")
    assert "hd0,gpt3" in (found["next disk"].problem or "")
    assert "holds /live.iso" in (found["stick"].problem or "")


def test_subvolumes_are_where_they_are_mounted(tmp_path: Path) -> None:
    put(tmp_path, ".snapshots/7/snapshot/boot/vmlinuz", kernel("5.9"))
    put(tmp_path, ".snapshots/7/snapshot/boot/initrd", "y")
    flags = "rootflags=subvol="
    menu = entry("own", on(OURS), "/@/boot", f"UUID={OURS}", flags + "@")
    menu += entry("seven", on(OURS), "/@snapshots/7/snapshot/boot", f"UUID={OURS}",
                  flags + "@snapshots/7/snapshot")  # fmt: skip
    menu += entry("eight", on(OURS), "/@old/boot", f"UUID={OURS}", flags + "@old")
    fstab = f"UUID={OURS} / btrfs subvol=@\nUUID={OURS} /.snapshots btrfs subvol=/@snapshots\n"
    found = system(tmp_path, menu, fstab)
    assert where(found, "own") == ("/boot/vmlinuz", None)
    assert where(found, "seven") == ("/.snapshots/7/snapshot/boot/vmlinuz", None)
    assert found["seven"].initrds == ("/.snapshots/7/snapshot/boot/initrd",)
    assert "in a part of it that is not mounted here" in (found["eight"].problem or "")
    assert not found["eight"].kernel.startswith("/")


def test_a_kernel_that_is_gone_is_named_as_the_menu_names_it(tmp_path: Path) -> None:
    menu = "menuentry gone { linux /boot/vmlinuz-5 }\n" + entry("own", "", "/boot", "/dev/sda1")
    found = system(tmp_path, menu)
    assert where(found, "gone") == ("/boot/vmlinuz-5", "its kernel /boot/vmlinuz-5 is not there")
    assert where(found, "own") == ("/boot/vmlinuz", None)


def test_a_link_from_boot_to_itself_doubles_no_folder(tmp_path: Path) -> None:
    (tmp_path / "boot").mkdir()
    (tmp_path / "boot/boot").symlink_to(".")
    found = system(tmp_path, entry("own", "", "/boot", "/dev/sda1"))
    assert where(found, "own") == ("/boot/vmlinuz", None)


def test_a_menu_that_is_cut_says_so_and_offers_nothing(tmp_path: Path) -> None:
    menu = entry("own", "", "/boot", "/dev/sda1")
    found = system(tmp_path, menu + "# padding\n" * (MENU_LIMIT // 10) + menu)
    assert "only the first" in (found["own"].problem or "")
    listing = find_entries(BootRoot(tmp_path))
    assert any(look.notice and "only the first" in look.result for look in listing.searched)


def test_the_menu_in_a_folder_of_the_esp_has_its_own_environment(tmp_path: Path) -> None:
    put(tmp_path, "boot/efi/EFI/x/grubenv", grubenv({"saved_entry": "two"}))
    menu = "load_env\nset default=$saved_entry\n" + entry("one", "", "/boot", "a")
    menu += entry("two", "", "/boot", "b")
    put(tmp_path, "boot/efi/EFI/x/grub.cfg", menu)
    put(tmp_path, "boot/vmlinuz", kernel("6.1"))
    assert [e.title for e in entries(tmp_path).values() if e.default] == ["two"]


def test_the_platform_of_a_menu_is_that_of_its_modules(tmp_path: Path) -> None:
    (tmp_path / "boot/grub/i386-pc").mkdir(parents=True)
    menu = "if [ $grub_platform = efi ]; then o=efi; else o=bios; fi\n"
    found = system(tmp_path, menu + entry("own", "", "/boot", "a", "$o"))
    assert found["own"].cmdline == "root=a bios"


def test_what_starts_no_linux_counts_and_says_why(tmp_path: Path) -> None:
    menu = "set default=0\nmenuentry xen { multiboot2 /boot/xen.gz\nmodule2 /boot/vmlinuz }\n"
    found = system(tmp_path, menu + entry("own", "", "/boot", "a"))
    assert found["xen"].problem == "starts Xen (multiboot2), which kexec cannot"
    assert found["xen"].default
    assert not found["own"].default


def test_names_in_fstab() -> None:
    assert spec_of(f"UUID={OURS}") == Spec(By.UUID, OURS)
    assert spec_of('LABEL="a"') == Spec(By.LABEL, "a")
    assert spec_of("/dev/disk/by-label/a\\x20b") == Spec(By.LABEL, "a b")
    assert spec_of("/dev/disk/by-id/x") is None
    assert spec_of("/dev/sda1") == Spec(By.NODE, "/dev/sda1")
    assert spec_of("tmpfs") is None


def test_fstab_of_a_root_that_is_no_mount_point(tmp_path: Path) -> None:
    lines = (f"UUID={OURS} / btrfs subvol=@,ro 0 0", "rpool/boot /boot zfs defaults",
             "tmpfs /tmp tmpfs",
             "/srv /mnt none bind", "garbage", "/dev/sdb1 /var/ ext4")  # fmt: skip
    put(tmp_path, "etc/fstab", "\n".join(lines))
    slots = {slot.place: slot for slot in read_slots(BootRoot(tmp_path), Path("/"))}
    assert {place: slot.inside for place, slot in slots.items()} == {
        "/": "/@", "/boot": "/boot@", "/var": "/",
    }  # fmt: skip
    assert slots["/"].is_called(Spec(By.UUID, OURS.upper()))


def test_a_dataset_in_front_of_a_path(tmp_path: Path) -> None:
    put(tmp_path, "boot/vmlinuz", "x")
    slots = [Slot("/boot", "zfs", "/BOOT/one@", {By.LABEL: {"bpool"}}), Slot("/")]
    systems = FileSystems(BootRoot(tmp_path), slots, PLACES)
    place = Place(Spec(By.LABEL, "bpool"), "/BOOT/one@/vmlinuz")
    assert systems.locate("/boot", place).path == "/boot/vmlinuz"
    other = Place(Spec(By.LABEL, "bpool"), "/BOOT/two@/vmlinuz")
    assert systems.locate("/boot", other).path is None


def test_boot_loader_entries_as_grub_shows_them(tmp_path: Path) -> None:
    menu = (
        "set kernelopts='root=/dev/a ro'\nset default_kernelopts='root=/dev/b'\n"
        "set early_initrd='ucode.img'\nset default=plain-6.1-1\nblscfg\n"
    )
    put(tmp_path, "boot/grub2/grub.cfg", menu)
    head = "title {}\nversion 9\nlinux /vmlinuz\ninitrd /initrd\n"
    for name, options in (("named-6.2-1", "options $kernelopts\noptions more\n"),
                          ("plain-6.1-1", "")):  # fmt: skip
        put(tmp_path, f"boot/loader/entries/{name}.conf", head.format(name) + options)
    put(tmp_path, "boot/vmlinuz", kernel("6.1"))
    found = entries(tmp_path)
    assert list(found) == ["plain-6.1-1", "named-6.2-1"]  # plain is the greater name
    assert found["named-6.2-1"].cmdline == "root=/dev/a ro"
    assert found["plain-6.1-1"].cmdline == "root=/dev/b"
    assert found["plain-6.1-1"].initrds == ("/boot/ucode.img", "/boot/initrd")
    assert found["plain-6.1-1"].default
