"""Unified kernel images: kernel, initrd and command line in one EFI program.

Source: the UAPI group's Unified Kernel Image specification.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from warmboot.core.errors import ImageError
from warmboot.core.images import pe
from warmboot.core.images.model import BootImage, Fact, Format
from warmboot.core.images.osrelease import parse_os_release
from warmboot.core.images.pe import PeHeaders, Section
from warmboot.core.images.view import View
from warmboot.core.text import printable, size

_TEXT_LIMIT = 65536


@dataclass(frozen=True, slots=True, kw_only=True)
class Uki(BootImage):
    """A unified kernel image. `linux` is what its .linux section holds, None where unknown."""

    format: ClassVar[Format] = Format.UKI
    about: ClassVar[str] = "unified kernel image: kernel, initrd and command line in one file"
    recognised_by: ClassVar[str] = "a PE file with a `.linux` section"

    headers: PeHeaders
    linux_section: Section
    initrd_section: Section | None
    linux: BootImage | None
    cmdline: str | None
    os_name: str | None

    @classmethod
    def matches(cls, head: bytes) -> bool:
        """Tell from the first 4096 bytes: a section header named .linux lies in the headers."""
        return head[:2] == b"MZ" and b".linux\0\0" in head

    @classmethod
    def parse(cls, view: View) -> Self:
        from warmboot.core.images.identify import identify_kernel  # it imports this module

        headers = pe.parse_headers(view)
        linux = headers.find(".linux")
        if linux is None or linux.size == 0:
            raise ImageError("The PE file has no .linux section, so it is no UKI")
        try:
            kernel = identify_kernel(view.part(linux.offset, linux.size, ".linux section"))
        except ImageError:
            kernel = None
        release = _text(view, headers.find(".uname")) or (kernel.release if kernel else None)
        os_release = parse_os_release(_text(view, headers.find(".osrel"), lines=True) or "")
        return cls(
            file_size=view.size,
            architecture=headers.architecture,
            release=release,
            memory_size=kernel.memory_size if kernel else None,
            headers=headers,
            linux_section=linux,
            initrd_section=headers.find(".initrd"),
            linux=kernel,
            cmdline=_text(view, headers.find(".cmdline")),
            os_name=os_release.get("PRETTY_NAME"),
        )

    def facts(self) -> tuple[Fact, ...]:
        inner = self.linux.format.value if self.linux else "not recognised"
        initrd = size(self.initrd_section.size) if self.initrd_section else "none"
        return (
            Fact("Operating system", self.os_name or "not stated"),
            Fact("Kernel inside", f"{inner}, {size(self.linux_section.size)}"),
            Fact("Initrd inside", initrd),
            Fact("Command line inside", self.cmdline if self.cmdline is not None else "none"),
            *pe.describe_headers(self.headers),
        )


def _text(view: View, section: Section | None, *, lines: bool = False) -> str | None:
    """Return a text section without the NULs and line ends behind it; None without a section."""
    if section is None:
        return None
    raw = view.read(section.offset, min(section.size, _TEXT_LIMIT), f"{section.name} section")
    raw = raw.split(b"\0", 1)[0].rstrip()
    if lines:
        return "\n".join(printable(line) for line in raw.splitlines())
    return printable(raw, _TEXT_LIMIT)
