"""Parser programs that boot images carry; few do, and what reads them is loaded for those."""

from __future__ import annotations

from warmboot.core.errors import ImageError
from warmboot.core.hints import TYPE_CHECKING
from warmboot.core.images.model import Fact
from warmboot.core.images.pe import parse_headers
from warmboot.core.images.view import View
from warmboot.core.text import size
from warmboot.core.values import dataclass

if TYPE_CHECKING:
    from warmboot.core.images.bpfobject import ParserObject

#: The section of a PE file that holds the object.
SECTION = ".bpf"


@dataclass(frozen=True)
class CarriedParser:
    """What the `.bpf` section of a PE file holds: `size` bytes, and the parser or what is wrong."""

    size: int
    parser: ParserObject | None
    problem: str | None

    def describe(self) -> tuple[Fact, ...]:
        """Return the lines about it."""
        lines: tuple[Fact, ...] = ()
        if self.parser is not None:
            from warmboot.core.images.bpfobject import describe_parser

            lines = describe_parser(self.parser)
        state = f", unusable: {self.problem}" if self.problem else ""
        return (Fact("Section .bpf", size(self.size) + state), *lines)


def carried_parser(view: View) -> CarriedParser | None:
    """Return what the `.bpf` section of a PE file holds; None without one, or for other files."""
    try:
        headers = parse_headers(view)
    except ImageError:
        return None
    section = headers.find(SECTION)
    if section is None:
        return None
    from warmboot.core.images.bpfobject import ParserObject

    try:
        parser = ParserObject.parse(view.part(section.offset, section.size, SECTION))
    except ImageError as error:
        return CarriedParser(section.size, None, error.message)
    return CarriedParser(section.size, parser, None)
