"""Programs of SYSLINUX that a label may name: they lead to a kernel, a menu or another label."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.files import put
from support.loader_files import kernel

from warmboot.core.boot.entry import Listing
from warmboot.core.boot.extlinux_format import parse_menu
from warmboot.core.boot.find import find_entries
from warmboot.core.boot.root import BootRoot

#: As on Arch's media: what was started from tells which menu comes.
WHICH = """\
default select
label select
com32 boot/syslinux/whichsys.c32
append -pxe- pxe -sys- sys -iso- sys
label pxe
config pxe.cfg
label sys
config sys.cfg
"""
MENU = """\
ui vesamenu.c32
default {0}
label {0}
linux /boot/k
append {0}
label more
linux /boot/k
append 2
"""


def listing(root: Path, text: str, *, place: str = "boot/syslinux/syslinux.cfg") -> Listing:
    put(root, "boot/k", kernel("6.1"))
    put(root, "boot/i", b"i")
    put(root, place, text)
    for name in ("sys", "pxe"):
        put(root, f"{place.rpartition('/')[0]}/{name}.cfg", MENU.format(name))
    return find_entries(BootRoot(root))


def default(found: Listing) -> list[str]:
    return [entry.title for entry in found.entries if entry.default]


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("boot/syslinux/syslinux.cfg", "sys > sys"), ("boot/extlinux/extlinux.conf", "sys > sys"),
        ("boot/isolinux/isolinux.cfg", "sys > sys"), ("boot/pxelinux.cfg/default", "pxe > pxe"),
    ],
)  # fmt: skip
def test_the_medium_decides(tmp_path: Path, place: str, expected: str) -> None:
    found = listing(tmp_path, WHICH, place=place)
    assert default(found) == [expected]
    assert "select" not in {entry.id for entry in found.entries}


def test_a_medium_that_cannot_be_told(tmp_path: Path) -> None:
    """ISOLINUX reads syslinux.cfg too."""
    found = listing(tmp_path, WHICH.replace("-iso- sys", "-iso- pxe"))
    assert default(found) == []
    said = [place.result for place in found.searched if place.notice]
    assert said == ["it starts select, and where that leads cannot be told"]


@pytest.mark.parametrize("command", ["chain.c32 hd0", "gone", ""])
def test_what_leads_to_no_label_is_named(tmp_path: Path, command: str) -> None:
    text = f"label disk\ncom32 whichsys.c32\nappend -iso- {command}\nlabel k\nlinux /boot/k\n"
    found = listing(tmp_path, text, place="isolinux/isolinux.cfg")
    (disk,) = (entry for entry in found.entries if entry.id == "disk")
    assert disk.problem == (
        "it starts a COM32 program (it chooses by the medium), which kexec cannot do"
    )


def test_a_kernel_behind_linux_c32(tmp_path: Path) -> None:
    text = "label a\nkernel linux.c32\nappend /boot/k initrd=/boot/i root=/dev/a quiet\n"
    (entry,) = listing(tmp_path, text).entries
    assert (entry.kernel, entry.initrds, entry.cmdline) == (
        "/boot/k", ("/boot/i",), "root=/dev/a quiet"
    )  # fmt: skip
    assert entry.problem is None


@pytest.mark.parametrize("program", ["menu.c32", "/boot/syslinux/vesamenu.c32", "CONFIG.C32"])
@pytest.mark.parametrize("keyword", ["kernel", "com32"])
def test_a_menu_behind_a_program(tmp_path: Path, program: str, keyword: str) -> None:
    found = listing(tmp_path, f"label there\n{keyword} {program}\nappend sys.cfg\n")
    assert sorted(entry.title for entry in found.entries) == ["there > more", "there > sys"]
    assert default(found) == ["there > sys"]


def test_the_processor_has_64_bits(tmp_path: Path) -> None:
    text = "default auto\nlabel auto\ncom32 ifcpu64.c32\nappend big -- small\n"
    found = listing(
        tmp_path, text + "label small\nlinux /boot/k\nlabel big\nlinux /boot/k\nappend b\n"
    )
    assert default(found) == ["big"]


def test_what_else_a_program_starts(tmp_path: Path) -> None:
    found = listing(tmp_path, "label a\nkernel chain.c32\nappend hd0 1\n")
    (entry,) = (entry for entry in found.entries if entry.id == "a")
    assert entry.problem == (
        "it starts a COM32 program (another disk or boot loader), which kexec cannot do"
    )


WORDS = st.sampled_from(
    ["-iso-", "-pxe-", "-sys-", "--", "a", "b", "a.cfg", "~", "-", "initrd=x", "\\", "x.c32"]
)


@given(
    st.sampled_from(["whichsys.c32", "ifcpu64.c32", "menu.c32", "config.c32", "linux.c32"]),
    st.lists(WORDS, max_size=6),
)
def test_any_words_at_all(program: str, words: list[str]) -> None:
    """A label is listed, or leads to others; it is never its own end."""
    text = f"label a\ncom32 {program}\nappend {' '.join(words)}\nlabel b\nlinux /b\n"
    menu = parse_menu(text, {"a.cfg": text}.get)
    names = [label.name for label in menu.labels]
    assert names[0] == "a"
    assert "b" in names
    for label in menu.labels:
        assert label.into is None or (label.navigation and not label.into.navigation)
