"""Every header and section of a PE file as pefile, an independent reader, sees them.

What is loaded is read by warmboot.core.images.pe; this is for a person who wants to see all of it.
Source: Microsoft PE format specification.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator

from warmboot.core.errors import ImageError
from warmboot.core.hints import Any
from warmboot.core.images.model import Fact
from warmboot.core.images.pe import parse_headers
from warmboot.core.images.view import View
from warmboot.core.text import printable
from warmboot.core.values import NamedTuple

_LARGEST = 1 << 30  # bytes; PE offsets have 32 bits, and no boot image comes near
_WARNINGS = 64


class PeHeader(NamedTuple):
    """One header or section: its name, and a line for each of its fields."""

    name: str
    fields: tuple[Fact, ...]


class PeView(NamedTuple):
    """All headers of a PE file in file order, and what pefile finds odd about them."""

    headers: tuple[PeHeader, ...]
    warnings: tuple[str, ...]


def view_headers(view: View) -> PeView:
    """Return the headers of a PE file; raises ImageError where it is none, or is damaged."""
    import pefile  # 60 ms that nothing else needs

    end = parse_headers(view).headers_end
    if view.size > _LARGEST:
        raise ImageError(f"The file has {view.size} bytes, too many for a boot image")
    # pefile compares offsets with the size of what it is given, and looks at the headers alone: so
    # the rest is a hole, which takes no memory and cannot be cut off by who else has the file open.
    with mmap.mmap(-1, view.size) as memory:
        memory[:end] = view.read(0, end, "PE headers")
        try:
            found = pefile.PE(data=memory, fast_load=True)
            headers = tuple(_headers(found))
            warnings = tuple(printable(text, 300) for text in found.get_warnings()[:_WARNINGS])
        except (pefile.PEFormatError, ValueError, AttributeError, IndexError, KeyError) as error:
            raise ImageError(f"pefile cannot read it: {printable(str(error), 200)}") from error
        finally:
            found = None
    return PeView(headers, warnings)


def _headers(found: Any) -> Iterator[PeHeader]:
    """Yield DOS header, NT header, file header, optional header, directories and sections."""
    for header in (found.DOS_HEADER, found.NT_HEADERS, found.FILE_HEADER, found.OPTIONAL_HEADER):
        yield PeHeader(_name(header), tuple(_fields(header)))
    flags = [name for name, held in vars(found.OPTIONAL_HEADER).items() if held is True]
    if flags:
        yield PeHeader("Flags of the program", (Fact("Set", " ".join(sorted(flags))),))
    directories = [
        Fact(printable(one.name, 60), f"{one.Size} bytes at {one.VirtualAddress:#x}")
        for one in found.OPTIONAL_HEADER.DATA_DIRECTORY
        if one.Size
    ]
    if directories:
        yield PeHeader("Data directories", tuple(directories))
    for section in found.sections:
        name = printable(section.Name.rstrip(b"\0"), 64)
        flags = sorted(flag for flag, held in vars(section).items() if held is True)
        fields = [*_fields(section), Fact("Flags", " ".join(flags) or "none")]
        yield PeHeader(f"Section {name}", tuple(fields))


def _name(header: Any) -> str:
    return printable(header.name.removeprefix("IMAGE_").replace("_", " ").capitalize(), 60)


def _fields(header: Any) -> Iterator[Fact]:
    """Yield the fields of a structure; of several names for the same bytes, the last."""
    named = {tuple(names)[-1] for names in header.__keys__}
    for name, field in header.dump_dict().items():
        if name not in named or name == "Name":
            continue
        value = field["Value"]
        text = printable(str(value), 200)
        if isinstance(value, int):
            text = f"{value:#x} ({value})" if value > 9 else str(value)
        yield Fact(name.removeprefix("Misc_"), text)
