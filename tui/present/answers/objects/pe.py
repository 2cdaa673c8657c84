"""PE files in JSON: the headers that boot images and EFI programs share, and their sections."""

from __future__ import annotations

from warmboot.core.hints import Annotated, TypedDict
from warmboot.core.images.pe import PeHeaders, Section


class SectionFields(TypedDict):
    """A section of a PE file."""

    name: Annotated[str, "its name"]
    offset: Annotated[int, "where its content stands in the file"]
    size: Annotated[int, "bytes of its content, padding left out"]
    virtual_address: Annotated[int, "where it goes in memory, counted from the image's start"]
    virtual_size: Annotated[int, "bytes that it takes in memory"]
    characteristics: Annotated[int, "its flags, as the PE format defines them"]


class PeHeadersFields(TypedDict):
    """What the headers of a PE file say."""

    machine: Annotated[int, "the machine it is for, as the PE format numbers them"]
    subsystem: Annotated[int, "its subsystem, as the PE format numbers them; 10 is an EFI program"]
    nx_compatible: Annotated[bool, "whether it says that it runs with data that is not executable"]
    size_of_image: Annotated[int, "bytes that it takes in memory"]
    file_alignment: Annotated[int, "bytes that contents are aligned to in the file"]
    section_alignment: Annotated[int, "bytes that sections are aligned to in memory"]
    certificates: Annotated[int, "bytes of its signatures; 0 where it is not signed"]
    sections: Annotated[list[SectionFields], "its sections, in the order of the file"]


def section_fields(section: Section) -> SectionFields:
    """Return a section as answers hold it."""
    return {
        "name": section.name,
        "offset": section.offset,
        "size": section.size,
        "virtual_address": section.virtual_address,
        "virtual_size": section.virtual_size,
        "characteristics": section.characteristics,
    }


def pe_headers_fields(headers: PeHeaders) -> PeHeadersFields:
    """Return the headers of a PE file as answers hold them."""
    return {
        "machine": headers.machine,
        "subsystem": headers.subsystem,
        "nx_compatible": headers.nx_compatible,
        "size_of_image": headers.size_of_image,
        "file_alignment": headers.file_alignment,
        "section_alignment": headers.section_alignment,
        "certificates": headers.certificates[1],
        "sections": [section_fields(section) for section in headers.sections],
    }
