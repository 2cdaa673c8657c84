"""Unified kernel images and their add-ons: kernel, initrd, command line in one EFI program.

Source: the UAPI group's Unified Kernel Image specification; systemd-stub(7) for add-ons.
"""

from __future__ import annotations

from warmboot.core.errors import ImageError
from warmboot.core.hints import TYPE_CHECKING, ClassVar, Self
from warmboot.core.images.kernels import identify_kernel
from warmboot.core.images.model import BootImage, Fact, Format
from warmboot.core.images.pe import PeHeaders, Section, describe_headers, parse_headers
from warmboot.core.images.view import View
from warmboot.core.text import plural, printable, size
from warmboot.core.values import NamedTuple, dataclass

if TYPE_CHECKING:
    from warmboot.core.images.osrelease import System

_TEXT_LIMIT = 65536
#: Sections the specification defines, apart from .linux and .profile.
_KNOWN = (
    ".initrd", ".cmdline", ".osrel", ".uname", ".sbat", ".dtb", ".dtbauto", ".hwids", ".ucode",
    ".splash", ".pcrsig", ".pcrpkey", ".efifw",
)  # fmt: skip


@dataclass(frozen=True)
class Profile:
    """One profile of a UKI: its id and title, and the sections that replace those of the base.

    The id is its number where the image gives it none.
    """

    id: str
    title: str | None
    cmdline: str | None
    sections: tuple[Section, ...]


class Elsewhere(NamedTuple):
    """Paths of a kernel and its initrd on the file system of the image, with slashes."""

    kernel: str
    initrd: str | None


class Outline(NamedTuple):
    """What a list shows of a UKI: its headers and short texts; what is inside .linux is not read.

    The fields mean what those of Uki of the same name do; `system` is what .osrel says. Only where
    no .uname section states the release is the kernel's own header asked for it. `elsewhere` is
    what an image of Lanzaboote holds instead of kernel and initrd: their paths.
    """

    headers: PeHeaders
    linux_section: Section
    initrd_section: Section | None
    release: str | None
    cmdline: str | None
    system: System | None
    profiles: tuple[Profile, ...]
    elsewhere: Elsewhere | None = None

    @classmethod
    def parse(cls, view: View) -> Self:
        """Return what the file says; raise ImageError where the bytes break the format."""
        headers = parse_headers(view)
        base, profiles = split_sections(headers.sections)
        linux = base.get(".linux") or headers.find(".linux")
        if linux is None or linux.size == 0:
            raise ImageError("The PE file has no .linux section, so it is not a UKI")
        release = _text(view, base.get(".uname"))
        elsewhere = _elsewhere(view, base)
        if not release and elsewhere is None:
            kernel = _kernel(view, linux)
            release = kernel.release if kernel else None
        return cls(
            headers,
            linux,
            base.get(".initrd"),
            release,
            _text(view, base.get(".cmdline")),
            _system(view, base.get(".osrel")),
            tuple(_profile(view, part, number) for number, part in enumerate(profiles)),
            elsewhere,
        )


@dataclass(frozen=True, kw_only=True)
class Uki(BootImage):
    """A unified kernel image. `linux` is what its .linux section holds, None where unknown.

    The fields describe the base profile, which holds the sections in front of the first
    .profile; `profiles` are the others, in file order.
    """

    format: ClassVar[Format] = Format.UKI
    about: ClassVar[str] = "unified kernel image: kernel, initrd and command line in one file"
    recognised_by: ClassVar[str] = "a PE file with a `.linux` section"

    headers: PeHeaders
    linux_section: Section
    initrd_section: Section | None
    linux: BootImage | None
    cmdline: str | None
    os_name: str | None
    sbat: tuple[str, ...]
    device_trees: int
    profiles: tuple[Profile, ...]

    @classmethod
    def matches(cls, head: bytes) -> bool:
        """Tell from the first 4096 bytes: a section header named .linux lies in the headers."""
        return head[:2] == b"MZ" and b".linux\0\0" in head

    @classmethod
    def parse(cls, view: View) -> Self:
        return cls.complete(view, Outline.parse(view))

    @classmethod
    def stated_release(cls, view: View) -> str | None:
        return Outline.parse(view).release

    @classmethod
    def complete(cls, view: View, outline: Outline) -> Self:
        """Return what the file says, of which `outline` was read; raise ImageError as `parse`."""
        sections = outline.headers.sections
        kernel = _kernel(view, outline.linux_section)
        return cls(
            file_size=view.size,
            architecture=outline.headers.architecture,
            release=outline.release,
            memory_size=kernel.memory_size if kernel else None,
            headers=outline.headers,
            linux_section=outline.linux_section,
            initrd_section=outline.initrd_section,
            linux=kernel,
            cmdline=outline.cmdline,
            os_name=outline.system.name if outline.system else None,
            sbat=_sbat(view, split_sections(sections)[0].get(".sbat")),
            device_trees=sum(section.name in (".dtb", ".dtbauto") for section in sections),
            profiles=outline.profiles,
        )

    def facts(self) -> tuple[Fact, ...]:
        inner = self.linux.format.value if self.linux else "not recognised"
        initrd = size(self.initrd_section.size) if self.initrd_section else "none"
        facts = [
            Fact("Operating system", self.os_name or "not stated"),
            Fact("Kernel inside", f"{inner}, {size(self.linux_section.size)}"),
            Fact("Initrd inside", initrd),
            Fact("Command line inside", self.cmdline if self.cmdline is not None else "none"),
        ]
        for profile in self.profiles:
            title = f" ({profile.title})" if profile.title else ""
            line = profile.cmdline or "command line as in the base"
            facts.append(Fact("Profile", f"{profile.id}{title}: {line}"))
        if self.device_trees:
            facts.append(Fact("Device trees", plural(self.device_trees, "section")))
        facts += [Fact("SBAT", line) for line in self.sbat]
        return (*facts, *describe_headers(self.headers))


@dataclass(frozen=True, kw_only=True)
class Addon(BootImage):
    """A UKI add-on (*.addon.efi): a command line or device tree to be added, and no kernel."""

    format: ClassVar[Format] = Format.ADDON
    about: ClassVar[str] = "UKI add-on: a command line or a device tree, no kernel"
    recognised_by: ClassVar[str] = "a PE file with `.cmdline`, `.dtb` or `.ucode`, no `.linux`"

    headers: PeHeaders
    cmdline: str | None

    @classmethod
    def matches(cls, head: bytes) -> bool:
        if head[:2] != b"MZ" or Uki.matches(head):
            return False
        return any(name in head for name in (b".cmdline", b".dtb\0", b".dtbauto", b".ucode\0"))

    @classmethod
    def parse(cls, view: View) -> Self:
        headers = parse_headers(view)
        if not any(headers.find(name) for name in (".cmdline", ".dtb", ".dtbauto", ".ucode")):
            raise ImageError("The PE file has no section of an add-on")
        return cls(
            file_size=view.size,
            architecture=headers.architecture,
            headers=headers,
            cmdline=_text(view, headers.find(".cmdline")),
        )

    def facts(self) -> tuple[Fact, ...]:
        added = self.cmdline if self.cmdline is not None else "none"
        return (Fact("Command line added", added), *describe_headers(self.headers))


def _elsewhere(view: View, base: dict[str, Section]) -> Elsewhere | None:
    """Return what an image of Lanzaboote names: beside each path stands a digest (.linuxh)."""
    if ".linuxh" not in base:
        return None
    kernel, initrd = (
        (_text(view, base.get(name)) or "").replace("\\", "/") for name in (".linux", ".initrd")
    )
    return Elsewhere(kernel, initrd or None) if kernel.startswith("/") else None


def split_sections(
    sections: tuple[Section, ...],
) -> tuple[dict[str, Section], list[list[Section]]]:
    """Return the base's sections by name, and the sections of each profile, .profile first.

    The base is what stands in front of the first .profile; of a name, its first section counts.
    """
    names = [section.name for section in sections]
    end = names.index(".profile") if ".profile" in names else len(names)
    base = dict(zip(reversed(names[:end]), reversed(sections[:end]), strict=True))
    profiles: list[list[Section]] = []
    for section in sections[end:]:
        if section.name == ".profile":
            profiles.append([])
        profiles[-1].append(section)
    return base, profiles


def _kernel(view: View, section: Section) -> BootImage | None:
    """Return what a .linux section holds, None where that is not known."""
    try:
        return identify_kernel(view.part(section.offset, section.size, ".linux section"))
    except ImageError:
        return None


def _profile(view: View, sections: list[Section], number: int) -> Profile:
    from warmboot.core.images.osrelease import parse_os_release

    fields = parse_os_release(_text(view, sections[0], lines=True) or "")
    own = {section.name: section for section in sections[1:] if section.name in _KNOWN}
    return Profile(
        id=fields.get("ID") or str(number),
        title=fields.get("TITLE"),
        cmdline=_text(view, own.get(".cmdline")),
        sections=tuple(sections[1:]),
    )


def _system(view: View, section: Section | None) -> System | None:
    """Return what an .osrel section says of the operating system, None without one."""
    text = _text(view, section, lines=True)
    if text is None:
        return None
    from warmboot.core.images.osrelease import System, parse_os_release

    return System.of(parse_os_release(text))


def _sbat(view: View, section: Section | None) -> tuple[str, ...]:
    """Return the component lines of an SBAT section (component,generation,vendor,…)."""
    text = _text(view, section, lines=True) or ""
    return tuple(line for line in text.splitlines()[:32] if line and not line.startswith("sbat,"))


def _text(view: View, section: Section | None, *, lines: bool = False) -> str | None:
    """Return a text section without the NULs and line ends behind it; None without a section."""
    if section is None:
        return None
    raw = view.read(section.offset, min(section.size, _TEXT_LIMIT), f"{section.name} section")
    raw = raw.split(b"\0", 1)[0].rstrip()
    if lines:
        return "\n".join(printable(line) for line in raw.splitlines())
    return printable(raw, _TEXT_LIMIT)
