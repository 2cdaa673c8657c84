"""What the kernel's decompressors take beside their output is told by a stream's header."""

from __future__ import annotations

import lzma
import random

import pytest
import zstandard

from warmboot.core.errors import ImageError
from warmboot.core.images import BytesView, Method, Stream
from warmboot.core.payload.codecs import kernel_memory
from warmboot.core.payload.codecs.base import LZMA_MEMORY, WORK
from warmboot.core.sandbox.builders.compress import METHODS, compress

MIB = 1 << 20
CONTENT = random.Random("kernel").randbytes(MIB // 2)


def taken(stream: bytes, method: str) -> int:
    return kernel_memory(BytesView(stream), Stream(Method(method), 0, len(stream)))


@pytest.mark.parametrize("method", METHODS)
def test_every_method_says_what_it_takes(method: str) -> None:
    packed = compress(CONTENT, method)
    assert WORK <= taken(packed, method) <= 16 * MIB
    with_something_in_front = b"\0" * 512 + packed
    stream = Stream(Method(method), 512, len(packed))
    assert kernel_memory(BytesView(with_something_in_front), stream) == taken(packed, method)


@pytest.mark.parametrize("window_log", range(17, 28, 3))
def test_the_window_of_zstd_is_what_its_decoder_asks_for(window_log: int) -> None:
    packed = compress(CONTENT, "zstd", 3, window_log=window_log)
    window = taken(packed, "zstd") - WORK
    assert window == 1 << window_log
    for size, enough in ((window, True), (window - 1, False)):
        reader = zstandard.ZstdDecompressor(max_window_size=size).stream_reader(packed)
        if enough:
            assert reader.read() == CONTENT
        else:
            with pytest.raises(zstandard.ZstdError):
                reader.read()


@pytest.mark.parametrize("size", [1 << log for log in range(12, 28, 5)])
def test_the_dictionary_of_xz_is_what_its_decoder_asks_for(size: int) -> None:
    chain = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": size}]
    packed = lzma.compress(CONTENT, lzma.FORMAT_XZ, lzma.CHECK_CRC32, filters=chain)
    assert taken(packed, "xz") == size + WORK
    assert decodes(packed, lzma.FORMAT_XZ, taken(packed, "xz"))
    assert not decodes(packed, lzma.FORMAT_XZ, size - 1)


def test_of_several_blocks_of_xz_each_may_be_the_largest() -> None:
    packed = lzma.compress(CONTENT, lzma.FORMAT_XZ, lzma.CHECK_CRC32)
    # The number of blocks stands behind the mark of the index, in front of their sizes.
    size = (int.from_bytes(packed[-8:-4], "little") + 1) * 4
    counted = bytearray(packed)
    counted[-12 - size + 1] = 2
    assert taken(bytes(counted), "xz") == LZMA_MEMORY + WORK
    assert taken(packed[:-1], "xz") == LZMA_MEMORY + WORK


@pytest.mark.parametrize("size", [1 << log for log in range(12, 28, 5)])
def test_lzma_keeps_no_more_than_the_content(size: int) -> None:
    chain = [{"id": lzma.FILTER_LZMA1, "preset": 0, "dict_size": size}]
    packed = lzma.compress(CONTENT, lzma.FORMAT_ALONE, filters=chain)
    assert taken(packed, "lzma") >= size  # liblzma does not write the content's size
    assert decodes(packed, lzma.FORMAT_ALONE, taken(packed, "lzma"))
    assert not decodes(packed, lzma.FORMAT_ALONE, size - 1)
    told = packed[:5] + len(CONTENT).to_bytes(8, "little") + packed[13:]
    assert taken(told, "lzma") - WORK <= min(size, len(CONTENT)) + MIB


def test_bzip2_takes_four_times_its_block() -> None:
    sizes = [taken(compress(CONTENT, "bzip2", level), "bzip2") for level in range(1, 10)]
    assert sizes == [level * 400_000 + WORK for level in range(1, 10)]


@pytest.mark.parametrize("method", METHODS)
def test_damaged_headers_end_in_an_error_or_a_bounded_number(method: str) -> None:
    packed = bytearray(compress(CONTENT[:5000], method))
    chance = random.Random(method)
    for _ in range(300):
        broken = bytearray(packed[: chance.randrange(len(packed))])
        for _ in range(3):
            if broken:
                broken[chance.randrange(min(len(broken), 40))] = chance.randrange(256)
        try:
            assert taken(bytes(broken), method) < 1 << 65
        except ImageError:
            continue


def decodes(packed: bytes, form: int, memory: int) -> bool:
    try:
        return lzma.LZMADecompressor(form, memlimit=memory).decompress(packed) == CONTENT
    except lzma.LZMAError:
        return False
