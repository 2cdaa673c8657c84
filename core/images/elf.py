"""ELF kernels (vmlinux). Source: elf(5)."""

from __future__ import annotations

import struct

from warmboot.core.architecture import of_elf
from warmboot.core.errors import ImageError
from warmboot.core.hints import ClassVar, Self
from warmboot.core.images.model import BootImage, Fact, Format
from warmboot.core.images.view import View
from warmboot.core.values import NamedTuple, dataclass

_MAX_SEGMENTS = 64
_LOAD = 1
# e_machine, e_entry, e_phoff, e_phentsize, e_phnum by the class (32 and 64 bits)
_HEADERS = {1: "HHIIIIIHHH", 2: "HHIQQQIHHH"}
# p_type, p_offset, p_filesz, p_memsz
_SEGMENTS = {1: "IIIIIIII", 2: "IIQQQQQQ"}
_BITS = {1: 32, 2: 64}
_ORDER = {1: "<", 2: ">"}


class _Segment(NamedTuple):
    """A PT_LOAD: `size` bytes at `offset` of the file, `memory` once loaded."""

    offset: int
    size: int
    memory: int


@dataclass(frozen=True, kw_only=True)
class ElfKernel(BootImage):
    """An ELF executable; `entry` is its entry address, `segments` the number of PT_LOADs."""

    format: ClassVar[Format] = Format.ELF
    about: ClassVar[str] = "uncompressed ELF kernel (vmlinux)"
    recognised_by: ClassVar[str] = "`\\x7fELF` at 0 and segments to load"

    entry: int
    segments: int

    @classmethod
    def matches(cls, head: bytes) -> bool:
        if head[:4] != b"\x7fELF":
            return False
        from warmboot.core.images.elf64 import is_container

        return not is_container(head)

    @classmethod
    def parse(cls, view: View) -> Self:
        ident = view.read(0, 16, "ELF header")
        width, order = _HEADERS.get(ident[4]), _ORDER.get(ident[5])
        if width is None or order is None:
            raise ImageError(
                "Broken ELF header: neither 32 nor 64 bits, or no byte order", offset=4
            )
        header = struct.Struct(order + width)
        fields = header.unpack(view.read(16, header.size, "ELF header"))
        machine, entry, table, step, count = (fields[index] for index in (1, 3, 4, 8, 9))
        if not 0 < count <= _MAX_SEGMENTS:
            raise ImageError(f"{count} ELF program headers cannot be those of a kernel")
        row = struct.Struct(order + _SEGMENTS[ident[4]])
        if step != row.size:
            raise ImageError(f"Broken ELF header: program headers of {step} bytes", offset=0)
        rows = row.iter_unpack(view.read(table, step * count, "ELF program headers"))
        segments = [_segment(ident[4], fields) for fields in rows if fields[0] == _LOAD]
        if not segments:
            raise ImageError("The ELF file has nothing to load, so it is not a kernel")
        for segment in segments:
            view.part(segment.offset, segment.size, "ELF segment")
        return cls(
            file_size=view.size,
            architecture=of_elf(machine, _BITS[ident[4]], big_endian=order == ">"),
            memory_size=sum(segment.memory for segment in segments),
            entry=entry,
            segments=len(segments),
        )

    def facts(self) -> tuple[Fact, ...]:
        return (
            Fact("Entry address", f"{self.entry:#x}"),
            Fact("Segments", str(self.segments)),
        )


def _segment(width: int, fields: tuple[int, ...]) -> _Segment:
    """Return a program header's fields; p_flags stands at another place in each class."""
    if width == 1:
        return _Segment(fields[1], fields[4], fields[5])
    return _Segment(fields[2], fields[5], fields[6])
