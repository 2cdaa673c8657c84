"""Boot loader entries: Boot Loader Specification type 1 files (loader/entries/*.conf)."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping

from warmboot.core.boot.entry import Entry, Kind
from warmboot.core.text import printable

_COUNTER = re.compile(r"\+\d+(-\d+)?$")
_VARIABLE = re.compile(r"\$\{?(\w+)\}?")


def parse_fields(text: str) -> dict[str, list[str]]:
    """Return the values of each key in file order; comments and keys without value are left out."""
    fields: dict[str, list[str]] = {}
    for line in text.splitlines():
        words = line.strip().split(None, 1)
        if len(words) == 2 and not words[0].startswith("#"):
            fields.setdefault(words[0], []).append(words[1])
    return fields


def parse_entry(
    name: str,
    text: str,
    *,
    source: str,
    locate: Callable[[str], str],
    variables: Mapping[str, str],
) -> Entry | None:
    """Return the entry of one .conf file, None where it boots no Linux kernel.

    `name` is the file's name, `source` its path. `locate` turns a path of the entry, which is
    relative to the file system that holds it, into a path of the boot root. `variables` are
    GRUB's: Fedora writes ``$kernelopts`` and ``$tuned_params`` into its entries; an unknown one
    is empty, as in GRUB.
    """
    fields = parse_fields(text)

    def words(key: str) -> str | None:
        values = fields.get(key)
        if values is None:
            return None
        filled = _VARIABLE.sub(lambda found: variables.get(found[1], ""), " ".join(values))
        return printable(" ".join(filled.split()) if key != "options" else filled.strip(), 65536)

    kernel = words("linux") or words("uki") or words("efi")
    if kernel is None:
        return None
    stem = _COUNTER.sub("", name.removesuffix(".conf"))
    version = words("version")
    return Entry(
        id=printable(stem),
        title=words("title") or printable(stem),
        kind=Kind.BLS,
        kernel=locate(kernel),
        version=version,
        initrds=tuple(locate(path) for path in (words("initrd") or "").split()),
        cmdline=words("options") or ("" if "linux" in fields else None),
        devicetree=_optional(words("devicetree"), locate),
        machine_id=words("machine-id"),
        sort_key=words("sort-key"),
        sources=(source,),
    )


def _optional(path: str | None, locate: Callable[[str], str]) -> str | None:
    return None if path is None else locate(path)


def join(base: str, path: str) -> str:
    """Return `path` below `base`; it cannot climb out of it."""
    return posixpath.join(base, posixpath.normpath("/" + path).lstrip("/"))


def parse_grubenv(text: str) -> dict[str, str]:
    """Return the variables of a GRUB environment block."""
    lines = (line.partition("=") for line in text.splitlines() if not line.startswith("#"))
    return {name: value for name, equals, value in lines if equals}
