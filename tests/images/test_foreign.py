"""Images that kexec does not take are known for what they are; ELF kernels of every build are."""

from __future__ import annotations

import struct

import pytest
from support.foreign_images import s390, zimage

from warmboot.core.architecture import Architecture
from warmboot.core.errors import ImageError
from warmboot.core.images import BootImage, BytesView, Format, identify
from warmboot.core.images.appended import appended_signature
from warmboot.core.images.authenticode import describe_signature, signatures_of
from warmboot.core.images.uboot import holds_initrd, unwrapped


def parse(data: bytes) -> BootImage:
    return identify(BytesView(data))


def facts(image: BootImage) -> dict[str, str]:
    return {fact.label: fact.value for fact in image.facts()}


def test_a_zimage_of_32_bit_arm() -> None:
    image = parse(zimage())
    assert (image.format, image.architecture) == (Format.ZIMAGE, Architecture.ARM)
    assert facts(image)["EFI stub"] == "no"
    assert image.unpacks_itself
    assert facts(parse(zimage(start=b"MZ\x25\xe2")))["EFI stub"] == "yes"
    assert facts(parse(zimage(order=">")))["Byte order"] == "big endian"


@pytest.mark.parametrize("data", [zimage(end=5000), zimage()[:0x30]])
def test_a_zimage_that_is_cut_off(data: bytes) -> None:
    with pytest.raises(ImageError):
        parse(data)


def test_a_kernel_of_s390x() -> None:
    image = parse(s390())
    assert (image.format, image.architecture) == (Format.S390, Architecture.S390X)
    assert image.release == "6.1.31-s390x"
    assert parse(s390(pointer=1 << 60)).release is None
    with pytest.raises(ImageError):
        parse(s390()[:0x8000])


def uboot(kind: int, data: bytes = b"070701xyz") -> bytes:
    head = struct.pack(">IIIIIII", 0x27051956, 0, 0, len(data), 0, 0, 0)
    return head + struct.pack("BBBB32s", 5, 22, kind, 1, b"name") + data


def test_what_a_uimage_holds() -> None:
    assert facts(parse(uboot(2))) == {"Holds": "kernel", "Name": "name", "Compression": "gzip"}
    assert facts(parse(uboot(3)))["Holds"] == "ramdisk (initrd)"
    assert facts(parse(uboot(200)))["Holds"] == "type 200"


def test_a_wrapped_initrd_is_unwrapped_or_refused() -> None:
    view = unwrapped(BytesView(uboot(3) + b"padding"), "x")
    assert view.read(0, view.size, "all") == b"070701xyz"
    plain = BytesView(b"070701")
    assert unwrapped(plain, "x") is plain
    assert holds_initrd(BytesView(uboot(3)))
    assert not holds_initrd(BytesView(uboot(2)))
    assert not holds_initrd(BytesView(uboot(3)[:20]))
    with pytest.raises(ImageError, match="holds no initrd"):
        unwrapped(BytesView(uboot(2)), "x")
    with pytest.raises(ImageError):
        unwrapped(BytesView(uboot(3)[:-1]), "x")


def elf(
    *, width: int = 2, order: str = "<", machine: int = 62, kinds: tuple[int, ...] = (1,)
) -> bytes:
    """An executable with one segment of each kind; their content lies beyond 64 KiB."""
    start = 0x12000
    ident = b"\x7fELF" + bytes((width, 1 if order == "<" else 2, 1)).ljust(12, b"\0")
    if width == 2:
        head = struct.pack(
            f"{order}HHIQQQIHHHHHH", 2, machine, 1, 5, 64, 0, 0, 64, 56, len(kinds), 0, 0, 0
        )
        rows = [struct.pack(f"{order}IIQQQQQQ", k, 5, start, 0, 0, 32, 64, 8) for k in kinds]
    else:
        head = struct.pack(
            f"{order}HHIIIIIHHHHHH", 2, machine, 1, 5, 52, 0, 0, 52, 32, len(kinds), 0, 0, 0
        )
        rows = [struct.pack(f"{order}IIIIIIII", k, start, 0, 0, 32, 64, 5, 8) for k in kinds]
    return (ident + head + b"".join(rows)).ljust(start + 32, b"\0")


@pytest.mark.parametrize(
    ("data", "architecture"),
    [
        (elf(kinds=(1, 2, 4, 0x6474E551)), Architecture.X86_64),
        (elf(width=1, machine=3), Architecture.X86),
        (elf(width=1, machine=40), Architecture.ARM),
        (elf(machine=21), Architecture.PPC64LE),
        (elf(machine=21, order=">"), None),
        (elf(machine=22, order=">"), Architecture.S390X),
        (elf(machine=62, order=">"), None),
        (elf(machine=9999), None),
    ],
)
def test_elf_kernels(data: bytes, architecture: Architecture | None) -> None:
    image = parse(data)
    assert (image.format, image.architecture, image.memory_size) == (
        Format.ELF,
        architecture,
        64,
    )


@pytest.mark.parametrize(
    "data",
    [elf(kinds=(2,)), elf(kinds=()), elf()[:0x12000], elf()[:80], elf(width=3, order="<")],
)
def test_elf_files_that_are_no_kernels(data: bytes) -> None:
    with pytest.raises(ImageError):
        parse(data)


def test_a_signature_as_modules_have_it() -> None:
    mark = b"~Module signature appended~\n"
    view = BytesView(elf() + b"s" * 40 + struct.pack(">8BI", 0, 0, 2, 0, 0, 0, 0, 0, 40) + mark)
    found = appended_signature(view)
    assert found is not None
    assert (found.size, found.signer) == (40, "")
    (signature,) = signatures_of(view)
    assert "appended as a kernel module's" in describe_signature(signature).value
    assert appended_signature(BytesView(elf())) is None
    assert appended_signature(BytesView(mark)) is None
    for size in (0, 1 << 31):
        broken = BytesView(b"x" * 9 + struct.pack(">8BI", 0, 0, 2, 0, 0, 0, 0, 0, size) + mark)
        assert appended_signature(broken) is not None
