"""Whatever a boot root holds: a listing comes of it, in bounds, and its text is printable."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.files import put

from warmboot.core.boot import BootRoot, Running
from warmboot.core.boot.extlinux_format import parse_menu
from warmboot.core.boot.find import arrange, discover, find_entries
from warmboot.core.boot.version_order import compare

KEYS = ("title", "version", "machine-id", "sort-key", "linux", "uki", "efi", "initrd", "options",
        "devicetree", "devicetree-overlay", "architecture", "profile", "label", "append", "fdt",
        "fdtdir", "include", "menu label", "default", "kernel", "menuentry x {", "}")  # fmt: skip
VALUES = st.one_of(
    st.sampled_from(["/vmlinuz", "../../../etc/passwd", "//", "", "$kernelopts", "9" * 6000, "~",
                     "/boot/vmlinuz", "a b c", "*" * 300, "[", "\x1b[31m", "/x\0y"]),
    st.text(max_size=40),
)  # fmt: skip
TEXTS = st.lists(st.tuples(st.sampled_from(KEYS), VALUES), max_size=12).map(
    lambda pairs: "\n".join(f"{key} {value}" for key, value in pairs)
)
PLACES = (
    "boot/loader/entries/a+9-9.conf", "boot/loader/entries/b.conf", "boot/loader/loader.conf",
    "boot/grub/grub.cfg", "boot/grub/grubenv", "boot/extlinux/extlinux.conf", "etc/fstab",
    "boot/EFI/Linux/x.efi", "etc/machine-id", "etc/os-release", "boot/loader/entries.srel",
    "boot/efi/EFI/fedora/grub.cfg",
)  # fmt: skip


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.dictionaries(st.sampled_from(PLACES), TEXTS, max_size=6), VALUES)
def test_any_root_at_all(files: dict[str, str], line: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        put(root, "boot/vmlinuz", b"x" * 5000)
        for place, text in files.items():
            put(root, place, text.encode("utf-8", "surrogatepass"))
        running = Running.read(root, "6.1", line)
        listing = find_entries(BootRoot(root), running)
        for entry in listing.entries:
            assert entry.id.isprintable()
            assert entry.title.isprintable()
            assert all(source.isprintable() for source in entry.sources)
        assert len({entry.id for entry in listing.entries}) == len(listing.entries)
        assert all(
            look.place.isprintable() and look.result.isprintable() for look in listing.searched
        )


def test_names_of_any_bytes(tmp_path: Path) -> None:
    for folder, ending in (("boot/loader/entries", b".conf"), ("boot/EFI/Linux", b".efi")):
        (tmp_path / folder).mkdir(parents=True)
        for name in (b"\xff\xfe", b"a\nb", b"\x1b[2J", b"x" * 200):
            path = os.fsencode(tmp_path / folder) + b"/" + name + ending
            with open(path, "wb") as file:
                file.write(b"linux /vmlinuz\n")
    put(tmp_path, "boot/vmlinuz", b"x")
    listing = find_entries(BootRoot(tmp_path))
    assert len(listing.entries) >= 4
    assert all(entry.id.isprintable() for entry in listing.entries)


def test_special_files_and_endless_links(tmp_path: Path) -> None:
    put(tmp_path, "boot/vmlinuz-6.1", b"x" * 5000)
    (tmp_path / "boot/grub").mkdir()
    os.mkfifo(tmp_path / "boot/grub/grub.cfg")
    (tmp_path / "boot/loader").symlink_to("loader")
    (tmp_path / "boot/efi").symlink_to("/boot")
    os.mkfifo(tmp_path / "boot/vmlinuz-6.2")
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/fstab").symlink_to("/dev/zero")
    assert [entry.version for entry in find_entries(BootRoot(tmp_path)).entries][-1] == "6.1"


def test_entries_come_one_by_one_and_any_part_of_them_can_be_listed(tmp_path: Path) -> None:
    for number in range(6):
        put(tmp_path, f"boot/vmlinuz-6.{number}", b"%d" % number * 5000)
        put(tmp_path, f"boot/loader/entries/{number}.conf", f"linux /vmlinuz-6.{number}\n")
    found = discover(BootRoot(tmp_path))
    first = next(found)
    (tmp_path / "boot/loader/entries/5.conf").unlink()
    assert [entry.id for entry in arrange(BootRoot(tmp_path), [first]).entries] == ["0.conf"]
    everything = [first, *found]
    ids = [entry.id for entry in arrange(BootRoot(tmp_path), everything).entries]
    assert ids == ["4.conf", "3.conf", "2.conf", "1.conf", "0.conf", "vmlinuz-6.5"]


@settings(max_examples=200, deadline=None)
@given(TEXTS)
def test_any_extlinux_menu(text: str) -> None:
    menu = parse_menu(text, lambda _: text * 20)
    assert len(menu.labels) <= 1000
    assert menu.default is None or menu.labels or isinstance(menu.default, str)


def test_very_long_numbers_in_versions() -> None:
    assert compare("9" * 60_000, "8" * 60_000) > 0
    assert compare("0" * 60_000 + "1", "1") == 0
