"""Boot loader entries: Boot Loader Specification type 1 files, loader.conf and boot counting."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from warmboot.core.boot.entry import Entry, Kind
from warmboot.core.text import printable

_COUNTER = re.compile(r"\+(\d{1,9})(?:-(\d{1,9}))?(?=\.conf$|\.efi$)")
_VARIABLE = re.compile(r"\$\{?(\w+)\}?")
_TEXT_LIMIT = 65536
#: Initrds, or overlays, of one entry; where each of them is, is looked for on disk.
MOST_FILES = 64


def parse_fields(text: str) -> dict[str, list[str]]:
    """Return the values of each key in file order; comments and keys without value are left out."""
    fields: dict[str, list[str]] = {}
    for line in text.splitlines():
        words = line.strip().split(None, 1)
        if len(words) == 2 and not words[0].startswith("#"):
            fields.setdefault(words[0], []).append(words[1])
    return fields


def parse_counter(name: str) -> tuple[str, int | None, int | None]:
    """Return a file name without its boot counter, the tries left and the tries done.

    ``fedora+3-1.conf`` is ``fedora.conf`` with 3 tries left and 1 done; both are None where the
    entry is not counted. Source: Automatic Boot Assessment, Boot Loader Specification.
    """
    found = _COUNTER.search(name)
    if found is None:
        return name, None, None
    return name[: found.start()] + name[found.end() :], int(found[1]), int(found[2] or 0)


def parse_entry(
    name: str,
    fields: Mapping[str, list[str]],
    *,
    source: str,
    locate: Callable[[str], str],
    variables: Mapping[str, str],
) -> Entry | None:
    """Return the entry of one .conf file, None where it boots no Linux kernel.

    `name` is the file's name, `fields` what parse_fields made of it, `source` its path. `locate`
    turns a path of the entry, which is relative to the file system that holds it, into a path of
    the boot root. `variables` are GRUB's: Fedora writes ``$kernelopts`` and ``$tuned_params``
    into its entries; an unknown one is empty, as in GRUB.
    """

    said = {key: _value(key, values, variables) for key, values in fields.items()}.get
    kernel = said("linux") or said("uki") or said("efi")
    url = said("uki-url")
    if kernel is None and url is None:
        return None
    plain, left, done = parse_counter(name)
    stem = printable(plain.removesuffix(".conf"))
    tree = said("devicetree")
    place = url or "" if kernel is None else locate(kernel)  # the initrds lie where it does
    paths = said("initrd", "").split()
    over = said("devicetree-overlay", "").split()
    problem = None if kernel is not None else f"its kernel is to be fetched from {url}"
    if len(paths) > MOST_FILES or len(over) > MOST_FILES:
        problem = f"it names {max(len(paths), len(over))} files, more than {MOST_FILES}"
        paths, over = [], []
    initrds = tuple(locate(path) for path in paths)
    return Entry(
        id=stem,
        title=said("title") or stem,
        kind=Kind.BLS,
        kernel=place,
        version=said("version"),
        initrds=initrds,
        cmdline=said("options") or ("" if "linux" in fields else None),
        devicetree=None if tree is None else locate(tree),
        machine_id=said("machine-id"),
        sort_key=said("sort-key"),
        sources=(source,),
        problem=problem,
        overlays=tuple(locate(path) for path in over),
        architecture=said("architecture"),
        tries_left=left,
        tries_done=done,
        profile=_number(said("profile")),
        initrd_reason="named by the boot loader entry" if initrds else None,
    )


def _value(key: str, values: list[str], variables: Mapping[str, str]) -> str:
    """Return what the lines of one key come to: one line of printable text."""
    text = values[0] if len(values) == 1 else " ".join(values)
    if "$" in text:
        text = _VARIABLE.sub(lambda found: variables.get(found[1], ""), text)
    text = text.strip() if key == "options" else " ".join(text.split())
    return printable(text, _TEXT_LIMIT)


def _number(text: str | None) -> int:
    return int(text) if text is not None and text.isdecimal() and len(text) < 4 else 0


def default_patterns(text: str) -> tuple[str, ...]:
    """Return the globs of a loader.conf(5) for the entry to start, best first."""
    fields = parse_fields(text)
    last = (fields.get(key, [""])[-1] for key in ("preferred", "default"))
    return tuple(pattern.strip() for pattern in last if pattern.strip())
