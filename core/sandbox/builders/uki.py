"""Unified kernel images and their add-ons. Source: the Unified Kernel Image specification."""

from __future__ import annotations

from collections.abc import Sequence

from warmboot.core.sandbox.builders.pe import CODE, DATA, EXECUTE, READ, PeSection, build_pe

_STUB = b"#### LoaderInfo: systemd-stub 257 ####\0".ljust(0x2000, b"\x90")


def build_uki(
    *,
    arch: str,
    linux: bytes,
    initrd: bytes = b"",
    cmdline: str | None = None,
    osrel: str | None = None,
    uname: str | None = None,
    more: Sequence[tuple[str, bytes]] = (),
    certificates: bytes = b"",
) -> bytes:
    """Return a UKI; `more` are further sections (name, content) in order, profiles among them."""
    sections = [PeSection(".text", _STUB, CODE | READ | EXECUTE)]
    texts = ((".osrel", osrel), (".cmdline", cmdline), (".uname", uname))
    sections += [PeSection(name, text.encode()) for name, text in texts if text is not None]
    sections += [PeSection(name, content) for name, content in more]
    if initrd:
        sections.append(PeSection(".initrd", initrd))
    sections.append(PeSection(".linux", linux, DATA | READ))
    return build_pe(arch, sections, certificates=certificates)


def build_addon(*, arch: str, cmdline: str, more: Sequence[tuple[str, bytes]] = ()) -> bytes:
    """Return an add-on (*.addon.efi): a PE file with a command line and no kernel."""
    sections = [PeSection(".text", _STUB[:0x200], CODE | READ | EXECUTE)]
    sections.append(PeSection(".cmdline", cmdline.encode()))
    sections += [PeSection(name, content) for name, content in more]
    return build_pe(arch, sections)
