"""An image of any format in JSON. One function per format; a test fails where one has none."""

from __future__ import annotations

from warmboot.core.hints import Annotated, Literal, TypedDict
from warmboot.core.images import BootImage, Format
from warmboot.core.images.bpfcontainer import Envelope, ParserContainer
from warmboot.core.images.bpfobject import ParserObject
from warmboot.core.images.pe import PeProgram
from warmboot.core.images.uboot import FitImage, UImage
from warmboot.core.images.uki import Addon, Profile, Uki
from warmboot.tui.present.answers.objects.image_base import ImageBase, image_base
from warmboot.tui.present.answers.objects.kernel_image import KernelImageFields, kernel_image_fields
from warmboot.tui.present.answers.objects.parser_image import (
    KexecEnvelopeFields,
    ParserContainerFields,
    ParserObjectFields,
    kexec_envelope_fields,
    parser_container_fields,
    parser_object_fields,
)
from warmboot.tui.present.answers.objects.pe import (
    PeHeadersFields,
    SectionFields,
    pe_headers_fields,
    section_fields,
)


class ProfileFields(TypedDict):
    """A profile of a UKI."""

    id: Annotated[str, "its id"]
    title: Annotated[str | None, "its title; null where it has none"]
    cmdline: Annotated[str | None, "its command line; null where it takes that of the base"]
    sections: Annotated[list[SectionFields], "the sections that stand in for those of the base"]


class UkiFields(ImageBase):
    """A unified kernel image; the fields describe its base, in front of the profiles."""

    format: Annotated[Literal[Format.UKI], "the format"]
    linux: Annotated[KernelImageFields | None, "the kernel inside; null where it is not known"]
    linux_section: Annotated[SectionFields, "the section with the kernel"]
    initrd_section: Annotated[SectionFields | None, "the section with the initrd; null without"]
    cmdline: Annotated[str | None, "the command line inside; null where there is none"]
    os_name: Annotated[str | None, "name of the operating system; null where it does not say"]
    sbat: Annotated[list[str], "its SBAT lines: component, generation and so on"]
    device_trees: Annotated[int, "how many sections hold device trees"]
    profiles: Annotated[list[ProfileFields], "its profiles, in the order of the file"]
    headers: Annotated[PeHeadersFields, "the headers of the EFI program"]


class AddonFields(ImageBase):
    """An add-on for a UKI."""

    format: Annotated[Literal[Format.ADDON], "the format"]
    cmdline: Annotated[str | None, "the words it adds to the command line; null where none"]
    headers: Annotated[PeHeadersFields, "the headers of the EFI program"]


class PeProgramFields(ImageBase):
    """An EFI program that is no kernel."""

    format: Annotated[Literal[Format.PE], "the format"]
    headers: Annotated[PeHeadersFields, "its headers"]


class UImageFields(ImageBase):
    """A legacy image of U-Boot."""

    format: Annotated[Literal[Format.UIMAGE], "the format"]
    name: Annotated[str, "the name that its maker gave it"]
    data_size: Annotated[int, "bytes behind the header"]
    holds: Annotated[str, "what it is for, in words: kernel, ramdisk, …"]


class FitImageFields(ImageBase):
    """A flattened image tree of U-Boot."""

    format: Annotated[Literal[Format.FIT], "the format"]
    tree_size: Annotated[int, "bytes of the tree"]


ImageFields = (
    KernelImageFields
    | UkiFields
    | AddonFields
    | PeProgramFields
    | UImageFields
    | FitImageFields
    | ParserObjectFields
    | ParserContainerFields
    | KexecEnvelopeFields
)


def image_fields(image: BootImage) -> ImageFields:
    """Return an image as answers hold it: what its header says, by its format."""
    kernel = kernel_image_fields(image)
    if kernel is not None:
        return kernel
    match image:
        case Uki():
            return _uki(image)
        case Addon():
            return _addon(image)
        case PeProgram():
            headers = pe_headers_fields(image.headers)
            return {"format": Format.PE, **image_base(image), "headers": headers}
        case UImage():
            return _uimage(image)
        case FitImage():
            return {"format": Format.FIT, **image_base(image), "tree_size": image.tree_size}
        case ParserObject():
            return parser_object_fields(image)
        case ParserContainer():
            return parser_container_fields(image)
        case Envelope():
            return kexec_envelope_fields(image)
    raise TypeError(f"no answer says what a {image.format} is")


def _uki(image: Uki) -> UkiFields:
    initrd = image.initrd_section
    return {
        "format": Format.UKI,
        **image_base(image),
        "linux": kernel_image_fields(image.linux) if image.linux is not None else None,
        "linux_section": section_fields(image.linux_section),
        "initrd_section": section_fields(initrd) if initrd is not None else None,
        "cmdline": image.cmdline,
        "os_name": image.os_name,
        "sbat": list(image.sbat),
        "device_trees": image.device_trees,
        "profiles": [_profile(profile) for profile in image.profiles],
        "headers": pe_headers_fields(image.headers),
    }


def _profile(profile: Profile) -> ProfileFields:
    return {
        "id": profile.id,
        "title": profile.title,
        "cmdline": profile.cmdline,
        "sections": [section_fields(section) for section in profile.sections],
    }


def _addon(image: Addon) -> AddonFields:
    return {
        "format": Format.ADDON,
        **image_base(image),
        "cmdline": image.cmdline,
        "headers": pe_headers_fields(image.headers),
    }


def _uimage(image: UImage) -> UImageFields:
    return {
        "format": Format.UIMAGE,
        **image_base(image),
        "name": image.name,
        "data_size": image.data_size,
        "holds": image.holds,
    }
