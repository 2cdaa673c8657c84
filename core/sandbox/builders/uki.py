"""Unified kernel images and their add-ons. Source: the Unified Kernel Image specification."""

from __future__ import annotations

from collections.abc import Sequence

from warmboot.core.sandbox.builders.pe import DATA, READ, TEXT, WRITE, PeSection, build_pe
from warmboot.core.values import dataclass

_STUB = b"\x90" * 0x2000
_MAGIC = b"#### LoaderInfo: systemd-stub 257 ####\0"
_ADDON_STUB = b"\x90" * 0x200


@dataclass(frozen=True)
class Profile:
    """One profile of a UKI: the text of its .profile section, and the sections it overrides."""

    text: str
    sections: Sequence[tuple[str, bytes]] = ()


def build_uki(
    *,
    arch: str,
    linux: bytes,
    initrd: bytes = b"",
    cmdline: str | None = None,
    osrel: str | None = None,
    uname: str | None = None,
    sbat: str | None = None,
    splash: bytes | None = None,
    ucode: bytes | None = None,
    dtb: bytes | None = None,
    dtbauto: Sequence[bytes] = (),
    more: Sequence[tuple[str, bytes]] = (),
    profiles: Sequence[Profile] = (),
    linux_memory_size: int | None = None,
    certificates: bytes = b"",
) -> bytes:
    """Return a UKI whose sections hold exactly these bytes; texts are stored as UTF-8.

    `more` are further sections (name, content) of the base profile, `profiles` stand behind
    everything else. `linux_memory_size` is the VirtualSize of .linux where it is larger than the
    kernel's file.
    """
    sections = [
        PeSection(".text", _STUB, TEXT),
        PeSection(".data", bytes(0x200), DATA | READ | WRITE),
        PeSection(".sdmagic", _MAGIC),
    ]
    texts = ((".sbat", sbat), (".osrel", osrel), (".cmdline", cmdline), (".uname", uname))
    sections += [PeSection(name, text.encode()) for name, text in texts if text is not None]
    binaries = [(".splash", splash), (".dtb", dtb), *((".dtbauto", tree) for tree in dtbauto)]
    binaries += [(".ucode", ucode), *more]
    sections += [PeSection(name, content) for name, content in binaries if content is not None]
    if initrd:
        sections.append(PeSection(".initrd", initrd))
    sections.append(PeSection(".linux", linux, DATA | READ, memory_size=linux_memory_size))
    for profile in profiles:
        sections.append(PeSection(".profile", profile.text.encode()))
        sections += [PeSection(name, content) for name, content in profile.sections]
    return build_pe(arch, sections, certificates=certificates)


def build_addon(
    *,
    arch: str,
    cmdline: str | None = None,
    sbat: str | None = None,
    more: Sequence[tuple[str, bytes]] = (),
    certificates: bytes = b"",
) -> bytes:
    """Return an add-on (*.addon.efi): a PE file with sections for a UKI and no kernel."""
    sections = [PeSection(".text", _ADDON_STUB, TEXT)]
    texts = ((".sbat", sbat), (".cmdline", cmdline))
    sections += [PeSection(name, text.encode()) for name, text in texts if text is not None]
    sections += [PeSection(name, content) for name, content in more]
    return build_pe(arch, sections, certificates=certificates)
