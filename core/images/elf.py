"""ELF kernels (vmlinux). Source: elf(5); read by pyelftools, imported only when one is met."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import ClassVar, Self

from warmboot.core.architecture import of_elf
from warmboot.core.errors import ImageError
from warmboot.core.images.elf64 import is_container
from warmboot.core.images.model import BootImage, Fact, Format
from warmboot.core.images.view import View
from warmboot.core.text import printable

_MAX_SEGMENTS = 64
_HEADERS = 1 << 16  # the program headers of a kernel stand right behind the ELF header


@dataclass(frozen=True, slots=True, kw_only=True)
class ElfKernel(BootImage):
    """An ELF executable; `entry` is its entry address, `segments` the number of PT_LOADs."""

    format: ClassVar[Format] = Format.ELF
    about: ClassVar[str] = "uncompressed ELF kernel (vmlinux)"
    recognised_by: ClassVar[str] = "`\\x7fELF` at 0 and segments to load"

    entry: int
    segments: int

    @classmethod
    def matches(cls, head: bytes) -> bool:
        return head[:4] == b"\x7fELF" and not is_container(head)

    @classmethod
    def parse(cls, view: View) -> Self:
        from elftools.common.exceptions import ELFError, ELFParseError
        from elftools.construct import ConstructError
        from elftools.elf.elffile import ELFFile

        head = view.head(_HEADERS)
        try:
            elf = ELFFile(io.BytesIO(head))
            count = elf.header["e_phnum"]
            if not 0 < count <= _MAX_SEGMENTS:
                raise ImageError(f"Not a kernel: {count} ELF program headers")
            segments = [segment.header for segment in elf.iter_segments("PT_LOAD")]
            machine, width, entry = elf.header["e_machine"], elf.elfclass, elf.header["e_entry"]
        except (
            ELFError, ELFParseError, ConstructError, ValueError, KeyError, TypeError, IndexError,
            AttributeError, OverflowError, AssertionError, UnicodeDecodeError,
        ) as error:  # fmt: skip
            raise ImageError(
                f"Broken ELF header: {printable(str(error), 200)}", offset=0
            ) from error
        if not segments:
            raise ImageError("The ELF file has nothing to load, so it is not a kernel")
        for segment in segments:
            view.part(segment["p_offset"], segment["p_filesz"], "ELF segment")
        return cls(
            file_size=view.size,
            architecture=of_elf(machine, width),
            memory_size=sum(segment["p_memsz"] for segment in segments),
            entry=entry,
            segments=len(segments),
        )

    def facts(self) -> tuple[Fact, ...]:
        return (
            Fact("Entry address", f"{self.entry:#x}"),
            Fact("Segments", str(self.segments)),
        )
