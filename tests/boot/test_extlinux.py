"""Menus of SYSLINUX and of U-Boot: what counts, what starts, and what cannot be started here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support.files import put
from support.loader_files import kernel

from warmboot.core.boot.entry import Entry, Listing
from warmboot.core.boot.extlinux_format import Label, parse_menu
from warmboot.core.boot.find import find_entries
from warmboot.core.boot.root import BootRoot
from warmboot.core.sandbox.builders.pe import PeSection, build_pe


def menu_of(text: str, files: dict[str, str] | None = None) -> list[Label]:
    return parse_menu(text, (files or {}).get).labels


def default_of(text: str, include: Callable[[str], str | None] = lambda _: None) -> str | None:
    found = parse_menu(text, include).default
    return found.name if isinstance(found, Label) else found


def listing(root: Path, text: str) -> Listing:
    put(root, "boot/extlinux/extlinux.conf", text)
    return find_entries(BootRoot(root))


def entries(root: Path, text: str) -> dict[str, Entry]:
    return {entry.id: entry for entry in listing(root, text).entries}


LABELS = "label a\nlinux a\nlabel b\nlinux b\nlabel c\nlinux c\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (LABELS, "a"),
        (f"DEFAULT b\n{LABELS}", "b"),
        (f"DEFAULT B quiet\n{LABELS}", "b"),
        (f"default vesamenu.c32\n{LABELS}menu default\n", "c"),
        (f"{LABELS}menu default\nDefault vesamenu.c32\n", "c"),
        (f"ui menu.c32\ndefault b\n{LABELS}menu default\n", "b"),
        (f"default a\nontimeout c\n{LABELS}", "c"),
        (f"default vmlinuz root=/dev/a\n{LABELS}", "vmlinuz root=/dev/a"),
        (f"menu begin x\nlabel s\nlinux s\nmenu default\nmenu end\n{LABELS}", "a"),
        (f"menu begin x\nmenu default\nlabel s\nlinux s\nmenu end\n{LABELS}", "s"),
        (f"menu begin x\nmenu start\nlabel s\nlinux s\nmenu end\n{LABELS}", "s"),
        ("label -\nmenu label x\nmenu disable\nlabel q\nmenu quit\nlabel d\nlinux d\n", "d"),
        ("", None),
    ],
)
def test_what_starts_by_itself(text: str, expected: str | None) -> None:
    assert default_of(text) == expected


def test_help_is_for_people() -> None:
    text = "label a\nlinux k\nTEXT HELP\nkernel is signed\nAPPEND no\nlabel x\nENDTEXT\nappend q\n"
    (label,) = menu_of(text)
    assert (label.kernel, label.append) == ("k", "q")


def test_options_of_all_labels_and_initrds() -> None:
    text = (
        "append global initrd=g\nlabel a\nlinux a\nlabel b\nlinux b\nappend - \nlabel c\nlinux c\n"
        "initrd one\ninitrd two,three\nappend own initrd=four\n"
    )
    found = [(label.append, label.initrds) for label in menu_of(text)]
    assert found == [("global", ["g"]), ("", []), ("own", ["two", "three"])]


def test_submenus_are_in_front_of_the_title(tmp_path: Path) -> None:
    text = (
        "menu begin\nmenu title Old ones\nlabel a\nmenu label ^A\nlinux /k\nmenu end\n"
        "label b\nlinux /k\nappend b\n"
    )
    put(tmp_path, "boot/k", kernel("6.1"))
    assert [entry.title for entry in listing(tmp_path, text).entries][:2] == ["Old ones > A", "b"]


def test_files_are_included_within_bounds() -> None:
    files = {f"{n}.cfg": f"label {n}\nlinux {n}\ninclude {n + 1}.cfg\n" for n in range(12)}
    many = "".join(f"include {n}.cfg\n" for n in range(0, 12, 11)) + "include gone.cfg\n"
    menu = parse_menu(many, files.get)
    assert [label.name for label in menu.labels] == [*map(str, range(12)), "11"]
    assert menu.left_out == ["12.cfg, which it includes, cannot be read"] * 2 + [
        "gone.cfg, which it includes, cannot be read"
    ]
    endless = parse_menu("include a\n", lambda _: "include a\ninclude a\n")
    assert endless.left_out
    assert "too many files" in endless.left_out[0]
    assert "only the first 1000" in parse_menu("label x\n" * 1500, lambda _: None).left_out[0]


def test_kernels_are_not_known_by_their_endings(tmp_path: Path) -> None:
    for name in ("kernel.bin", "vmlinuz-6.6.0", "linux.img", "x.bin"):
        put(tmp_path, f"boot/{name}", kernel("6.6.0"))
    put(tmp_path, "boot/boot.bin", b"\x55\xaa" * 100)
    put(tmp_path, "boot/efi.bin", build_pe("x86-64", [PeSection(".text", b"x")]))
    rows = (
        ("a", "linux /kernel.bin"), ("b", "kernel /vmlinuz-6.6.0"), ("c", "kernel /linux.img"),
        ("d", "kernel /x.bin"), ("e", "kernel /boot.bin"), ("f", "kernel /x.c32"),
        ("g", "kernel /pxelinux.0"), ("h", "com32 /reboot.c32"), ("i", "localboot 0x80"),
        ("j", "config other.cfg"), ("k", "fdimage /x.img"), ("l", "kernel /efi.bin"),
        ("m", "kernel /x.bss"), ("n", "menu label nothing"),
    )  # fmt: skip
    text = "".join(f"label {name}\n{line}\nappend {name}\n" for name, line in rows)
    found = entries(tmp_path, text)
    assert [name for name in found if found[name].problem is None][:4] == ["a", "b", "c", "d"]
    assert all(found[name].problem for name in "efghijklmn")
    assert "COM32" in (found["f"].problem or "")
    assert found["n"].problem == "it names no kernel"


def test_the_name_of_a_label_may_be_its_kernel(tmp_path: Path) -> None:
    put(tmp_path, "boot/extlinux/linux", kernel("6.1"))
    found = entries(tmp_path, "label linux\nappend q\n")
    assert (found["linux"].kernel, found["linux"].problem) == ("/boot/extlinux/linux", None)


def test_a_default_may_be_a_command_line(tmp_path: Path) -> None:
    put(tmp_path, "boot/extlinux/vmlinuz", kernel("6.1"))
    (entry,) = listing(tmp_path, "default vmlinuz initrd=i root=/dev/a\n").entries
    assert (entry.cmdline, entry.initrds, entry.default) == (
        "root=/dev/a",
        ("/boot/extlinux/i",),
        True,
    )
    found = listing(tmp_path, "default gone root=/dev/a\nlabel a\nlinux vmlinuz\n")
    assert [place.result for place in found.searched if place.notice] == [
        "it starts gone root=/dev/a, which is none of its labels"
    ]


def test_device_trees(tmp_path: Path) -> None:
    put(tmp_path, "boot/k", kernel("6.1"))
    put(tmp_path, "boot/dtbs/board.dtb", b"x")
    head = "linux /k\nappend"
    found = entries(
        tmp_path,
        f"label a\n{head} a\nfdtdir /dtbs\nlabel b\n{head} b\nfdt /gone.dtb\nfdtoverlays /o /p\n"
        f"label c\n{head} c\nfdtdir /gone\nlabel d\n{head} d\nfdtdir /gone\nfdt /dtbs/board.dtb\n"
        f"label e\n{head} e\nfdt -\n",
    )
    assert [found[name].devicetree for name in "abcde"] == [
        None, "/boot/gone.dtb", None, "/boot/dtbs/board.dtb", None,
    ]  # fmt: skip
    assert "U-Boot chooses the board's device tree in /boot/dtbs" in found["a"].notes[0]
    assert found["b"].notes == (
        "its device tree /boot/gone.dtb is not there",
        "its overlay /boot/o is not there",
        "its overlay /boot/p is not there",
    )
    assert found["c"].notes == ("the folder of device trees /boot/gone is not there",)
    assert found["d"].notes == ()


def test_a_relative_path_leads_nowhere_else(tmp_path: Path) -> None:
    put(tmp_path, "boot/k", kernel("6.1"))
    found = entries(tmp_path, "label a\nlinux k\n")
    assert found["a"].problem == "its kernel /boot/extlinux/k is not there"


def test_variables_of_u_boot_are_left_out(tmp_path: Path) -> None:
    put(tmp_path, "boot/Image", kernel("5.15.148-tegra"))
    text = "label a\nlinux /boot/Image\nappend ${cbootargs} root=/dev/a x=1${y} ro  $z quiet\n"
    (entry,) = entries(tmp_path, text).values()
    assert entry.cmdline == "root=/dev/a ro  $z quiet"
    assert entry.notes == (
        "left out, because U-Boot puts in what it knows when it starts: ${cbootargs}, x=1${y}",
    )


MENU_BEHIND = "ui menu.c32\ndefault {default}\nlabel x\nlinux /x\nlabel y\nlinux /y\nmenu label Y\n"


@pytest.mark.parametrize(
    ("text", "default"),
    [
        ("default sys\nlabel pxe\nconfig absent.cfg\nlabel sys\nconfig sys.cfg\n", "sys > Y"),
        ("label sys\nmenu label ^Disk\nconfig sys.cfg\nlabel k\nlinux /x\nappend k\n", "Disk > Y"),
        ("label k\nlinux /x\nappend k\nlabel sys\nconfig sys.cfg\n", "k"),
        ("label k\nlinux /x\nappend k\nlabel sys\nconfig sys.cfg\nmenu default\n", "sys > Y"),
    ],
)
def test_menus_behind_a_label(tmp_path: Path, text: str, default: str) -> None:
    for name in "xy":
        put(tmp_path, f"boot/{name}", kernel(f"6.1.0-{name}"))
    behind = MENU_BEHIND.format(default="y") + "label back\nconfig extlinux.conf\n"
    put(tmp_path, "boot/extlinux/sys.cfg", behind)
    found = listing(tmp_path, text).entries
    assert [entry.title for entry in found if entry.default] == [default]
    titles = [entry.title for entry in found]
    assert len(titles) == len(set(titles))
    assert {title.partition(" > ")[2] for title in titles if " > " in title} == {"x", "Y"}
    assert all("another menu" in (entry.problem or "") for entry in found if entry.id == "pxe")


def test_menus_that_lead_to_each_other_end(tmp_path: Path) -> None:
    names = [f"m{number}.cfg" for number in range(40)]
    for number, name in enumerate(names):
        links = "".join(f"label c{other}\nconfig {other}\n" for other in names[number:])
        put(tmp_path, f"boot/extlinux/{name}", f"{links}label {name}\nlinux /k\n")
    put(tmp_path, "boot/k", kernel("6.1"))
    found = listing(tmp_path, "label a\nconfig m0.cfg\n").entries
    assert 1 <= len(found) <= 1000
