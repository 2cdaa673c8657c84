"""Boot loader entries: the Boot Loader Specification's type 1, in loader/entries."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator

from warmboot.core.boot.bls_format import parse_entry, parse_fields
from warmboot.core.boot.entry import Entry, Found, Kind, SearchedPlace
from warmboot.core.boot.search import Search
from warmboot.core.boot.sources.source import Source
from warmboot.core.errors import WarmbootError
from warmboot.core.images.identify import outline
from warmboot.core.images.pe import PeProgram
from warmboot.core.images.uki import Addon, Outline
from warmboot.core.text import printable


def find(search: Search) -> Iterator[Found]:
    """Yield the entries of every boot partition."""
    for base in search.places:
        yield from _type_1(search, base)


def _type_1(search: Search, base: str) -> Iterator[Found]:
    """Yield the entries in loader/entries, unless entries.srel says that it holds others."""
    folder = f"{base}/loader/entries"
    kind = search.root.read_text(f"{base}/loader/entries.srel", 64)
    if kind is not None and kind.strip() != "type1":
        said = printable(kind.strip(), 32)
        what = f"no boot loader entries: entries.srel says {said}"
        yield SearchedPlace(printable(folder), what, notice=True)
        return

    def make(folder: str, name: str) -> Entry | None:
        path = f"{folder}/{name}"
        text = search.root.read_text(path)
        if text is None:
            return None
        fields = parse_fields(text)
        entry = parse_entry(
            name,
            fields,
            source=printable(path),
            locate=functools.partial(search.locate, base),
            variables=search.grubenv,
        )
        if entry is not None and text.cut:
            return dataclasses.replace(entry, problem=text.cut)
        return entry and _look_into(search, entry, fields)

    yield from search.folder(folder, ".conf", make)


def _look_into(search: Search, entry: Entry, fields: dict[str, list[str]]) -> Entry | None:
    """Complete an entry that names an EFI program: a UKI says itself what it holds."""
    if "linux" in fields or not ({"uki", "efi"} & set(fields)):
        return entry
    try:
        with search.root.open(entry.kernel) as file:
            image = outline(file.view)
    except WarmbootError as error:
        return dataclasses.replace(entry, problem=error.message)
    if isinstance(image, PeProgram | Addon):
        return None
    if not isinstance(image, Outline):
        return entry
    profiles = image.profiles
    own = profiles[entry.profile].cmdline if entry.profile < len(profiles) else None
    return dataclasses.replace(
        entry,
        version=entry.version or image.release,
        cmdline=entry.cmdline or own or image.cmdline,
        initrd_reason=entry.initrd_reason or ("inside the image" if image.initrd_section else None),
    )


SOURCE = Source((Kind.BLS,), None, find)
