"""The entries of Xen's own configuration for EFI: which kernel its first domain runs.

Source: Xen documentation, docs/misc/efi.pandoc (the file's form, and where it is looked for).
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping

from warmboot.core.boot.entry import Entry, Found, Kind, SearchedPlace
from warmboot.core.boot.grub.menu_paths import EFI_FOLDERS
from warmboot.core.boot.kernel_filenames import version_in_path
from warmboot.core.boot.search import Search, cut_short
from warmboot.core.boot.sources.source import Source
from warmboot.core.text import plural, printable

_NAMES = 64
_LIMIT = 65536  # bytes
_SECTIONS = 64
_WHY = "starts Xen, with this kernel in its first domain, which kexec cannot"

Sections = Mapping[str, Mapping[str, str]]


def parse_sections(text: str) -> dict[str, dict[str, str]]:
    """Return the sections of a configuration; where a key stands twice, the first one counts."""
    sections: dict[str, dict[str, str]] = {}
    current: dict[str, str] = {}
    for raw in text.split("\n"):
        line = raw.strip()
        if line.startswith("[") and line.endswith("]") and len(sections) < _SECTIONS:
            current = sections.setdefault(line[1:-1].strip(), {})
        elif line and line[0] not in "#;":
            key, equals, value = line.partition("=")
            if equals:
                current.setdefault(key.strip().lower(), value.strip())
    return sections


def find(search: Search) -> Iterator[Found]:
    """Yield the entries of each configuration beside a xen.efi."""
    for base in search.places:
        folders = search.names(f"{base}/EFI")
        yield from cut_short(f"{base}/EFI", len(folders), EFI_FOLDERS, "folders")
        for folder in folders[:EFI_FOLDERS]:
            names = [
                name
                for name in search.names(f"{base}/EFI/{folder}")
                if name.lower().startswith("xen") and name.lower().endswith(".cfg")
            ]
            yield from cut_short(f"{base}/EFI/{folder}", len(names), _NAMES, "Xen configurations")
            for name in names[:_NAMES]:
                path = f"{base}/EFI/{folder}/{name}"
                text = search.root.read_text(path, _LIMIT)
                if text is not None and not search.known(path):
                    sections = parse_sections(text)
                    entries = list(_entries(path, sections))
                    yield from entries
                    yield SearchedPlace(printable(path), plural(len(entries), "entry", "entries"))
                    if text.cut:
                        yield SearchedPlace(printable(path), text.cut, notice=True)


def _entries(path: str, sections: Sections) -> Iterator[Entry]:
    for name, keys in sections.items():
        command = keys.get("kernel", "").split(None, 1)
        if name == "global" or not command:
            continue
        kernel = _beside(path, command[0])
        ramdisk = keys.get("ramdisk", "").split(None, 1)[:1]
        yield Entry(
            id=printable(name),
            title=printable(f"Xen: {name}"),
            kind=Kind.XEN,
            kernel=kernel,
            version=version_in_path(kernel),
            initrds=tuple(_beside(path, one) for one in ramdisk),
            cmdline=printable(command[1] if len(command) > 1 else "", _LIMIT),
            sources=(printable(f"{path}#{name}"),),
            problem=_WHY,
            initrd_reason="named by the menu entry" if ramdisk else None,
        )


def _beside(path: str, name: str) -> str:
    """Return where a file lies that the configuration names: in its own folder."""
    name = name.replace("\\", "/").lstrip("/")
    return printable(posixpath.normpath(posixpath.join(posixpath.dirname(path), name)))


SOURCE = Source((Kind.XEN,), None, find)
