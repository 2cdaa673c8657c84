"""Whatever a boot root holds: a listing comes of it, in bounds, and its text is printable."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.files import put

from warmboot.core.boot.cmdline import installed
from warmboot.core.boot.extlinux_format import parse_menu
from warmboot.core.boot.find import arrange, discover, find_entries
from warmboot.core.boot.loadervars import Running
from warmboot.core.boot.root import BootRoot, Text
from warmboot.core.boot.version_order import compare
from warmboot.core.sandbox.builders.bzimage import build_bzimage

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


def test_a_device_in_a_root_is_not_even_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Opening one can start a watchdog or rewind a tape; a FIFO waits for a writer."""
    put(tmp_path, "boot/loader/entries/x.conf", "linux /k\ninitrd /i\n")
    os.mkfifo(tmp_path / "boot/loader/loader.conf")
    os.mkfifo(tmp_path / "boot/k")
    for name in ("boot/vmlinuz-1", "boot/loader/entries/y.conf", "boot/grub/grubenv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        os.mkfifo(tmp_path / name)
    real = os.open
    opened: list[int] = []

    def watched(path: str | Path, flags: int, *rest: int, **more: int) -> int:
        fd = real(path, flags, *rest, **more)
        if not flags & os.O_PATH:
            opened.append(os.fstat(fd).st_mode)
        return fd

    monkeypatch.setattr(os, "open", watched)
    for kernel in ("with openat2", "without"):
        if kernel == "without":
            monkeypatch.setattr("warmboot.core.rooted.open_in_root", lambda *_: None)
        find_entries(BootRoot(tmp_path))
    assert opened
    assert all(stat.S_ISREG(mode) or stat.S_ISDIR(mode) for mode in opened)


def test_a_file_that_was_not_read_to_its_end_says_so(tmp_path: Path) -> None:
    put(tmp_path, "f", b"x" * 100)
    root = BootRoot(tmp_path)
    for limit, cut in ((100, None), (99, "only the first 99 of its 100 bytes were read")):
        text = root.read_text("/f", limit)
        assert text is not None
        assert (len(text), text.cut) == (limit, cut)


def test_what_was_not_read_to_its_end_is_not_used(tmp_path: Path) -> None:
    """Half a command line may start; the half that is missing may be the root."""
    put(tmp_path, "boot/vmlinuz-1", b"x" * 5000)
    filler = "#" + "x" * 70_000 + "\n"
    put(tmp_path, "boot/loader/entries/a.conf", f"linux /vmlinuz-1\noptions quiet\n{filler}")
    put(tmp_path, "boot/loader/loader.conf", f"default a\n{filler}")
    put(tmp_path, "etc/kernel/cmdline", "quiet " + "x" * 70_000)
    labels = "label l\nlinux /vmlinuz-1\nappend y\n"
    put(tmp_path, "boot/extlinux/extlinux.conf", f"include more\n{labels}")
    put(tmp_path, "boot/extlinux/more", "#" * (5 << 20))
    put(tmp_path, "boot/syslinux/syslinux.cfg", labels.replace("label l", "label many") * 1001)
    listing = find_entries(BootRoot(tmp_path))
    problems = {e.id.partition("#")[0]: e.problem or "" for e in listing.entries}
    assert "first 65536 of its" in problems["a.conf"]
    assert "first 4194304 of its" in problems["l"]
    said = {look.place: look.result for look in listing.searched if look.notice}
    assert "first 65536 of its" in said["/boot/loader/loader.conf"]
    assert "only the first 1000 labels" in said["/boot/syslinux/syslinux.cfg"]
    assert installed(BootRoot(tmp_path)) is None


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
    menu = parse_menu(text, lambda _: Text(text * 20))
    assert len(menu.labels) <= 1000
    assert menu.default is None or menu.labels or isinstance(menu.default, str)


def test_very_long_numbers_in_versions() -> None:
    assert compare("9" * 60_000, "8" * 60_000) > 0
    assert compare("0" * 60_000 + "1", "1") == 0


@pytest.mark.parametrize(
    "inner",
    [
        "source /boot/grub/grub.cfg",
        "n=x$n; export n; source /boot/grub/grub.cfg",
        "source /boot/grub/other.cfg",
        "again",
        "while true; do a=1; done",
        "while true; do source $prefix/more; done",
    ],
)
def test_a_part_of_a_menu_without_an_end_leaves_the_rest_as_it_is(
    tmp_path: Path, inner: str
) -> None:
    menu = f"function again {{ again; }}\ndefault=1\nsubmenu s {{\n{inner}\n}}\n"
    menu += "menuentry good { linux /boot/k }\n"
    put(tmp_path, "boot/grub/grub.cfg", menu)
    put(tmp_path, "boot/grub/other.cfg", "submenu o { source /boot/grub/grub.cfg; }\n")
    put(tmp_path, "boot/grub/more", "x=1\n" * 100)
    put(tmp_path, "boot/k", build_bzimage("6.1"))
    listing = find_entries(BootRoot(tmp_path))
    good = next(entry for entry in listing.entries if entry.id == "good")
    assert (good.default, good.problem) == (True, None)
    said = [place.result for place in listing.searched if place.notice]
    said += [entry.problem for entry in listing.entries if entry.problem]
    assert said
