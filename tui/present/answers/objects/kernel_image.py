"""Images that are kernels, in JSON: one function per format. A UKI holds one of them."""

from __future__ import annotations

from warmboot.core.hints import Annotated, Literal
from warmboot.core.images import BootImage, Format
from warmboot.core.images.bzimage import BzImage
from warmboot.core.images.compressed import CompressedImage
from warmboot.core.images.elf import ElfKernel
from warmboot.core.images.foreign import S390Image, ZImage
from warmboot.core.images.rawimage import RawImage
from warmboot.core.images.zboot import Zboot
from warmboot.tui.present.answers.objects.image_base import ImageBase, image_base
from warmboot.tui.present.answers.objects.pe import PeHeadersFields, pe_headers_fields


class ZbootFields(ImageBase):
    """A compressed kernel in an EFI program."""

    format: Annotated[Literal[Format.ZBOOT], "the format"]
    payload_offset: Annotated[int, "where the payload stands in the file, as the header says"]
    payload_size: Annotated[int, "bytes of the payload, as the header says"]
    compression: Annotated[str, "what the header calls its compression"]
    linux_magic: Annotated[bool, "whether it has the magic number of EFI kernels of Linux"]
    headers: Annotated[PeHeadersFields, "the headers of the EFI program"]


class BzImageFields(ImageBase):
    """A kernel of x86 with its setup code; see Documentation/arch/x86/boot.rst of Linux."""

    format: Annotated[Literal[Format.BZIMAGE], "the format"]
    protocol: Annotated[int, "version of the boot protocol; 527 (0x020f) is 2.15"]
    loadflags: Annotated[int, "flags of the setup header"]
    xloadflags: Annotated[int, "more flags of the setup header; 0 where it is too old for them"]
    setup_size: Annotated[int, "bytes of the setup code"]
    cmdline_size: Annotated[
        int | None, "bytes that its command line may have; null where it does not say"
    ]
    relocatable: Annotated[bool, "whether it may be placed at another address"]
    alignment: Annotated[int, "bytes that its address is aligned to; 0 where it does not say"]
    preferred_address: Annotated[int, "where it goes best; 0 where it does not say"]
    handover_offset: Annotated[int, "where EFI handover enters it; 0 where it does not"]


class RawImageFields(ImageBase):
    """An uncompressed kernel of arm64, riscv64 or loongarch64."""

    format: Annotated[Literal[Format.IMAGE], "the format"]
    text_offset: Annotated[int, "bytes from a 2 MiB boundary to where the kernel starts"]
    flags: Annotated[int, "flags of the header"]
    big_endian: Annotated[bool, "whether it is a big-endian kernel"]
    page_size: Annotated[str, "size of its pages, in words"]
    place_anywhere: Annotated[bool, "whether it may lie anywhere in memory"]


class ElfKernelFields(ImageBase):
    """An uncompressed ELF kernel."""

    format: Annotated[Literal[Format.ELF], "the format"]
    entry: Annotated[int, "address where it is entered"]
    segments: Annotated[int, "how many segments there are to load"]


class CompressedImageFields(ImageBase):
    """A kernel compressed as a whole; what it holds, only unpacking tells."""

    format: Annotated[Literal[Format.COMPRESSED], "the format"]


class ZImageFields(ImageBase):
    """A self-extracting kernel of 32-bit Arm."""

    format: Annotated[Literal[Format.ZIMAGE], "the format"]
    start: Annotated[int, "address where it wants to lie; 0 for anywhere"]
    end: Annotated[int, "address where it ends"]
    big_endian: Annotated[bool, "whether it is a big-endian kernel"]
    efi: Annotated[bool, "whether it is an EFI program too"]


class S390ImageFields(ImageBase):
    """A kernel of s390x with its loader code."""

    format: Annotated[Literal[Format.S390], "the format"]


KernelImageFields = (
    ZbootFields
    | BzImageFields
    | ZImageFields
    | RawImageFields
    | ElfKernelFields
    | S390ImageFields
    | CompressedImageFields
)


def kernel_image_fields(image: BootImage) -> KernelImageFields | None:
    """Return the image of a kernel as answers hold it; None for one of another kind."""
    match image:
        case Zboot():
            return _zboot(image)
        case BzImage():
            return _bzimage(image)
        case RawImage():
            return _raw_image(image)
        case ElfKernel():
            return {
                "format": Format.ELF,
                **image_base(image),
                "entry": image.entry,
                "segments": image.segments,
            }
        case ZImage():
            return {
                "format": Format.ZIMAGE,
                **image_base(image),
                "start": image.start,
                "end": image.end,
                "big_endian": image.big_endian,
                "efi": image.efi,
            }
        case S390Image():
            return {"format": Format.S390, **image_base(image)}
        case CompressedImage():
            return {"format": Format.COMPRESSED, **image_base(image)}
    return None


def _zboot(image: Zboot) -> ZbootFields:
    return {
        "format": Format.ZBOOT,
        **image_base(image),
        "payload_offset": image.payload_offset,
        "payload_size": image.payload_size,
        "compression": image.compression,
        "linux_magic": image.linux_magic,
        "headers": pe_headers_fields(image.headers),
    }


def _bzimage(image: BzImage) -> BzImageFields:
    return {
        "format": Format.BZIMAGE,
        **image_base(image),
        "protocol": image.protocol,
        "loadflags": image.loadflags,
        "xloadflags": image.xloadflags,
        "setup_size": image.setup_size,
        "cmdline_size": image.cmdline_size,
        "relocatable": image.relocatable,
        "alignment": image.alignment,
        "preferred_address": image.preferred_address,
        "handover_offset": image.handover_offset,
    }


def _raw_image(image: RawImage) -> RawImageFields:
    return {
        "format": Format.IMAGE,
        **image_base(image),
        "text_offset": image.text_offset,
        "flags": image.flags,
        "big_endian": image.big_endian,
        "page_size": image.page_size,
        "place_anywhere": image.place_anywhere,
    }
