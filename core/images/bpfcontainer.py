"""The two ELF containers of the kexec BPF interface's dialect v7.

One carries parser objects, the other the images for them.
"""

from __future__ import annotations

from warmboot.core.errors import ImageError
from warmboot.core.expression import expression
from warmboot.core.hints import ClassVar, Self
from warmboot.core.images.bpfobject import ParserObject
from warmboot.core.images.elf64 import ElfSection, is_container, read_elf_sections
from warmboot.core.images.model import BootImage, Fact, Format
from warmboot.core.images.view import View
from warmboot.core.text import plural, printable, size
from warmboot.core.values import dataclass

#: At most this many parsers side by side, and this many containers inside one another.
MOST_PARSERS, DEEPEST = 8, 4
NAMES, NESTED = ".shstrtab", ".bpf.nested"
#: Sections of the container with the images, and which of them are PE files.
IMAGE_SECTIONS = (".kernel", ".initrd", ".cmdline", ".uki", ".addon")

_PARSER = expression(r"\.bpf\.[1-8]")
_CMDLINE_LIMIT = 65536


@dataclass(frozen=True, kw_only=True)
class ParserContainer(BootImage):
    """Parsers in the order the kernel tries them; `nested` handles what they produce."""

    format: ClassVar[Format] = Format.PARSERS
    about: ClassVar[str] = "parser programs for kernels with CONFIG_KEXEC_BPF, dialect v7"
    recognised_by: ClassVar[str] = "an ELF64 file without segments and with a section `.bpf.1`"

    parsers: tuple[ParserObject, ...]
    sections: tuple[ElfSection, ...]
    nested: ParserContainer | None

    @classmethod
    def matches(cls, head: bytes) -> bool:
        return is_container(head)

    @classmethod
    def claims(cls, view: View) -> bool:
        return any(s.name.startswith(".bpf.") for s in read_elf_sections(view))

    @classmethod
    def parse(cls, view: View) -> Self:
        return cls._parse(view, 1)

    @classmethod
    def _parse(cls, view: View, depth: int) -> Self:
        if depth > DEEPEST:
            raise ImageError(f"Parser containers are nested deeper than {DEEPEST}")
        sections = _checked(view)
        nested = None
        parsers = []
        for number, section in enumerate(s for s in sections if s.name not in (NAMES, NESTED)):
            if not _PARSER.fullmatch(section.name) or section.name != f".bpf.{number + 1}":
                raise ImageError(
                    f"{section.name} is out of place in a parser container: sections are .bpf.1, "
                    f".bpf.2 and so on up to .bpf.{MOST_PARSERS}",
                    offset=section.offset,
                )
            part = view.part(section.offset, section.size, section.name)
            parsers.append(ParserObject.parse(part))
        if not parsers:
            raise ImageError("The parser container has no .bpf.1")
        for section in sections:
            if section.name == NESTED:
                nested = cls._parse(view.part(section.offset, section.size, NESTED), depth + 1)
        return cls(
            file_size=view.size,
            architecture=None,
            parsers=tuple(parsers),
            sections=sections,
            nested=nested,
        )

    def facts(self) -> tuple[Fact, ...]:
        lines = [Fact("Parsers", plural(len(self.parsers), "object"))]
        for number, parser in enumerate(self.parsers, 1):
            lines += [Fact(f"{number}: {f.label}", f.value) for f in parser.facts()]
        if self.nested is not None:
            lines += [Fact(f"Nested: {f.label}", f.value) for f in self.nested.facts()]
        return tuple(lines)


@dataclass(frozen=True, kw_only=True)
class Envelope(BootImage):
    """Images for a parser of dialect v7. `cmdline` is the text of its section."""

    format: ClassVar[Format] = Format.ENVELOPE
    about: ClassVar[str] = "kernel, initrd and command line for a parser program, dialect v7"
    recognised_by: ClassVar[str] = (
        "an ELF64 file without segments and with a section `.kernel`, `.uki` or `.addon`"
    )

    sections: tuple[ElfSection, ...]
    cmdline: str | None

    @classmethod
    def matches(cls, head: bytes) -> bool:
        return is_container(head)

    @classmethod
    def claims(cls, view: View) -> bool:
        return any(s.name in IMAGE_SECTIONS for s in read_elf_sections(view))

    @classmethod
    def parse(cls, view: View) -> Self:
        sections = _checked(view)
        names = {section.name for section in sections}
        for name in names - {NAMES, *IMAGE_SECTIONS}:
            raise ImageError(f"{name} is out of place in a kexec envelope")
        if not names & {".kernel", ".uki"} and ".addon" not in names:
            raise ImageError("The kexec envelope holds no image")
        text = None
        for section in sections:
            if section.name == ".cmdline":
                text = _cmdline(view, section)
            elif section.size == 0 and section.name != NAMES:
                raise ImageError(f"{section.name} is empty", offset=section.offset)
        return cls(file_size=view.size, architecture=None, sections=sections, cmdline=text)

    def find(self, name: str) -> ElfSection | None:
        """Return the section called `name`, None where there is none."""
        return next((section for section in self.sections if section.name == name), None)

    def facts(self) -> tuple[Fact, ...]:
        lines = [
            Fact(f"Section {s.name}", size(s.size))
            for s in self.sections
            if s.name not in (NAMES, ".cmdline")
        ]
        line = self.cmdline if self.cmdline is not None else "none"
        return (*lines, Fact("Command line inside", line))


def _checked(view: View) -> tuple[ElfSection, ...]:
    """Return the sections of a container; raise ImageError where names repeat or ranges overlap."""
    sections = read_elf_sections(view)
    names = [section.name for section in sections]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise ImageError(f"The section {min(twice)} appears twice")
    if NAMES not in names:
        raise ImageError(f"The container has no {NAMES}")
    end = 0
    for section in sorted(sections, key=lambda section: section.offset):
        if section.size and section.offset < end:
            raise ImageError(f"{section.name} overlaps another section", offset=section.offset)
        end = max(end, section.offset + section.size)
    return sections


def _cmdline(view: View, section: ElfSection) -> str:
    raw = view.read(section.offset, min(section.size, _CMDLINE_LIMIT), ".cmdline")
    if section.size > _CMDLINE_LIMIT or raw.find(b"\0") != section.size - 1:
        raise ImageError(
            "The command line in the envelope does not end with its only NUL",
            offset=section.offset,
        )
    return printable(raw[:-1], _CMDLINE_LIMIT)
