"""What the firmware of a Raspberry Pi starts, on the board that runs and on those that may."""

from __future__ import annotations

import gzip
import random
from pathlib import Path

import pytest
from support.files import put
from support.loader_files import kernel

from warmboot.core.boot.entry import Entry, Kind, Listing
from warmboot.core.boot.find import find_entries
from warmboot.core.boot.loadervars import Running
from warmboot.core.boot.raspberry_pi_format import configuration, models, read_settings
from warmboot.core.boot.root import BootRoot
from warmboot.core.images.devicetree import Board

LINE = "console=tty1 root=PARTUUID=1\n"
#: The documentation's table: which boards a filter counts on, by their names in the device tree.
FILTERS = {
    "pi0": ("model-zero", "model-zero-w", "model-zero-2-w"),
    "pi0w": ("model-zero-w", "model-zero-2-w"), "pi02": ("model-zero-2-w",),
    "pi1": ("model-a", "model-b", "model-b-rev2", "model-a-plus", "compute-module"),
    "pi2": ("2-model-b", "2-model-b-rev2"),
    "pi3": ("3-model-b", "3-model-b-plus", "3-model-a-plus", "3-compute-module"),
    "pi3+": ("3-model-b-plus", "3-model-a-plus"), "pi400": ("400",),
    "pi4": ("4-model-b", "400", "4-compute-module", "4-compute-module-s"),
    "cm4": ("4-compute-module",), "cm4s": ("4-compute-module-s",), "pi500": ("500",),
    "pi5": ("5-model-b", "500", "5-compute-module"), "cm5": ("5-compute-module",),
}  # fmt: skip
BOARDS = sorted({board for boards in FILTERS.values() for board in boards})


def listing(root: Path, board: str | None = None) -> Listing:
    running = None
    if board is not None:
        names = f"raspberrypi,{board}\0brcm,bcm2711\0"
        put(root, "sys/firmware/devicetree/base/compatible", names)
        running = Running.read(root, "6.12", "quiet")
    return find_entries(BootRoot(root), running)


def entries(root: Path, board: str | None = None) -> dict[str, Entry]:
    found = listing(root, board).entries
    return {one.kernel.removeprefix("/boot/"): one for one in found if one.kind is Kind.PI}


def configure(root: Path, text: str, *kernels: str, base: str = "boot/firmware") -> None:
    put(root, f"{base}/config.txt", text)
    put(root, f"{base}/cmdline.txt", LINE)
    for number, name in enumerate(kernels):
        put(root, f"{base}/{name}", kernel(f"6.12.{number}"))


def defaults(found: dict[str, Entry]) -> list[str]:
    return [name for name, entry in found.items() if entry.default]


def test_what_every_board_starts(tmp_path: Path) -> None:
    text = "kernel=kernel8.img\ninitramfs a,b followkernel\n"
    configure(tmp_path, text, "kernel8.img", "kernel.img")
    put(tmp_path, "boot/firmware/cmdline.txt", LINE + "more\n")
    ((name, one),) = entries(tmp_path).items()
    assert (name, one.default, one.cmdline) == ("firmware/kernel8.img", True, LINE.strip())
    assert one.initrds == ("/boot/firmware/a", "/boot/firmware/b")
    put(tmp_path, "boot/firmware/config.txt", "kernel=kernel8.img\n[pi5]\nkernel=x\n[all]\n")
    found = entries(tmp_path)
    assert (list(found), defaults(found)) == (["firmware/kernel8.img", "firmware/x"], [])
    assert all("some boards only" in entry.notes[-1] for entry in found.values())


@pytest.mark.parametrize(
    ("board", "text", "default", "initrd"),
    [
        ("5-model-b", "", "kernel_2712.img", "initramfs_2712"),
        ("4-model-b", "", "kernel8.img", "initramfs8"),
        ("400", "arm_64bit=0", "kernel7l.img", None),
        ("3-model-b", "", "kernel7.img", None),
        ("model-zero-2-w", "arm_64bit=1", "kernel8.img", "initramfs8"),
        ("model-zero-w", "", "kernel.img", None),
        ("9-model-x", "", None, None),
        (None, "", None, None),
    ],
)
def test_what_a_board_starts_without_a_word(
    tmp_path: Path, board: str | None, text: str, default: str | None, initrd: str | None
) -> None:
    kernels = ("kernel.img", "kernel7.img", "kernel7l.img", "kernel8.img", "kernel_2712.img")
    configure(tmp_path, f"auto_initramfs=1 # x\n{text}\n[cm4]\notg_mode=1\n", *kernels)
    for name in ("initramfs8", "initramfs_2712"):
        put(tmp_path, f"boot/firmware/{name}", b"x")
    found = entries(tmp_path, board)
    assert set(found) == {f"firmware/{name}" for name in kernels}
    assert defaults(found) == ([] if default is None else [f"firmware/{default}"])
    if default is not None:
        initrds = found[f"firmware/{default}"].initrds
        assert initrds == (() if initrd is None else (f"/boot/firmware/{initrd}",))
    others = [entry for entry in found.values() if not entry.default]
    assert all(len(entry.notes) == 2 for entry in others)


def test_what_is_tried_stands_beside_what_is_known_to_work(tmp_path: Path) -> None:
    text = ("[all]\nos_prefix=current/\nkernel=vmlinuz\ninitramfs initrd.img followkernel\n"
            "[pi4]\narm_boost=1\n[tryboot]\nos_prefix=new/\n[all]\ndtparam=audio=on\n")  # fmt: skip
    put(tmp_path, "boot/firmware/config.txt", text)
    for folder in ("current", "new"):
        put(tmp_path, f"boot/firmware/{folder}/vmlinuz", kernel(f"6.17.0-{folder}"))
        put(tmp_path, f"boot/firmware/{folder}/initrd.img", b"x")
        put(tmp_path, f"boot/firmware/{folder}/cmdline.txt", f"root=LABEL={folder}\n")
    found = entries(tmp_path)
    assert list(found) == ["firmware/current/vmlinuz", "firmware/new/vmlinuz"]
    assert defaults(found) == ["firmware/current/vmlinuz"]
    tried = found["firmware/new/vmlinuz"]
    assert (tried.cmdline, tried.initrds) == ("root=LABEL=new", ("/boot/firmware/new/initrd.img",))
    assert "tryboot" in tried.notes[-1]
    (tmp_path / "boot/firmware/new/vmlinuz").unlink()  # then the firmware ignores the prefix
    assert list(entries(tmp_path)) == ["firmware/current/vmlinuz"]


def test_included_files_and_boards_that_say_the_same(tmp_path: Path) -> None:
    sections = "".join(f"[{one}]\nkernel=vmlinuz-rpi\n" for one in ("pi02", "pi3", "pi4", "pi5"))
    configure(tmp_path, f"{sections}[all]\ninclude usercfg.txt\ninclude absent.txt\n",
              "vmlinuz-rpi", base="boot")  # fmt: skip
    put(tmp_path, "boot/usercfg.txt", "initramfs initramfs-rpi\ninclude usercfg.txt\n")
    (entry,) = entries(tmp_path, "4-model-b").values()
    assert (entry.default, entry.initrds) == (True, ("/boot/initramfs-rpi",))
    assert [place for place in listing(tmp_path, "4-model-b").searched if place.notice] == []
    put(tmp_path, "boot/usercfg.txt", "[EDID=A-B]\ncmdline=other.txt\n")
    (entry,) = entries(tmp_path, "4-model-b").values()
    assert not entry.default
    (said,) = [place.result for place in listing(tmp_path).searched if place.notice]
    assert "only the firmware knows" in said


def test_a_packed_kernel_s_release_is_that_of_the_file_it_is_a_copy_of(tmp_path: Path) -> None:
    releases = {"kernel8.img": "6.12.47+rpt-rpi-v8", "kernel_2712.img": "6.12.47+rpt-rpi-2712"}
    configure(tmp_path, "auto_initramfs=1\narm_64bit=1\n")
    for name, release in releases.items():
        packed = gzip.compress(kernel(release).ljust(8192, release[-1].encode()), 0, mtime=0)
        put(tmp_path, f"boot/firmware/{name}", packed)
        put(tmp_path, f"boot/vmlinuz-{release}", packed)
        put(tmp_path, f"boot/initrd.img-{release}", b"x")
    other = gzip.compress(kernel("6.12.40+rpt-rpi-v8").ljust(8192, b"o"), 0, mtime=0)
    put(tmp_path, "boot/vmlinuz-6.12.40+rpt-rpi-v8", other)
    assert len(other) == len(packed)
    put(tmp_path, "sys/firmware/devicetree/base/compatible", "raspberrypi,4-model-b\0")
    running = Running.read(tmp_path, "6.12.47+rpt-rpi-v8", "coherent_pool=1M console=tty1")
    found = {one.id: one for one in find_entries(BootRoot(tmp_path), running).entries}
    assert {name: one.release for name, one in found.items()} == {
        **{f"firmware/{name}": release for name, release in releases.items()},
        "vmlinuz-6.12.40+rpt-rpi-v8": "6.12.40+rpt-rpi-v8",
    }
    assert [name for name, one in found.items() if one.running] == ["firmware/kernel8.img"]
    assert "/boot/vmlinuz-6.12.47+rpt-rpi-v8" in found["firmware/kernel8.img"].sources


@pytest.mark.parametrize("name", ["u-boot.bin", "rpi4-u-boot.bin"])
def test_u_boot_has_a_menu_of_its_own(tmp_path: Path, name: str) -> None:
    configure(tmp_path, f"arm_64bit=1\nkernel={name}\n", name)
    put(tmp_path, "boot/extlinux/extlinux.conf", "label a\nlinux /boot/vmlinuz\n")
    put(tmp_path, "boot/vmlinuz", kernel("6.1"))
    (entry,) = listing(tmp_path).entries
    assert (entry.id, entry.default) == ("a", True)


def test_a_config_txt_of_something_else_is_left_alone(tmp_path: Path) -> None:
    put(tmp_path, "boot/config.txt", "kernel=vmlinuz\n")
    put(tmp_path, "boot/vmlinuz", kernel("6.1"))
    (entry,) = listing(tmp_path).entries
    assert entry.kind is Kind.BOOT
    assert "/boot/config.txt" not in [place.place for place in listing(tmp_path).searched]


@pytest.mark.parametrize("seed", range(60))
def test_generated_filters(seed: int) -> None:
    chance = random.Random(seed)
    board = chance.choice(BOARDS)
    text, expected, on = "", None, {"model": True, "tried": True, "none": True}
    for number in range(chance.randrange(1, 12)):
        name = chance.choice((*FILTERS, *FILTERS, "all", "all", "none", "tryboot"))
        if name == "all":
            on = dict.fromkeys(on, True)
        elif name in FILTERS:
            on["model"] = board in FILTERS[name]
        else:
            on["tried" if name == "tryboot" else "none"] = False
        form = chance.choice(("[{}]\n", " [{}] # x\n", "\n[{}]\n"))
        text += form.format(name) + f"kernel=k{number}\n"
        expected = f"k{number}" if all(on.values()) else expected
    (model,) = models(Board((f"raspberrypi,{board}", "brcm,bcm2835"), ""))
    found = configuration(read_settings(text), model)
    assert (found.kernel, found.conditional) == (expected, False)
    tried = configuration(read_settings(text.replace("[tryboot]", "")), model, tryboot=True)
    assert tried == configuration(read_settings(text), model, tryboot=True)
