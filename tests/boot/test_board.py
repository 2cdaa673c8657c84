"""The device tree that U-Boot takes out of FDTDIR, by the board that runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from fdt import FDT, PropStrings
from support.files import put
from support.loader_files import kernel

from warmboot.core.boot.board import running_board, tree_for
from warmboot.core.boot.find import find_entries
from warmboot.core.boot.loadervars import Running
from warmboot.core.boot.root import BootRoot
from warmboot.core.errors import ImageError
from warmboot.core.images.devicetree import Board, read_board
from warmboot.core.images.view import BytesView

ROCKPRO = ("pine64,rockpro64-v2.1", "pine64,rockpro64", "rockchip,rk3399")
MODEL = "Pine64 RockPro64 v2.1"
FOLDER = "/boot/dtbs"


def tree(compatible: tuple[str, ...], model: str) -> bytes:
    """Return a device tree for a board."""
    made = FDT()
    made.header.version = 17
    made.root.append(PropStrings("model", model))
    made.root.append(PropStrings("compatible", *compatible))
    raw: bytes = made.to_dtb(version=17)
    return raw


def runs(root: Path, compatible: tuple[str, ...] = ROCKPRO, model: str = MODEL) -> Board:
    """Make a board run, and return what is read of it."""
    base = "sys/firmware/devicetree/base"
    put(root, f"{base}/compatible", b"".join(name.encode() + b"\0" for name in compatible))
    put(root, f"{base}/model", model.encode() + b"\0")
    board = running_board(root)
    assert board == Board(compatible, model)
    return board


def found(root: Path, board: Board) -> str | None:
    return tree_for(BootRoot(root), FOLDER, board)


def test_no_tree_no_board(tmp_path: Path) -> None:
    assert running_board(tmp_path) is None


@pytest.mark.parametrize("place", ["", "rockchip/"])
def test_a_tree_tells_what_it_is_for(tmp_path: Path, place: str) -> None:
    board = runs(tmp_path)
    (tmp_path / "boot/dtbs").mkdir(parents=True)
    assert found(tmp_path, board) is None
    put(
        tmp_path,
        f"boot/dtbs/{place}rk3399-rock-pi-4a.dtb",
        tree(("radxa,x", "rockchip,rk3399"), "R"),
    )
    assert found(tmp_path, board) is None
    put(tmp_path, f"boot/dtbs/{place}rk3399-rockpro64-v2.dtb",
        tree(("pine64,rockpro64-v2.0", *ROCKPRO[1:]), "v2.0"))  # fmt: skip
    assert found(tmp_path, board) is None
    put(tmp_path, f"boot/dtbs/{place}rk3399-rockpro64.dtb", tree(ROCKPRO, MODEL))
    assert found(tmp_path, board) == f"{FOLDER}/{place}rk3399-rockpro64.dtb"
    put(tmp_path, f"boot/dtbs/{place}rk3399-other.dtb", tree(ROCKPRO, MODEL))
    assert found(tmp_path, board) is None
    put(tmp_path, f"boot/dtbs/{place}rk3399-other.dtb", tree(ROCKPRO, "another model"))
    assert found(tmp_path, board) == f"{FOLDER}/{place}rk3399-rockpro64.dtb"


@pytest.mark.parametrize(
    ("compatible", "name"),
    [
        (ROCKPRO, "rockchip/rk3399-rockpro64.dtb"),
        (("raspberrypi,4-model-b", "brcm,bcm2711"), "broadcom/bcm2711-4-model-b.dtb"),
        (("friendlyarm,nanopi-r2s", "rockchip,rk3328"), "rk3328-nanopi-r2s.dtb"),
        (("pine64,pinebook", "allwinner,sun50i-a64"), "allwinner/sun50i-a64-pinebook.dtb"),
        (("starfive,visionfive-2-v1.3b", "starfive,jh7110"),
         "starfive/jh7110-visionfive-2-v1.3b.dtb"),
        (("fsl,imx8mq-evk", "fsl,imx8mq"), "freescale/imx8mq-evk.dtb"),
    ],
)  # fmt: skip
def test_a_tree_that_cannot_be_read_goes_by_its_name(
    tmp_path: Path, compatible: tuple[str, ...], name: str
) -> None:
    board = runs(tmp_path, compatible, "M")
    put(tmp_path, f"boot/dtbs/{name}", b"x")
    put(tmp_path, "boot/dtbs/vendor/board.dtb", b"x")
    assert found(tmp_path, board) == f"{FOLDER}/{name}"


def test_the_entry_says_which_tree_it_is(tmp_path: Path) -> None:
    put(tmp_path, "boot/k", kernel("6.1"))
    put(tmp_path, "boot/extlinux/extlinux.conf", "label a\nlinux /boot/k\nfdtdir /boot/dtbs/\n")
    put(tmp_path, "boot/dtbs/rockchip/rk3399-rockpro64.dtb", tree(ROCKPRO, MODEL))

    def note(running: Running | None) -> str:
        (entry,) = find_entries(BootRoot(tmp_path), running).entries
        assert entry.devicetree is None
        return entry.notes[0]

    assert "chooses the board's device tree in /boot/dtbs;" in note(None)
    running = Running.read(tmp_path, "6.1", "")
    assert "chooses the board's device tree in /boot/dtbs;" in note(running)
    runs(tmp_path)
    assert f"/boot/dtbs/rockchip/rk3399-rockpro64.dtb for this board ({MODEL})" in note(running)
    runs(tmp_path, ("acme,x", "acme,soc"), "Acme X")
    assert "no device tree in /boot/dtbs is known to be for this board (Acme X)" in note(running)


def test_any_tree_that_is_cut_off_or_changed_is_read_in_bounds() -> None:
    whole = tree(ROCKPRO, MODEL)
    assert read_board(BytesView(whole)) == Board(ROCKPRO, MODEL)
    for end in range(len(whole)):
        try:
            read_board(BytesView(whole[:end]))
        except ImageError:
            continue
    for at in range(0, len(whole), 4):
        for word in (b"\xff" * 4, bytes(4), b"\0\0\0\3"):
            try:
                read_board(BytesView(whole[:at] + word + whole[at + 4 :]))
            except ImageError:
                continue
