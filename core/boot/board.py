"""The device tree that U-Boot takes out of a folder (FDTDIR) for the board in front of us.

U-Boot joins the folder and its variable ``fdtfile``, or else ``SOC-BOARD.dtb``; on arm64 the name
has the vendor's folder in front. The variables are U-Boot's own, but they name the tree of the
board that it runs on, and which board that is the running system's tree says. Source: U-Boot,
README.pxe and boot/pxe_utils.c; Documentation/devicetree/usage-model.rst.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path

from warmboot.core.boot.root import BootRoot, join
from warmboot.core.errors import WarmbootError
from warmboot.core.images.devicetree import Board, read_board, strings

_TREE = "sys/firmware/devicetree/base"
_TEXT = 4096
_FOLDERS, _FILES = 64, 4000
_READ = 400  # trees that are opened


def running_board(prefix: Path) -> Board | None:
    """Return the board that runs; None where the machine has no device tree."""
    compatible = strings(_property(prefix, "compatible"))
    if not compatible:
        return None
    model = strings(_property(prefix, "model"))
    return Board(compatible, model[0] if model else "")


def _property(prefix: Path, name: str) -> bytes:
    try:
        with (prefix / _TREE / name).open("rb") as file:
            return file.read(_TEXT)
    except (OSError, ValueError):
        return b""


def tree_for(root: BootRoot, folder: str, board: Board) -> str | None:
    """Return the tree in `folder`, or in a folder in it, that is for `board`; None without one.

    What a tree says of itself counts; its name, where it cannot be read.
    """
    paths = list(_trees(root, folder))
    likely = [path for path in paths if _named_after(path, board)]
    others = [path for path in paths if path not in set(likely) and _of_its_chip(path, board)]
    fitting, unread = [], []
    for path in (*likely, *others)[:_READ]:
        told = _board_of(root, path)
        if told is None:
            unread.append(path)
        elif told.compatible[:1] == board.compatible[:1]:
            fitting.append((told.compatible == board.compatible, told.model == board.model, path))
    if fitting:
        best = max(fit[:2] for fit in fitting)
        found = [path for *fit, path in fitting if tuple(fit) == best]
    else:
        found = [path for path in unread if path in likely]
    return found[0] if len(found) == 1 else None


def _trees(root: BootRoot, folder: str) -> Iterator[str]:
    """Yield the trees in a folder, and in the folders of vendors in it."""
    left = _FILES
    names = _names(root, folder)
    inner = [join(folder, name) for name in names if not name.endswith(".dtb")]
    for place in (folder, *inner[:_FOLDERS]):
        for name in names if place == folder else _names(root, place):
            if name.endswith(".dtb") and left > 0:
                left -= 1
                yield join(place, name)


def _names(root: BootRoot, folder: str) -> list[str]:
    try:
        return root.names(folder)
    except (OSError, ValueError):
        return []


@functools.lru_cache(16)
def _words(board: Board) -> tuple[frozenset[str], tuple[str, ...]]:
    """Return the likely names of a board's tree, and those of its chips."""
    plain = [name.rpartition(",")[2] for name in board.compatible]
    chips = tuple(plain[1:] or plain)
    joined = {f"{chip}-{name}" for chip in chips for name in plain}
    return frozenset({*plain, *joined}), chips


def _named_after(path: str, board: Board) -> bool:
    return path.rpartition("/")[2].removesuffix(".dtb") in _words(board)[0]


def _of_its_chip(path: str, board: Board) -> bool:
    name = path.rpartition("/")[2]
    return any(name.startswith(chip) for chip in _words(board)[1])


def _board_of(root: BootRoot, path: str) -> Board | None:
    try:
        with root.open(path) as file:
            return read_board(file.view)
    except WarmbootError:
        return None
