"""What systemd-boot starts, and what of its entries cannot be started by kexec."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.files import put
from support.loader_files import bls, kernel, loader_variable

from warmboot.core.architecture import Architecture
from warmboot.core.boot.bls_format import parse_fields
from warmboot.core.boot.entry import Entry, Listing
from warmboot.core.boot.find import find_entries
from warmboot.core.boot.glob_match import fits
from warmboot.core.boot.loadervars import Running
from warmboot.core.boot.root import BootRoot
from warmboot.core.sandbox.builders.pe import PeSection, build_pe
from warmboot.core.sandbox.builders.uki import Profile, build_uki


def listing(root: Path, *, runs: bool = False, machine: Architecture | None = None) -> Listing:
    running = Running.read(root, "9.9", "root=/dev/none") if runs else None
    return find_entries(BootRoot(root), running, machine)


def entries(root: Path) -> dict[str, Entry]:
    return {entry.id: entry for entry in listing(root).entries}


def default(root: Path, *, runs: bool = False) -> list[str]:
    return [entry.id for entry in listing(root, runs=runs).entries if entry.default]


def three(root: Path, conf: str = "timeout 3\n") -> None:
    """Three entries without a sort key; arch is the first of the list."""
    put(root, "boot/loader/loader.conf", conf)
    for name in ("arch", "arch-lts", "arch-tiny+0-3"):
        put(root, f"boot/{name}", kernel("6.1"))
        put(root, f"boot/loader/entries/{name}.conf", bls(title=name, linux=f"/{name}"))


@pytest.mark.parametrize(
    ("name", "pattern", "expected"),
    [
        ("arch.conf", "arch.conf", True),
        ("arch.conf", "ARCH.*", True),
        ("arch.conf", "arch", False),
        ("arch.conf", "a?ch.conf", True),
        ("arch.conf", "[a-c]rch.conf", True),
        ("arch.conf", "[!a-c]rch.conf", False),
        ("arch.conf", "[^b]rch.conf", True),
        ("a]b", "a[]x]b", True),
        ("a-b", "a[x-]b", True),
        ("arch.conf", "arch[[:punct:]]conf", True),
        ("arch.conf", "arch\\.conf", True),
        ("a*b", "a\\*b", True),
        ("axb", "a\\*b", False),
        ("arch.conf", "arch[.conf", False),
        ("arch.conf", "arch.conf\\", False),
        ("arch.conf", "*a*r*c*h*.*c*o*n*f*", True),
        ("", "**", True),
        ("a" * 250, "*a" * 250 + "b", False),
    ],
)
def test_patterns(name: str, pattern: str, expected: bool) -> None:
    assert fits(name, pattern) is expected


@pytest.mark.parametrize(
    ("conf", "expected"),
    [
        ("", ["arch.conf"]),
        ("default arch-lts.conf\n", ["arch-lts.conf"]),
        ("default arch-lts\n", ["arch.conf"]),
        ("default *-lts*\n", ["arch-lts.conf"]),
        ("default arch.conf\ndefault arch-lts.conf\n", ["arch-lts.conf"]),
        ("default arch-lts.conf\ndefault\n", ["arch-lts.conf"]),
        ("default arch-lts.conf\ndefault @unknown\n", ["arch-lts.conf"]),
        ("default arch.conf\npreferred arch-lts.conf\n", ["arch-lts.conf"]),
        # One that boot counting gave up is never preferred, but may be the default.
        ("preferred arch-tiny.conf\n", ["arch.conf"]),
        ("default arch-tiny.conf\n", ["arch-tiny.conf"]),
        ("default auto-windows\n", []),
    ],
)
def test_loader_conf(tmp_path: Path, conf: str, expected: list[str]) -> None:
    three(tmp_path, conf)
    assert default(tmp_path) == expected


@pytest.mark.parametrize(
    ("info", "system", "expected"),
    [
        (None, "arch", "arch.conf"),
        (None, "pop", "arch-lts.conf"),
        ("systemd-boot 244.3-1", "arch", "arch-lts.conf"),
        ("systemd-boot 258.1-1-arch", "arch", "arch.conf"),
        ("systemd-boot 249.11-0ubuntu3.12pop0~22.04", "pop", "arch-lts.conf"),
        ("systemd-boot 255.4-1ubuntu8", "pop", "arch.conf"),
    ],
)
def test_a_default_without_conf(
    tmp_path: Path, info: str | None, system: str, expected: str
) -> None:
    three(tmp_path, "default Arch-LTS\n")
    put(tmp_path, "etc/os-release", f"ID={system}\n")
    if info is not None:
        loader_variable(tmp_path, "LoaderInfo", info)
    assert default(tmp_path, runs=True) == [expected]
    said = [place.result for place in listing(tmp_path, runs=True).searched if place.notice]
    assert said == (
        [] if "lts" in expected else ["Arch-LTS is no entry: its name is Arch-LTS.conf"]
    )


def test_another_system_by_default_is_said(tmp_path: Path) -> None:
    three(tmp_path, "default auto-windows\n")
    notices = [place for place in listing(tmp_path).searched if place.notice]
    assert [(place.place, "no Linux" in place.result) for place in notices] == [
        ("/boot/loader/loader.conf", True)
    ]


def test_variables_count_more_than_the_file(tmp_path: Path) -> None:
    three(tmp_path, "default arch.conf\n")
    loader_variable(tmp_path, "LoaderEntryDefault", "arch-lts.conf")
    assert default(tmp_path, runs=True) == ["arch-lts.conf"]
    loader_variable(tmp_path, "LoaderEntryPreferred", "arch.conf")
    assert default(tmp_path, runs=True) == ["arch.conf"]
    loader_variable(tmp_path, "LoaderEntryPreferred", "@saved")
    loader_variable(tmp_path, "LoaderEntryLastBooted", "arch-tiny.conf")
    assert default(tmp_path, runs=True) == ["arch-lts.conf"]


def test_what_it_leaves_out_is_no_default(tmp_path: Path) -> None:
    three(tmp_path)
    put(tmp_path, "boot/loader/entries/z.conf", bls(linux="/gone", sort_key="a"))
    put(tmp_path, "boot/loader/entries/y.conf", bls(title="Nothing", sort_key="a"))
    put(tmp_path, "boot/loader/entries/x.conf", bls(linux="/arch", efi="/arch", sort_key="a"))
    found = entries(tmp_path)
    assert list(found)[:3] == ["z.conf", "y.conf", "x.conf"]
    assert [found[f"{name}.conf"].problem for name in "zyx"] == [
        "its kernel /boot/gone is not there",
        "it names no kernel",
        "it names linux and efi, where only one may stand",
    ]
    assert default(tmp_path) == ["arch.conf"]


def test_an_entry_for_another_machine(tmp_path: Path) -> None:
    three(tmp_path)
    for name, machine in (("x", "AA64"), ("y", "x64")):
        text = bls(linux="/arch", architecture=machine, sort_key=name)
        put(tmp_path, f"boot/loader/entries/{name}.conf", text)
    found = listing(tmp_path, machine=Architecture.X86_64).entries
    problems = {entry.id: entry.problem for entry in found}
    assert problems["x.conf"] == "it is for AA64; this machine is x86-64"
    assert problems["y.conf"] is None
    assert [entry.id for entry in found if entry.default] == ["y.conf"]


def test_an_efi_program_is_listed_and_may_be_the_default(tmp_path: Path) -> None:
    three(tmp_path, "default shell.conf\n")
    put(tmp_path, "boot/shell.efi", build_pe("x86-64", [PeSection(".text", b"x")]))
    put(tmp_path, "boot/loader/entries/shell.conf", bls(efi="/shell.efi"))
    assert "kexec cannot start it" in (entries(tmp_path)["shell.conf"].problem or "")
    assert default(tmp_path) == ["shell.conf"]


def test_what_is_not_passed_on_is_said(tmp_path: Path) -> None:
    three(tmp_path)
    text = bls(linux="/arch", extra=["/a.cred", "/b.raw"], future="1")
    put(tmp_path, "boot/loader/entries/x.conf", text + "grub_users $x\n")
    assert entries(tmp_path)["x.conf"].notes == (
        "2 extra files will not reach the new system: /a.cred, /b.raw",
        "lines that warmboot does not know are left out: future",
    )


def test_names_of_its_own_entries_are_no_default(tmp_path: Path) -> None:
    """It passes over files that are called as what it finds by itself."""
    three(tmp_path, "default *zz*\n")
    put(tmp_path, "boot/loader/entries/auto-zz.conf", bls(title="zz", linux="/arch"))
    assert "auto-zz.conf" in entries(tmp_path)
    assert default(tmp_path) == ["arch.conf"]


def test_only_spaces_and_tabs_part_words() -> None:
    """As systemd reads them; a carriage return ends a line."""
    text = "title\u00a0x\r\ttitle \t y\u3000z\r linux\t/k \n\u2003a b\noptions \u00a0 c\u00a0"
    assert parse_fields(text) == {
        "title": ["y\u3000z"], "linux": ["/k"], "\u2003a": ["b"], "options": ["\u00a0 c\u00a0"],
    }  # fmt: skip


def test_forms_of_a_file(tmp_path: Path) -> None:
    put(tmp_path, "boot/k", kernel("6.1"))
    text = (
        '\ttitle "A b"\r\n#title x\r\nlinux k\r\noptions "root=1 q"\r\ntitle\r\noptions\tx  y \r\n'
    )
    put(tmp_path, "boot/loader/entries/UP.CONF", text)
    put(tmp_path, "boot/loader/entries/.hidden.conf", text)
    (entry,) = entries(tmp_path).values()
    assert (entry.id, entry.title, entry.cmdline) == ("UP.CONF", "A b", "root=1 q x  y")
    assert entry.release == "6.1"


def test_the_release_is_the_kernels(tmp_path: Path) -> None:
    put(tmp_path, "boot/a/linux-12ab", kernel("6.12.6-1-default"))
    text = bls(linux="/a/linux-12ab", version="7@6.12.6-1-default")
    put(tmp_path, "boot/loader/entries/x.conf", text)
    entry = entries(tmp_path)["x.conf"]
    assert (entry.version, entry.release) == ("7@6.12.6-1-default", "6.12.6-1-default")


def test_entries_that_a_boot_loader_hands_over(tmp_path: Path) -> None:
    put(tmp_path, "boot/vmlinuz-6.1", kernel("6.1"))
    text = bls(title="Handed over", linux="/boot/vmlinuz-6.1", options="root=/dev/a")
    put(tmp_path, "run/boot-loader-entries/loader/entries/x.conf", text)
    put(tmp_path, "run/boot-loader-entries/loader/loader.conf", "default x.conf\n")
    entry = entries(tmp_path)["x.conf"]
    assert (entry.kernel, entry.default) == ("/boot/vmlinuz-6.1", True)


def test_profiles_of_a_linked_image(tmp_path: Path) -> None:
    profiles = [
        Profile("ID=main\nTITLE=Main\n"),
        Profile("ID=rescue\n", [(".cmdline", b"rescue")]),
    ]
    image = build_uki(
        arch="x86-64", linux=kernel("6.1"), cmdline="main", osrel="ID=x\n", profiles=profiles
    )
    put(tmp_path, "efi/x/u.efi", image)
    for number in range(3):
        text = bls(uki="/x/u.efi", profile=str(number), version="1", sort_key="x")
        put(tmp_path, f"efi/loader/entries/c@{number}.conf", text)
    found = entries(tmp_path)
    assert [(entry.cmdline, entry.release) for entry in found.values()][:2] == [
        ("main", "6.1"),
        ("rescue", "6.1"),
    ]
    assert found["c@2.conf"].problem == "/efi/x/u.efi has no profile 2"
    assert default(tmp_path) == ["c@0.conf"]


def test_an_image_that_names_no_system_is_left_out_by_its_loader(tmp_path: Path) -> None:
    put(tmp_path, "efi/EFI/Linux/a.EFI", build_uki(arch="x86-64", linux=kernel("6.1")))
    named = build_uki(arch="x86-64", linux=kernel("6.1"), osrel="ID=b\n")
    put(tmp_path, "efi/EFI/Linux/b.efi", named)
    found = entries(tmp_path)
    assert found["a.EFI"].left_out
    assert "names no operating system" in found["a.EFI"].notes[0]
    assert default(tmp_path) == ["b.efi"]


def test_an_image_that_names_its_kernel_by_a_path(tmp_path: Path) -> None:
    for number, release in enumerate(("6.12.9", "6.12.10")):
        path = f"\\EFI\\nixos\\kernel-{release}.efi"
        image = build_uki(
            arch="x86-64", linux=path.encode(), initrd=b"\\EFI\\nixos\\initrd.efi",
            osrel=f"ID=lanzaboote\nPRETTY_NAME=NixOS\nVERSION_ID={number}\n", cmdline="init=/nix/x",
            more=[(".linuxh", bytes(32)), (".initrdh", bytes(32))],
        )  # fmt: skip
        put(tmp_path, f"boot/EFI/Linux/nixos-generation-{number}-ab.efi", image)
        put(tmp_path, path.replace("\\", "/").replace("/EFI", "boot/EFI", 1), kernel(release))
    put(tmp_path, "boot/EFI/nixos/initrd.efi", b"x")
    loader_variable(tmp_path, "StubImageIdentifier", "\\EFI\\Linux\\nixos-generation-0-ab.efi")
    running = Running.read(tmp_path, "6.12.9", "init=/nix/x")
    found = find_entries(BootRoot(tmp_path), running).entries
    assert [(one.id, one.release, one.running, one.default) for one in found] == [
        ("nixos-generation-1-ab.efi", "6.12.10", False, True),
        ("nixos-generation-0-ab.efi", "6.12.9", True, False),
    ]
    assert found[0].kernel == "/boot/EFI/nixos/kernel-6.12.10.efi"
    assert (found[0].initrds, found[0].cmdline) == (("/boot/EFI/nixos/initrd.efi",), "init=/nix/x")
    assert "digests" in found[0].notes[0]
    (tmp_path / "boot/EFI/nixos/kernel-6.12.10.efi").unlink()
    assert "is not there" in (listing(tmp_path).entries[0].problem or "")
