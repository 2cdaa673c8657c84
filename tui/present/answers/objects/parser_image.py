"""Parsers for kernels with CONFIG_KEXEC_BPF in JSON: objects, containers, and what they get."""

from __future__ import annotations

from warmboot.core.hints import Annotated, Literal, TypedDict
from warmboot.core.images import Format
from warmboot.core.images.bpfcontainer import Envelope, ParserContainer
from warmboot.core.images.bpfobject import ParserIdentity, ParserObject
from warmboot.core.images.carried import CarriedParser
from warmboot.core.images.elf64 import ElfSection
from warmboot.tui.present.answers.objects.image_base import ImageBase, image_base


class PlaceFields(TypedDict):
    """Where something stands in a file."""

    offset: Annotated[int, "where it begins"]
    size: Annotated[int, "its bytes"]


class ElfSectionFields(TypedDict):
    """A section of an ELF file."""

    name: Annotated[str, "its name"]
    offset: Annotated[int, "where its content stands in the file"]
    size: Annotated[int, "bytes of its content"]


class ParserIdentityFields(TypedDict):
    """What a parser that warmboot made says it is."""

    dialect: Annotated[int, "dialect of the interface: 6 or 7"]
    kind: Annotated[str, "what it takes apart, in a word"]
    record_size: Annotated[int, "bytes of the largest record that it hands over"]


class ParserMapFields(TypedDict):
    """A map that a parser makes."""

    name: Annotated[str, "its name"]
    ring: Annotated[int | None, "bytes of a ring buffer; null where it is none"]


class ParserObjectFields(ImageBase):
    """A parser program."""

    format: Annotated[Literal[Format.PARSER], "the format"]
    data: Annotated[PlaceFields, "its data, opts_data"]
    code: Annotated[PlaceFields, "its loader program, opts_insn"]
    identity: Annotated[ParserIdentityFields | None, "what it is; null where another tool made it"]
    maps: Annotated[list[ParserMapFields], "the maps that it makes, in order"]


class ParserContainerFields(ImageBase):
    """Parser programs for dialect v7."""

    format: Annotated[Literal[Format.PARSERS], "the format"]
    parsers: Annotated[list[ParserObjectFields], "the parsers, in the order the kernel tries them"]
    sections: Annotated[list[ElfSectionFields], "its sections, in the order of the file"]
    nested: Annotated[
        ParserContainerFields | None, "parsers for what these produce; null where there are none"
    ]


class KexecEnvelopeFields(ImageBase):
    """Kernel, initrd and command line for parsers of dialect v7."""

    format: Annotated[Literal[Format.ENVELOPE], "the format"]
    sections: Annotated[list[ElfSectionFields], "its sections, in the order of the file"]
    cmdline: Annotated[str | None, "the command line inside; null where there is none"]


class CarriedParserFields(TypedDict):
    """What the .bpf section of an image holds."""

    size: Annotated[int, "bytes of the section"]
    parser: Annotated[ParserObjectFields | None, "the parser; null where there is no sound one"]
    problem: Annotated[str | None, "why it cannot be used; null where it can"]


def parser_object_fields(image: ParserObject) -> ParserObjectFields:
    """Return a parser program as answers hold it."""
    (data, data_size), (code, code_size) = image.data, image.code
    return {
        "format": Format.PARSER,
        **image_base(image),
        "data": {"offset": data, "size": data_size},
        "code": {"offset": code, "size": code_size},
        "identity": _identity(image.identity) if image.identity is not None else None,
        "maps": [{"name": one.name, "ring": one.ring} for one in image.maps],
    }


def parser_container_fields(image: ParserContainer) -> ParserContainerFields:
    """Return a container of parser programs as answers hold it."""
    return {
        "format": Format.PARSERS,
        **image_base(image),
        "parsers": [parser_object_fields(parser) for parser in image.parsers],
        "sections": [_section(section) for section in image.sections],
        "nested": parser_container_fields(image.nested) if image.nested is not None else None,
    }


def kexec_envelope_fields(image: Envelope) -> KexecEnvelopeFields:
    """Return an envelope of dialect v7 as answers hold it."""
    return {
        "format": Format.ENVELOPE,
        **image_base(image),
        "sections": [_section(section) for section in image.sections],
        "cmdline": image.cmdline,
    }


def carried_parser_fields(carried: CarriedParser) -> CarriedParserFields:
    """Return what the .bpf section of an image holds, as answers hold it."""
    parser = carried.parser
    return {
        "size": carried.size,
        "parser": parser_object_fields(parser) if parser is not None else None,
        "problem": carried.problem,
    }


def _identity(identity: ParserIdentity) -> ParserIdentityFields:
    return {
        "dialect": identity.dialect,
        "kind": identity.kind,
        "record_size": identity.record_size,
    }


def _section(section: ElfSection) -> ElfSectionFields:
    return {"name": section.name, "offset": section.offset, "size": section.size}
