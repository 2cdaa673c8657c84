"""Scripts of U-Boot: their text as mkimage wraps it, the files that they name, what is listed."""

from __future__ import annotations

import random
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.cost import seconds
from support.files import put
from support.loader_files import kernel
from support.tools import needs_tool

from warmboot.core.boot.entry import Kind, Listing
from warmboot.core.boot.find import find_entries
from warmboot.core.boot.loadervars import Running
from warmboot.core.boot.root import BootRoot
from warmboot.core.boot.sources import uboot
from warmboot.core.boot.uboot_script import HERE, environment, loaded_files
from warmboot.core.errors import ImageError
from warmboot.core.images import BytesView
from warmboot.core.images.uboot import script_of

#: The form of Armbian's scripts: defaults, a file of settings, files by the script's own folder.
ARMBIAN = """\
# comment with load a b c ${prefix}vmlinuz-9
setenv load_addr "0x9000000"
setenv rootdev "/dev/mmcblk0p1"
if test -e ${devtype} ${devnum}:${distro_bootpart} ${prefix}armbianEnv.txt; then
\tload ${devtype} ${devnum}:${distro_bootpart} ${load_addr} ${prefix}armbianEnv.txt
\tenv import -t ${load_addr} ${filesize}
fi
setenv bootargs "root=${rootdev} rootwait ${extraargs}"
load ${devtype} ${devnum}:${distro_bootpart} ${ramdisk_addr_r} ${prefix}uInitrd
load ${devtype} ${devnum}:${distro_bootpart} ${kernel_addr_r} ${prefix}Image
load ${devtype} ${devnum}:${distro_bootpart} ${fdt_addr_r} ${prefix}dtb/${fdtfile}
for overlay_file in ${overlays}; do
\tload ${devtype} ${devnum} ${load_addr} ${prefix}dtb/overlay/${overlay_file}.dtbo && fdt apply
done
booti ${kernel_addr_r} ${ramdisk_addr_r} ${fdt_addr_r}
"""
RELEASE = "6.6.44-current-rockchip64"


def wrapped(folder: Path, text: str, *words: str) -> bytes:
    """Return a script as mkimage makes one."""
    source, made = folder / "boot.cmd", folder / "made"
    source.write_text(text)
    arguments = ["-C", "none", "-A", "arm", "-T", "script", *words, "-d", str(source), str(made)]
    subprocess.run([needs_tool("mkimage"), *arguments], check=True, capture_output=True)
    return made.read_bytes()


@pytest.fixture
def board(tmp_path: Path) -> Path:
    """A root as Armbian's packages leave it."""
    root = tmp_path / "root"
    put(root, f"boot/vmlinuz-{RELEASE}", kernel(RELEASE))
    put(root, f"boot/initrd.img-{RELEASE}", b"initrd")
    put(root, f"boot/uInitrd-{RELEASE}", b"wrapped")
    for link, to in (("Image", "vmlinuz"), ("uInitrd", "uInitrd")):
        (root / "boot" / link).symlink_to(f"{to}-{RELEASE}")
    put(root, "boot/armbianEnv.txt", "verbosity=1\nfdtfile=a/b.dtb\noverlays=i2c spi\n")
    return root


def listed(root: Path, folder: Path, text: str, running: Running | None = None) -> Listing:
    put(root, "boot/boot.scr", wrapped(folder, text))
    return find_entries(BootRoot(root), running)


def notices(found: Listing) -> dict[str, str]:
    return {place.place: place.result for place in found.searched if place.notice}


def test_the_kernel_of_armbian(board: Path, tmp_path: Path) -> None:
    found = listed(board, tmp_path, ARMBIAN)
    (entry,) = found.entries
    assert (entry.kind, entry.id, entry.title) == (Kind.UBOOT, "boot.scr", "U-Boot: Image")
    assert (entry.kernel, entry.initrds) == ("/boot/Image", ("/boot/uInitrd",))
    assert (entry.release, entry.cmdline, entry.default, entry.problem) == (
        RELEASE, None, True, None
    )  # fmt: skip
    assert f"vmlinuz-{RELEASE}" in entry.also
    assert entry.notes == (
        uboot.NOTE,
        "U-Boot puts overlays into the device tree: i2c spi; the running tree has its own",
    )
    assert "/boot/boot.scr" not in notices(found)


def test_what_the_running_command_line_lacks_is_said(
    board: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(board, "boot/armbianEnv.txt", "extraargs=quiet cma=256M\n")
    running = Running.read(tmp_path, RELEASE, "root=/dev/mmcblk0p1 quiet")
    (entry,) = listed(board, tmp_path, ARMBIAN, running).entries
    assert entry.notes[1:] == (
        "the running command line lacks what U-Boot would add now: cma=256M",
    )
    assert entry.running


def test_a_kernel_by_a_variable(board: Path, tmp_path: Path) -> None:
    text = f"setenv kvers '{RELEASE}'\nload mmc 0:1 ${{a}} ${{prefix}}vmlinuz-${{kvers}} && booti\n"
    (entry,) = listed(board, tmp_path, text).entries
    assert (entry.kind, entry.kernel) == (Kind.UBOOT, f"/boot/vmlinuz-{RELEASE}")


def test_a_name_that_only_u_boot_knows_may_be_another_kernel(board: Path, tmp_path: Path) -> None:
    text = "load a b c ${prefix}${bootfile} || load a b c ${prefix}Image\nload a b c $fdtfile\n"
    found = listed(board, tmp_path, text)
    (entry,) = found.entries
    assert (entry.kind, entry.default, len(entry.notes)) == (Kind.UBOOT, False, 1)
    assert (
        "by a name that only U-Boot knows: ${prefix}${bootfile}" in notices(found)["/boot/boot.scr"]
    )
    put(board, "boot/armbianEnv.txt", "bootfile=none\n")  # which this script does not read
    assert not listed(board, tmp_path, text).entries[0].default


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("load a b c ${prefix}Image; load a b c ${prefix}vmlinuz-5.9", "it names several kernels"),
        ("load a b c ${prefix}zImage", "none of the kernels that it may start is here"),
        ("bootm 1", "none of the kernels that it may start is here"),
    ],
)
def test_what_is_not_certain_is_no_entry(board: Path, tmp_path: Path, text: str, said: str) -> None:
    put(board, "boot/vmlinuz-5.9", kernel("5.9.0"))
    found = listed(board, tmp_path, text)
    assert {entry.kind for entry in found.entries} == {Kind.BOOT}
    assert said in notices(found)["/boot/boot.scr"]


def test_a_menu_comes_before_a_script(board: Path, tmp_path: Path) -> None:
    put(board, "boot/extlinux/extlinux.conf", "label l\nlinux /boot/Image\n")
    assert Kind.UBOOT not in {entry.kind for entry in listed(board, tmp_path, ARMBIAN).entries}


def test_a_damaged_script_is_named(board: Path, tmp_path: Path) -> None:
    data = bytearray(wrapped(tmp_path, ARMBIAN))
    data[100] ^= 1
    put(board, "boot/boot.scr", bytes(data))
    found = find_entries(BootRoot(board))
    assert notices(found)["/boot/boot.scr"] == "Its check sum does not fit: U-Boot refuses it"
    assert [entry.kind for entry in found.entries] == [Kind.BOOT]


def test_mkimage_wraps_what_is_read(tmp_path: Path) -> None:
    chance = random.Random(5)
    for _ in range(40):
        text = "".join(chance.choice("ab\n$'\"\\é{};") for _ in range(chance.randint(1, 300)))
        data = wrapped(tmp_path, text, "-n", chance.choice(["x", "a longer name"]))
        assert script_of(BytesView(data)) == text
        place = chance.randrange(len(data))
        damaged = data[:place] + bytes([data[place] ^ 1 << chance.randrange(8)]) + data[place + 1 :]
        with pytest.raises(ImageError):
            script_of(BytesView(damaged))
    with pytest.raises(ImageError, match="holds no script"):
        script_of(BytesView(wrapped(tmp_path, "x", "-T", "firmware")))


@given(st.binary(max_size=200))
def test_any_bytes_at_all(data: bytes) -> None:
    for head in (b"", b"\x27\x05\x19\x56"):
        with pytest.raises(ImageError):
            script_of(BytesView(head + data))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("setenv p 'a b'; load 1 2 3 /$p", ["/a b"]),
        (
            'if load 1 2 3 "${prefix}x"; then load 1 2 3 y || load 1 2 3 z; fi',
            [f"{HERE}x", "y", "z"],
        ),
        ("for i in x 'y z'; do load 1 2 3 $i; done", ["x", "y", "z"]),
        ("if x; then setenv v 1; fi\nload 1 2 3 k$v", ["k", "k1"]),
        ("x && setenv v 1; setenv w 2; load 1 2 3 k$v$w", ["k2", "k12"]),
        ("setenv v\nload 1 2 3 Image${v}", ["Image"]),
        ("setenv v 1\nsetenv v 2\nload 1 2 3 k${v}$v", ["k11", "k12", "k21", "k22"]),
        ("setenv b default\nload 1 2 3 ${b}", ["imported"]),
        ("load 1 2 3 ${unknown}/x\nload 1 2 3", []),
        ("load 1 2 \\\n 3 x # load 1 2 3 y", ["x"]),
        ("ext4load mmc 0:1 ${a} boot/zImage;env set c d;load 1 2 3 $c", ["boot/zImage", "d"]),
    ],
)
def test_files_that_a_script_names(text: str, expected: list[str]) -> None:
    assert list(loaded_files(text, environment("# x\nb=imported\r\n")).names) == expected


BOMBS = {
    "values of values": "setenv a x\n" + "setenv a $a$a\n" * 10_000 + "load 1 2 3 $a\n" * 10_000,
    "many values": "".join(f"setenv a {n}\n" for n in range(9000)) + "load 1 2 3 $a$a$a$a\n" * 999,
    "quotes": '"' * 999_999, "single": "'" * 999_999, "backslashes": "\\" * 999_999,
    "escaped": '"' + '\\"' * 500_000, "both": "\"'" * 500_000,
    "dollars": "load 1 2 3 " + "$a" * 90_000,
    "words": "load " * 200_000, "comments": "#\n" * 500_000, "ends": ";" * 999_999,
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_work_is_bounded(name: str) -> None:
    assert seconds(lambda: loaded_files(BOMBS[name], {}), 1) <= 1


@given(st.text("ab $'\"\\{};&|\n=#", max_size=80))
def test_any_text_at_all(text: str) -> None:
    assert all(isinstance(one, str) for one in loaded_files("load 1 2 3 " + text, {"a": "b"}).names)
