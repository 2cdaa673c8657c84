"""Images of SquashFS and EROFS as the real programs make them, and damaged ones."""

from __future__ import annotations

import random
import struct
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.tools import needs_tool

from warmboot.core.errors import ImageError
from warmboot.core.images import BytesView
from warmboot.core.payload.erofs import ErofS
from warmboot.core.payload.file_tree import Entry, Kind, Tree, read_tree
from warmboot.core.payload.squashfs import SquashFs

SQUASH = ["mksquashfs", "{tree}", "{image}", "-noappend", "-quiet", "-no-progress"]
EROFS = ["mkfs.erofs", "-Enoinline_data", "{image}", "{tree}"]
#: How an image is made, what reads it, and whether the content of files is read.
FORMS: dict[str, tuple[list[str], Callable[[BytesView], Tree], bool]] = {
    **{
        f"squashfs {method}": ([*SQUASH, "-comp", method], SquashFs, True)
        for method in ("gzip", "xz", "zstd", "lz4", "lzo")
    },
    "squashfs as dracut makes it": (
        [*SQUASH, "-no-xattrs", "-no-exports", "-no-recovery", "-always-use-fragments"],
        SquashFs, True,
    ),
    "squashfs in small blocks": ([*SQUASH, "-b", "4096"], SquashFs, True),
    "squashfs without fragments": ([*SQUASH, "-no-fragments"], SquashFs, True),
    "squashfs, nothing compressed": ([*SQUASH, "-noI", "-noD", "-noF"], SquashFs, True),
    "erofs": (EROFS, ErofS, True),
    "erofs, inline": (["mkfs.erofs", "{image}", "{tree}"], ErofS, True),
    "erofs, extended inodes": (
        ["mkfs.erofs", "-Eforce-inode-extended", "{image}", "{tree}"], ErofS, True,
    ),
    "erofs lz4": (["mkfs.erofs", "-zlz4hc", "{image}", "{tree}"], ErofS, False),
}  # fmt: skip


class Kept:
    """Takes every file, with its content."""

    def __init__(self) -> None:
        self.sizes: dict[bytes, int] = {}
        self.files: dict[bytes, bytes] = {}

    def wants(self, path: bytes, size: int) -> bool:
        self.sizes[path] = size
        return True

    def keep(self, path: bytes, content: bytes) -> None:
        self.files[path] = content


def write_tree(folder: Path, dice: random.Random) -> None:
    """Write files of all sizes, a folder of many names, deep ones, links and holes."""
    sizes = (0, 1, 4095, 4096, 4097, 131072, 131073)
    for number in range(24):
        size = dice.choice(sizes)
        half = dice.randbytes(size // 2)
        place = folder.joinpath(*(f"d{dice.randrange(3)}" for _ in range(dice.randrange(5))))
        place.mkdir(parents=True, exist_ok=True)
        (place / f"f{number}").write_bytes(half + bytes(size - len(half)))
    many = folder / "many"
    many.mkdir()
    for number in range(dice.choice((0, 255, 256, 257, 900))):
        (many / f"{number:0{dice.choice((3, 40))}}.ko").write_bytes(b"x" * (number % 5))
    (folder / "lib").symlink_to("usr/lib")
    with (folder / "hole").open("wb") as file:
        file.truncate(300_000)


def make(form: str, tree: Path, image: Path) -> bytes:
    command = [part.format(tree=tree, image=image) for part in FORMS[form][0]]
    subprocess.run([needs_tool(command[0]), *command[1:]], check=True, capture_output=True)
    return image.read_bytes()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("number", range(2))
def test_every_file_is_told_with_its_content(tmp_path: Path, form: str, number: int) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    write_tree(tree, random.Random(number))
    _, reader, whole = FORMS[form]
    kept = Kept()
    unread = read_tree(reader(BytesView(make(form, tree, tmp_path / "image"))), kept)
    there = {bytes(path.relative_to(tree)): path for path in tree.rglob("*")}
    plain = {n: p for n, p in there.items() if p.is_file() and not p.is_symlink()}
    assert set(kept.sizes) == set(there)
    assert all(kept.sizes[name] == path.stat().st_size for name, path in plain.items())
    assert all(content == plain[name].read_bytes() for name, content in kept.files.items())
    assert set(kept.files) | set(unread) == set(plain)
    assert bool(unread) is not whole


@pytest.mark.parametrize("form", ["squashfs gzip", "squashfs zstd", "erofs, inline"])
def test_a_damaged_image_is_an_error_and_no_more(tmp_path: Path, form: str) -> None:
    """Bytes are changed where numbers stand: the superblock, inodes, folders."""
    dice = random.Random(5)
    tree = tmp_path / "tree"
    tree.mkdir()
    write_tree(tree, dice)
    whole = make(form, tree, tmp_path / "image")
    refused = 0
    for _ in range(60):
        data = bytearray(whole)
        for _ in range(dice.choice((1, 1, 8))):
            at = dice.randrange(len(data)) if dice.random() < 0.3 else -dice.randrange(1, 6000)
            data[dice.choice((at, dice.randrange(1200)))] = dice.randrange(256)
        cut = dice.choice((len(data), len(data), dice.randrange(len(data))))
        try:
            read_tree(FORMS[form][1](BytesView(bytes(data[:cut]))), Kept())
        except ImageError:
            refused += 1
    assert refused


class Endless:
    """Folders that hold themselves, or hold new ones for ever."""

    root = 0

    def __init__(self, step: int, name: bytes = b"d") -> None:
        self._step, self._name = step, name

    def entries(self, inode: int) -> Iterator[Entry]:
        yield Entry(self._name, Kind.FOLDER, inode + self._step)

    def size(self, inode: int) -> int:
        return inode

    def content(self, inode: int) -> bytes | None:
        return bytes(inode)


def test_folders_that_do_not_end_are_gone_through_once() -> None:
    kept = Kept()
    read_tree(Endless(0), kept)
    assert set(kept.sizes) == {b"d"}
    for tree in (Endless(1), Endless(0, b"../x"), Endless(0, b"a\0b")):
        with pytest.raises(ImageError):
            read_tree(tree, Kept())


def test_files_that_share_a_block_do_not_have_it_unpacked_for_ever(tmp_path: Path) -> None:
    """Four hundred names of one byte, which lies in a fragment of a mebibyte."""
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "large").write_bytes(b"abcdefgh" * 125_000)
    (tree / "0").write_bytes(b"x")
    for number in range(1, 400):
        (tree / str(number)).hardlink_to(tree / "0")
    program, image = needs_tool("mksquashfs"), tmp_path / "image"
    more = ["-b", "1M", "-comp", "zstd", "-noappend", "-quiet"]
    subprocess.run([program, tree, image, *more], check=True, capture_output=True)
    assert image.stat().st_size < 1 << 14
    kept = Kept()
    with pytest.raises(ImageError, match="more data than any real one"):
        read_tree(SquashFs(BytesView(image.read_bytes())), kept)
    assert 200 < len(kept.files) < 300


def test_folders_that_share_their_blocks_and_name_nothing_are_not_gone_through_for_ever() -> None:
    """A hundred folders of 1 MiB each, all of them the image itself."""
    block, blocks, folders = 512, 2048, 100
    nothing = struct.pack("<QHBB", 0, 12, 2, 0) + b"."
    image = bytearray(nothing.ljust(block, b"\0") * blocks)
    inodes = 4  # the block where inodes start; number 0 is the root

    def inode(number: int, size: int, start: int) -> None:
        made = struct.pack("<4H4I8x", 0, 0, 0o40755, 2, size, 0, start, 0)
        image[inodes * block + 32 * number : inodes * block + 32 * number + 32] = made

    per_block, root = 20, 16
    inode(0, -(-folders // per_block) * block, root)
    for first in range(0, folders, per_block):
        entries = b"".join(
            struct.pack("<QHBB", 1 + first + n, 12 * per_block + 4 * n, 2, 0)
            for n in range(per_block)
        )
        names = b"".join(b"%04d" % (first + n) for n in range(per_block))
        at = (root + first // per_block) * block
        image[at : at + block] = (entries + names).ljust(block, b"\0")
    for number in range(folders):
        inode(1 + number, (blocks - 64) * block, 64)
    image[1024:1152] = bytes(128)
    struct.pack_into("<IIIBBH", image, 1024, 0xE0F5E1E2, 0, 0, 9, 0, 0)
    struct.pack_into("<I", image, 1024 + 40, inodes)
    with pytest.raises(ImageError, match="more than any real one has"):
        read_tree(ErofS(BytesView(bytes(image))), Kept())
