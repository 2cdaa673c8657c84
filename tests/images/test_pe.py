"""PE headers are read as pefile, an independent reader, reads them."""

from __future__ import annotations

import pefile
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from warmboot.core.errors import ImageError
from warmboot.core.images import BytesView
from warmboot.core.images.pe import parse_headers
from warmboot.core.sandbox.builders.bzimage import build_bzimage
from warmboot.core.sandbox.builders.kernel import build_arm64_image
from warmboot.core.sandbox.builders.pe import build_certificate
from warmboot.core.sandbox.builders.uki import build_addon, build_uki
from warmboot.core.sandbox.builders.zboot import build_zboot

KERNEL = build_arm64_image("6.12", body_size=9000)
IMAGES = {
    "uki": build_uki(arch="x86-64", linux=KERNEL, initrd=b"i" * 999, cmdline="x", uname="6.12"),
    "addon": build_addon(arch="riscv64", cmdline="x", certificates=build_certificate(bytes(99))),
    "zboot": build_zboot(KERNEL, arch="arm64", method="gzip"),
    "bzimage": build_bzimage("6.1", body_size=9000),
}


def compare(data: bytes) -> None:
    mine = parse_headers(BytesView(data))
    theirs = pefile.PE(data=data, fast_load=True)
    header = theirs.OPTIONAL_HEADER
    assert mine.machine == theirs.FILE_HEADER.Machine
    assert mine.subsystem == header.Subsystem
    assert mine.dll_characteristics == header.DllCharacteristics
    assert (mine.size_of_image, mine.size_of_headers) == (header.SizeOfImage, header.SizeOfHeaders)
    assert mine.file_alignment == header.FileAlignment
    assert mine.section_alignment == header.SectionAlignment
    table = header.DATA_DIRECTORY[4:5]
    found = [(entry.VirtualAddress, entry.Size) for entry in table] or [(0, 0)]
    assert [mine.certificates] == found
    assert mine.certificate_entry == table[0].get_file_offset() if table else True
    assert [
        (s.offset, s.raw_size, s.virtual_address, s.virtual_size, s.characteristics)
        for s in mine.sections
    ] == [
        (s.PointerToRawData, s.SizeOfRawData, s.VirtualAddress, s.Misc_VirtualSize,
         s.Characteristics)
        for s in theirs.sections
    ]  # fmt: skip


@pytest.mark.parametrize("name", IMAGES)
def test_the_same_as_pefile(name: str) -> None:
    compare(IMAGES[name])


@pytest.mark.no_cover
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(sorted(IMAGES)), st.integers(0, 0x120), st.binary(min_size=1, max_size=4))
def test_changed_headers_are_refused_or_read_alike(name: str, offset: int, junk: bytes) -> None:
    data = bytearray(IMAGES[name])
    start = int.from_bytes(data[0x3C:0x40], "little") + 24 + 32  # behind what says what it is
    data[start + offset % 64 : start + offset % 64 + len(junk)] = junk
    try:
        compare(bytes(data))
    except (ImageError, pefile.PEFormatError):
        return


@pytest.mark.parametrize("magic", [0, 0x107, 0x20C])
def test_other_optional_headers_are_refused(magic: int) -> None:
    data = bytearray(IMAGES["addon"])
    place = int.from_bytes(data[0x3C:0x40], "little") + 24
    data[place : place + 2] = magic.to_bytes(2, "little")
    with pytest.raises(ImageError, match="optional header"):
        parse_headers(BytesView(bytes(data)))


def test_an_optional_header_that_is_too_short_is_refused() -> None:
    data = bytearray(IMAGES["addon"])
    place = int.from_bytes(data[0x3C:0x40], "little") + 20
    data[place : place + 2] = (100).to_bytes(2, "little")
    with pytest.raises(ImageError, match="100 bytes"):
        parse_headers(BytesView(bytes(data)))
