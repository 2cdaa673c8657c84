"""Payloads come out whole and checked, or not at all."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import struct
from collections.abc import Iterator
from dataclasses import replace

import pytest

from warmboot.core.errors import Cancelled, ImageError
from warmboot.core.images import BytesView, Method, Stream, identify
from warmboot.core.payload.examine import examine
from warmboot.core.payload.memfile import MemFile
from warmboot.core.payload.unpack import Payload, decompress, unpack
from warmboot.core.progress import Cancel, Progress
from warmboot.core.sandbox.builders.compress import compress
from warmboot.core.sandbox.builders.kernel import build_arm64_image
from warmboot.core.sandbox.builders.uki import build_uki
from warmboot.core.sandbox.builders.zboot import OLD_TYPE_NAMES, build_zboot

KERNEL = build_arm64_image("6.12.1-test", body_size=3_000_000)
METHODS = [method.value for method in Method]
ZBOOT_METHODS = [method for method in METHODS if method != "bzip2"]


@pytest.fixture
def memory() -> Iterator[MemFile]:
    with MemFile("test") as file:
        yield file


def run(data: bytes, memory: MemFile, method: str, **changes: object) -> Payload:
    stream = Stream(Method(method), 0, len(data))
    return unpack(BytesView(data), replace(stream, **changes), memory)  # type: ignore[arg-type]


@pytest.mark.parametrize("method", ZBOOT_METHODS)
def test_every_method_of_zboot(memory: MemFile, method: str) -> None:
    data = build_zboot(KERNEL, arch="arm64", method=method)
    view = BytesView(data)
    image = identify(view)
    assert image.stream is not None
    assert image.stream.declared == len(KERNEL)
    payload = unpack(view, image.stream, memory)
    assert payload.size == len(KERNEL)
    assert payload.sha256 == hashlib.sha256(KERNEL).hexdigest()
    assert payload.release == "6.12.1-test"
    assert memory.view().read(0, memory.size, "all") == KERNEL


@pytest.mark.parametrize("method", ["xz", "zstd"])
def test_names_and_sizes_of_older_kernels(memory: MemFile, method: str) -> None:
    data = build_zboot(
        KERNEL, arch="arm64", method=method, type_name=OLD_TYPE_NAMES[method], count_le32=True
    )
    image = identify(BytesView(data))
    assert image.stream is not None
    # With the size counted in, nothing sound stands behind the payload: the stream itself tells.
    stream = replace(image.stream, declared=None)
    assert unpack(BytesView(data), stream, memory).size == len(KERNEL)


@pytest.mark.parametrize("method", METHODS)
def test_no_cut_goes_unnoticed(method: str) -> None:
    data = compress(KERNEL[:400_000], method)
    for count in {1, 5, 9, len(data) // 3, len(data) - 9, len(data) - 5, len(data) - 1}:
        with MemFile("test") as memory:
            declared = 400_000
            with pytest.raises(ImageError):
                run(data[:count], memory, method, declared=declared)


@pytest.mark.parametrize("method", ["gzip", "xz", "bzip2", "lzo"])
def test_no_flipped_bit_goes_unnoticed(method: str) -> None:
    data = bytearray(compress(KERNEL[:400_000], method))
    for position in range(len(data) // 4, len(data) - 20, len(data) // 9):
        data[position] ^= 0x10
        with MemFile("test") as memory, pytest.raises(ImageError):
            run(bytes(data), memory, method)
        data[position] ^= 0x10


@pytest.mark.parametrize("method", METHODS)
def test_what_stands_behind_the_stream_is_explained(memory: MemFile, method: str) -> None:
    content = KERNEL[:300_000]
    data = compress(content, method)
    with pytest.raises(ImageError):
        run(data + b"12345678", memory, method)
    with MemFile("test") as other:
        assert run(data + struct.pack("<I", len(content)), other, method).size == len(content)


@pytest.mark.parametrize("method", METHODS)
def test_a_wrong_declared_size_names_both(memory: MemFile, method: str) -> None:
    data = compress(KERNEL[:70_000], method)
    with pytest.raises(ImageError, match=r"70000 bytes, but the image declares 69999"):
        run(data, memory, method, declared=69_999)


@pytest.mark.parametrize("method", METHODS)
def test_a_bomb_stops_at_the_cap(method: str) -> None:
    data = compress(bytes(40 << 20), method)
    with MemFile("test") as memory:
        with pytest.raises(ImageError, match="more than 8388608 bytes"):
            unpack(BytesView(data), Stream(Method(method), 0, len(data)), memory, limit=8 << 20)
        assert memory.size <= 8 << 20


def test_garbage_is_damaged_for_every_method() -> None:
    for method in METHODS:
        for garbage in (b"", b"\0" * 64, bytes(range(256)) * 8):
            with MemFile("test") as memory, pytest.raises(ImageError):
                run(garbage, memory, method)


def test_progress_starts_moves_and_ends(memory: MemFile) -> None:
    data = compress(KERNEL, "gzip")
    seen: list[Progress] = []
    unpack(BytesView(data), Stream(Method.GZIP, 0, len(data)), memory, report=seen.append)
    assert seen[-1].fraction == 1.0
    assert seen[-1].produced == len(KERNEL)
    assert [p.done for p in seen] == sorted(p.done for p in seen)


def test_cancel_stops_between_two_pieces(memory: MemFile) -> None:
    data = compress(KERNEL, "gzip")
    cancel = Cancel()

    def stop(_: Progress) -> None:
        cancel.cancel()

    with pytest.raises(Cancelled):
        unpack(
            BytesView(data), Stream(Method.GZIP, 0, len(data)), memory, report=stop, cancel=cancel
        )
    assert 0 < memory.size < len(KERNEL)


def test_what_was_unpacked_cannot_be_changed_any_more(memory: MemFile) -> None:
    data = compress(KERNEL[:100_000], "gzip")
    run(data, memory, "gzip")
    with pytest.raises(Exception, match="No memory left"):
        memory.write(b"more")


def test_a_page_the_kernel_holds_does_not_stop_staging(
    memory: MemFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, refused = fcntl.fcntl, []

    def busy(fd: int, command: int, seals: int) -> int:
        if seals & fcntl.F_SEAL_WRITE:
            refused.append(seals)
            raise OSError(errno.EBUSY, "busy")
        return int(real(fd, command, seals))

    monkeypatch.setattr(fcntl, "fcntl", busy)
    data = compress(KERNEL[:100_000], "gzip")
    assert run(data, memory, "gzip").size == 100_000
    assert len(refused) > 1


@pytest.mark.parametrize("method", METHODS)
def test_unpacking_without_looking_gives_the_same_bytes(memory: MemFile, method: str) -> None:
    data = compress(KERNEL, method)
    stream = Stream(Method(method), 0, len(data))
    decompress(BytesView(data), stream, memory)
    assert memory.size == len(KERNEL)
    assert memory.view().read(0, memory.size, "all") == KERNEL
    with pytest.raises(Exception, match="No memory left"):
        memory.write(b"more")


def test_lz4_without_its_library_in_reach(memory: MemFile, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_: str) -> None:
        raise OSError("not here")

    data = compress(KERNEL, "lz4")
    monkeypatch.setattr("ctypes.CDLL", missing)
    assert run(data, memory, "lz4").sha256 == hashlib.sha256(KERNEL).hexdigest()
    with MemFile("test") as other, pytest.raises(ImageError, match="does not decode"):
        run(data[:8] + bytes(len(data) - 8), other, "lz4")


def test_an_image_that_is_not_compressed_is_read_too() -> None:
    payload = examine(BytesView(KERNEL), identify(BytesView(KERNEL)))
    assert payload is not None
    assert payload.method is None
    assert payload.sha256 == hashlib.sha256(KERNEL).hexdigest()
    assert payload.release == "6.12.1-test"


def test_the_kernel_in_a_uki_is_read() -> None:
    zboot = build_zboot(KERNEL, arch="arm64", method="zstd")
    data = build_uki(arch="arm64", linux=zboot, cmdline="quiet")
    payload = examine(BytesView(data), identify(BytesView(data)))
    assert payload is not None
    assert payload.sha256 == hashlib.sha256(KERNEL).hexdigest()
