"""One row for each compression, and a decoder for each row."""

from __future__ import annotations

import importlib
import sys
from importlib import resources

import pytest

from warmboot.core.images import BytesView, Method
from warmboot.core.images.compression import (
    COMPRESSIONS,
    decompressor_option,
    detect_method,
    zboot_method,
)
from warmboot.core.payload import codecs
from warmboot.core.payload.codecs import NotDecodable, Source, decoder_for
from warmboot.core.sandbox.builders.compress import METHODS, compress

SHARED = {"__init__", "base"}
#: The kernel's decompressors (usr/Kconfig).
RD = {"RD_GZIP", "RD_BZIP2", "RD_LZMA", "RD_XZ", "RD_LZO", "RD_LZ4", "RD_ZSTD"}


def test_no_method_is_forgotten() -> None:
    assert sorted(row.method for row in COMPRESSIONS) == sorted(Method)
    assert {row.option for row in COMPRESSIONS} == RD
    assert len({row.magic for row in COMPRESSIONS}) == len(COMPRESSIONS)
    names = [name for row in COMPRESSIONS for name in row.zboot_names]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("method", Method)
def test_every_method_has_a_module_with_a_decoder(method: Method) -> None:
    module = importlib.import_module(f"{codecs.__name__}.{method.value}")
    assert decoder_for(method) is module.decode
    assert decompressor_option(method) in RD


def test_every_module_is_of_a_method() -> None:
    modules = {
        file.name.removesuffix(".py")
        for file in resources.files(codecs).iterdir()
        if file.name.endswith(".py")
    }
    assert modules - SHARED == {method.value for method in Method}


@pytest.mark.parametrize("row", COMPRESSIONS, ids=lambda row: row.method)
def test_rows_agree_with_what_is_made(row: object) -> None:
    chosen = next(known for known in COMPRESSIONS if known is row)
    assert detect_method(chosen.magic + bytes(16)) is chosen.method
    for name in chosen.zboot_names:
        assert zboot_method(name) is chosen.method
    if chosen.method in METHODS:
        assert detect_method(compress(b"kernel" * 100, chosen.method)[:16]) is chosen.method


@pytest.mark.parametrize(
    ("method", "library"), [("zstd", "zstandard"), ("lz4", "lz4"), ("lzo", "lzallright")]
)
def test_without_its_library_a_method_says_what_to_install(
    method: str, library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = BytesView(compress(b"kernel" * 100, method))
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(NotDecodable, match=library) as caught:
        list(decoder_for(Method(method))(Source(view, 0, view.size)))
    assert str(caught.value.hint).startswith("Install it with: ")
