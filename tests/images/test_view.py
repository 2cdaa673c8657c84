"""Reading never leaves the file's bounds, and says where and what was missing."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from warmboot.core.errors import ImageError, NotFound
from warmboot.core.images import BytesView, ImageFile


def test_numbers_are_little_endian() -> None:
    view = BytesView(bytes(range(1, 9)))
    assert view.u8(7, "x") == 8
    assert view.u16(0, "x") == 0x0201
    assert view.u32(0, "x") == 0x04030201
    assert view.u64(0, "x") == 0x0807060504030201


@pytest.mark.parametrize(("offset", "count"), [(0, 9), (8, 1), (-1, 1), (1 << 64, 4), (0, -1)])
def test_reads_beyond_the_end_name_what_was_expected(offset: int, count: int) -> None:
    with pytest.raises(ImageError, match="payload size"):
        BytesView(bytes(8)).read(offset, count, "payload size")


def test_a_part_is_bounded_and_knows_its_place_in_the_file() -> None:
    part = BytesView(bytes(100)).part(40, 20, ".linux section")
    with pytest.raises(ImageError) as caught:
        part.u32(18, "magic")
    assert caught.value.offset == 58
    buffer = memoryview(bytearray(64))
    assert part.readinto(10, buffer) == 10


def test_a_failing_disk_is_told_where_it_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "vmlinuz"
    path.write_bytes(bytes(200_000))

    def failing(inner: Callable[..., Any]) -> Callable[..., Any]:
        def read(fd: int, what: Any, offset: int) -> Any:
            if offset >= 100_000:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            return inner(fd, what, offset)

        return read

    monkeypatch.setattr(os, "pread", failing(os.pread))
    monkeypatch.setattr(os, "preadv", failing(os.preadv))
    with ImageFile.open(path) as file:
        view = file.view
        assert view.read(50_000, 8, "header") == bytes(8)
        for action in (
            lambda: view.read(150_000, 8, "header"),
            lambda: view.read(110_000, 50_000, "payload"),
            lambda: view.readinto(150_000, memoryview(bytearray(8))),
        ):
            with pytest.raises(ImageError, match="cannot be read: Input/output error") as caught:
                action()
            assert caught.value.offset is not None
            assert caught.value.offset >= 100_000


def test_a_part_beyond_the_end_is_refused() -> None:
    with pytest.raises(ImageError, match=r"\.initrd section reaches beyond"):
        BytesView(bytes(10)).part(5, 6, ".initrd section")


def test_a_file_that_shrinks_while_it_is_read_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "image"
    path.write_bytes(bytes(100_000))
    with ImageFile.open(path) as file:
        os.truncate(path, 10)
        with pytest.raises(ImageError, match="became shorter"):
            file.view.read(50_000, 100, "payload")


def test_a_change_after_opening_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "image"
    path.write_bytes(b"first")
    with ImageFile.open(path) as file:
        file.unchanged()
        path.write_bytes(b"other")
        with pytest.raises(ImageError, match="changed after it was opened"):
            file.unchanged()


def test_what_is_no_regular_file_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path, tmp_path / "fifo", Path("/dev/zero")):
        with pytest.raises(ImageError, match="not a regular file"):
            ImageFile.open(path)


@pytest.mark.parametrize("name", ["missing", "missing/below", "nul\0inside"])
def test_missing_files_are_not_found(tmp_path: Path, name: str) -> None:
    with pytest.raises(NotFound):
        ImageFile.open(f"{tmp_path}/{name}")
