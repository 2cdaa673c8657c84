"""The entry that runs is known by all that the system tells; any entry by each of its names."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.files import put
from support.loader_files import bls, kernel, loader_variable

from warmboot.core.boot.entry import Listing
from warmboot.core.boot.find import find_entries
from warmboot.core.boot.loadervars import Running
from warmboot.core.boot.resolve import resolve_entry
from warmboot.core.boot.root import BootRoot
from warmboot.core.errors import NotFound
from warmboot.core.sandbox.builders.bzimage import build_bzimage
from warmboot.core.sandbox.builders.uki import Profile, build_uki


def listing(root: Path, release: str, cmdline: str) -> Listing:
    return find_entries(BootRoot(root), Running.read(root, release, cmdline))


def running(root: Path, release: str, cmdline: str) -> list[str]:
    return [entry.id for entry in listing(root, release, cmdline).entries if entry.running]


def deployments(root: Path, boot: int) -> None:
    """Two deployments of one kernel; BOOT is the version of the entries."""
    put(root, "boot/ostree/a-1/vmlinuz-6.1", kernel("6.1"))
    put(root, "boot/ostree/a-2/vmlinuz-6.1", kernel("6.1") + b"x")
    for number in (1, 2):
        text = bls(
            title=f"a {number}",
            version=str(number),
            linux=f"/boot/ostree/a-{number}/vmlinuz-6.1",
            options=f"root=/dev/a ostree=/ostree/boot.{boot}/a/{number * 4:x}/0",
        )
        put(root, f"boot/loader/entries/ostree-{number}.conf", text)


@pytest.mark.parametrize("boot", [0, 1])
def test_a_deployment_is_known_after_another_was_added(tmp_path: Path, boot: int) -> None:
    deployments(tmp_path, boot)
    line = "BOOT_IMAGE=(hd0,gpt3)/ostree/a-1/vmlinuz-6.1 root=/dev/a ostree=/ostree/boot.0/a/4/0"
    assert running(tmp_path, "6.1", line) == ["ostree-1.conf"]
    assert running(tmp_path, "6.1", line.replace("/4/", "/c/")) == []
    assert running(tmp_path, "6.2", line) == []


def test_what_was_selected_does_not_count_after_a_kexec(tmp_path: Path) -> None:
    loader_variable(tmp_path, "LoaderEntrySelected", "a.conf")
    for name, options in (("a", "root=/dev/a"), ("b", "root=/dev/a single")):
        put(tmp_path, f"boot/{name}", kernel("6.1"))
        put(tmp_path, f"boot/loader/entries/{name}.conf", bls(linux=f"/{name}", options=options))
    assert running(tmp_path, "6.1", "root=/dev/a edited") == ["a.conf"]
    assert running(tmp_path, "6.1", "root=/dev/a") == ["a.conf"]
    assert running(tmp_path, "6.1", "root=/dev/a single") == ["b.conf"]


@pytest.mark.parametrize(
    ("name", "releases"),
    [
        ("vmlinuz-6.{}-x86_64", ("6.6.65-1-MANJARO", "6.12.4-1-MANJARO")),
        ("vmlinuz-6.12.{}-generic", ("6.12.57", "6.12.58")),
        ("kernel-org.example.6.12.{}", ("6.12.9-312.current", "6.12.10-313.current")),
    ],
)
def test_a_file_s_name_is_not_its_release(
    tmp_path: Path, name: str, releases: tuple[str, str]
) -> None:
    files = [name.format(number) for number in (6, 12)]
    menu = ""
    for file, release in zip(files, releases, strict=True):
        put(tmp_path, f"boot/{file}", kernel(release))
        menu += f"menuentry '{file}' {{\n linux /boot/{file} root=/dev/a ro\n}}\n"
    put(tmp_path, "boot/grub/grub.cfg", menu)
    for file, release in zip(files, releases, strict=True):
        found = listing(tmp_path, release, f"BOOT_IMAGE=/boot/{file} root=/dev/a ro")
        assert [entry.title for entry in found.entries if entry.running] == [file]
        assert resolve_entry(found, release).title == file
    assert running(tmp_path, "6.12.0-other", "root=/dev/a ro") == []


@pytest.mark.parametrize("sort_key", [None, "arch"])
def test_a_kernel_s_file_is_the_first_entry_not_its_fallback(
    tmp_path: Path, sort_key: str | None
) -> None:
    file = "usr/lib/modules/6.17.9-arch1-1/vmlinuz"
    for path in ("boot/vmlinuz-linux", file):
        put(tmp_path, path, kernel("6.17.9-arch1-1"))
    for name in ("arch", "arch-fallback"):
        keys = {} if sort_key is None else {"sort_key": name, "version": "6.17.9"}
        text = bls(title=name, linux="/vmlinuz-linux", **keys)
        put(tmp_path, f"boot/loader/entries/{name}.conf", text)
    found = find_entries(BootRoot(tmp_path))
    assert [entry.title for entry in found.entries] == ["arch", "arch-fallback"]
    for name in (f"/{file}", "vmlinuz-linux", "6.17.9-arch1-1", "modules/6.17.9-arch1-1"):
        assert resolve_entry(found, name).title == "arch"


@pytest.mark.parametrize("link", ["vmlinuz", "vmlinuz.old"])
def test_a_link_to_a_copy_is_the_copy(tmp_path: Path, link: str) -> None:
    put(tmp_path, "boot/efi/EFI/os/vmlinuz.efi", kernel("6.9.3-generic"))
    put(tmp_path, "boot/efi/loader/entries/os.conf", bls(linux="/EFI/os/vmlinuz.efi"))
    put(tmp_path, "boot/vmlinuz-6.9.3-generic", kernel("6.9.3-generic"))
    (tmp_path / "boot" / link).symlink_to("vmlinuz-6.9.3-generic")
    (entry,) = find_entries(BootRoot(tmp_path)).entries
    assert link in entry.also


def test_two_builds_of_one_release(tmp_path: Path) -> None:
    for name, build in (("vmlinuz-6.1.0", "#2 SMP new"), ("vmlinuz-6.1.0.old", "#1 SMP old")):
        image = bytearray(build_bzimage("6.1.0", body_size=4096))
        text = f"6.1.0 (a@b) {build}\0".encode()
        pointer = int.from_bytes(image[0x20E:0x210], "little") + 0x200
        image[pointer : pointer + len(text)] = text
        put(tmp_path, f"boot/{name}", bytes(image))
    put(tmp_path, "proc/sys/kernel/version", "#1 SMP old\n")
    assert running(tmp_path, "6.1.0", "quiet") == ["vmlinuz-6.1.0.old"]
    put(tmp_path, "proc/sys/kernel/version", "#7 SMP other\n")
    assert running(tmp_path, "6.1.0", "quiet") == []


def test_names(tmp_path: Path) -> None:
    for name, release in (("a", "6.1.1"), ("b", "6.10.2")):
        put(tmp_path, f"boot/{name}-linux", kernel(release))
        text = bls(title=f"Linux {name}", linux=f"/{name}-linux", version="1", sort_key=name)
        put(tmp_path, f"boot/loader/entries/{name}-entry.conf", text)
    loader_variable(tmp_path, "LoaderEntryOneShot", "b-entry.conf")
    found = listing(tmp_path, "6.1.1", "")
    for name in (
        "a-entry.conf", "a-entry", "Linux a", "6.1.1", "/boot/a-linux", "a-linux",
        "/boot/loader/entries/a-entry.conf", "a-e", "@default", "@running",
    ):  # fmt: skip
        assert resolve_entry(found, name).id == "a-entry.conf", name
    assert resolve_entry(found, "@next").id == "b-entry.conf"
    assert resolve_entry(found, "@newest").release == "6.10.2"
    with pytest.raises(NotFound) as error:
        resolve_entry(found, "1")
    assert error.value.hint == "Name one of: a-entry.conf, b-entry.conf."
    with pytest.raises(NotFound, match="No entry is called"):
        resolve_entry(found, "@other")
    nothing = find_entries(BootRoot(tmp_path / "boot/loader"))
    for name in ("@default", "@next", "@newest", "@running", "", "x"):
        with pytest.raises(NotFound) as error:
            resolve_entry(nothing, name)
        assert error.value.hint


def test_names_that_fit_several_are_named(tmp_path: Path) -> None:
    for number in range(9):
        put(tmp_path, f"boot/k{number}", kernel(f"6.{number}"))
        put(tmp_path, f"boot/loader/entries/e{number}.conf", bls(title="Same", linux=f"/k{number}"))
    with pytest.raises(NotFound) as error:
        resolve_entry(find_entries(BootRoot(tmp_path)), "Same")
    assert "and 3 more" in (error.value.hint or "")


def test_merged_entries_keep_their_names_and_notes(tmp_path: Path) -> None:
    put(tmp_path, "boot/vmlinuz-6.1", kernel("6.1"))
    text = "label {0}\nmenu label {0} title\nlinux /vmlinuz-6.1\n{1}"
    menu = text.format("a", "") + text.format("b", "") + text.format("c", "sysappend 2\n")
    put(tmp_path, "boot/extlinux/extlinux.conf", menu)
    found = find_entries(BootRoot(tmp_path))
    assert [entry.id for entry in found.entries] == ["a", "c"]
    assert found.entries[0].also[:2] == ("b title", "b")
    assert "SYSAPPEND" in found.entries[1].notes[0]
    assert resolve_entry(found, "b title").id == resolve_entry(found, "b").id == "a"


def test_the_entry_that_a_kexec_went_into_counts_before_what_the_boot_loader_says(
    tmp_path: Path,
) -> None:
    loader_variable(tmp_path, "LoaderEntrySelected", "a.conf")
    for name in ("a", "b"):
        put(tmp_path, f"boot/{name}", kernel("6.1"))
        put(tmp_path, f"boot/loader/entries/{name}.conf", bls(linux=f"/{name}", options="ro"))
    for started, expected in ((None, "a.conf"), ("b.conf", "b.conf"), ("gone", "a.conf")):
        read = Running.read(tmp_path, "6.1", "ro edited", started)
        found = [one.id for one in find_entries(BootRoot(tmp_path), read).entries if one.running]
        assert found == ([expected] if started != "gone" else [])


def test_a_unified_image_is_known_by_its_stub(tmp_path: Path) -> None:
    for name in ("a", "b"):
        image = build_uki(arch="x86-64", linux=kernel("6.1"), uname="6.1", cmdline="ro",
                          osrel=f"ID=x\nPRETTY_NAME={name}\n",
                          profiles=[Profile("ID=main\n"), Profile("ID=other\n")])  # fmt: skip
        put(tmp_path, f"efi/EFI/Linux/{name}.efi", image)
    loader_variable(tmp_path, "StubImageIdentifier", "\\EFI\\Linux\\B.efi")
    assert running(tmp_path, "6.1", "ro edited") == ["b.efi@main"]
    loader_variable(tmp_path, "StubProfile", "1")
    assert running(tmp_path, "6.1", "ro edited") == ["b.efi@other"]
    assert running(tmp_path, "6.2", "ro") == []
