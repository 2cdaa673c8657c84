"""The boot loader entries that GRUB's blscfg shows, in the order in which it shows them.

GRUB sorts by file name alone, newest first; neither sort keys nor boot counters mean anything to
it. A name ends in a version and a release, which are compared as rpm(8) does.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from itertools import zip_longest

from warmboot.core.boot.bls_format import VARIABLE
from warmboot.core.boot.entry import Entry, Kind
from warmboot.core.boot.filesystems import Place
from warmboot.core.boot.grub.default import Expand, Row
from warmboot.core.boot.grub.entry import BlsRequest, Item
from warmboot.core.boot.grub.values import unknown_names
from warmboot.core.expression import expression
from warmboot.core.values import NamedTuple

Locate = Callable[[Place], str | None]
_KINDS = (Kind.BLS, Kind.UKI)
_FILES = ("linux", "initrd", "devicetree", "devicetree-overlay")
_SEGMENT = expression(r"[0-9]+|[A-Za-z]+|[~^]")


def as_grub_reads(
    fields: Mapping[str, list[str]], variables: Mapping[str, str]
) -> dict[str, list[str]]:
    """Return the lines of a boot loader entry as GRUB takes them.

    Of several lines with options the first one counts, and ``default_kernelopts`` where there is
    none; the initrds in ``early_initrd`` lie beside the entry's own and come before them.
    """
    result = dict(fields)
    options = [*fields.get("options", []), variables.get("default_kernelopts", "")][0]
    if options:
        result["options"] = [options]
    initrds = fields.get("initrd", [])
    early = variables.get("early_initrd", "").split()
    if early:
        beside = [*initrds, *fields.get("linux", []), ""][0].split(" ")[0]
        folder = beside.rpartition("/")[0]
        result["initrd"] = [*(f"{folder}/{name}" for name in early), *initrds]
    return result


class Decided(NamedTuple):
    """The lines of a boot loader entry without what only a running GRUB knows.

    `lost` are the variables that words of the command line were left out for; `deciding` those
    that a file's name depends on.
    """

    fields: dict[str, list[str]]
    lost: tuple[str, ...]
    deciding: tuple[str, ...]


def decided(fields: Mapping[str, list[str]], unknown: Callable[[str], bool]) -> Decided:
    """Return the lines as far as they are certain; `unknown` tells of a variable's name."""

    def names(text: str) -> list[str]:
        found = [f"${name}" for name in VARIABLE.findall(text) if unknown(name)]
        return found + unknown_names(text)

    result = dict(fields)
    lost = [name for line in fields.get("options", ()) for name in names(line)]
    if lost:
        result["options"] = [
            " ".join(word for word in line.split() if not names(word)) for line in fields["options"]
        ]
    deciding = [n for key in _FILES for line in fields.get(key, ()) for n in names(line)]
    return Decided(result, tuple(dict.fromkeys(lost)), tuple(dict.fromkeys(deciding)))


def identifier(entry: Entry) -> str:
    """Return the id that GRUB knows an entry by: its file's name, without .conf."""
    return entry.sources[0].rpartition("/")[2].removesuffix(".conf")


def compare(first: str, second: str) -> int:
    """Compare two names: negative where the first is the older one."""
    for left, right in zip(_split(first), _split(second), strict=True):
        result = _versions(left, right)
        if result:
            return result
    return 0


def _split(name: str) -> tuple[str, str, str]:
    """Return name, version and release, "" for what there is not."""
    head, dash, release = name.rpartition("-")
    if not dash:
        return name, "", ""
    start, dash, version = head.rpartition("-")
    return (start, version, release) if dash else (head, "", release)


def _versions(first: str, second: str) -> int:
    left, right = _SEGMENT.findall(first), _SEGMENT.findall(second)
    for a, b in zip_longest(left, right, fillvalue=""):
        first_key, second_key = _rank(a), _rank(b)
        if first_key != second_key:
            return 1 if first_key > second_key else -1
    return 0


def _rank(segment: str) -> tuple[int, int, str]:
    """Return what a part of a version is compared by: ``~``, the end, ``^``, words, numbers."""
    if segment in ("~", "", "^"):
        return ("~", "", "^").index(segment), 0, ""
    if not segment.isdigit():
        return 3, 0, segment
    digits = segment.lstrip("0")
    return 4, len(digits), digits


def newest_first(entries: Sequence[Entry]) -> list[Entry]:
    """Return boot loader entries in GRUB's order."""
    key = functools.cmp_to_key(compare)
    return sorted(entries, key=lambda entry: key(identifier(entry)), reverse=True)


class BlsExpand(Expand):
    """Rows of a menu, with the boot loader entries of a root in the place of blscfg."""

    def __init__(self, found: Sequence[Entry], locate: Locate) -> None:
        #: Of an image with several profiles GRUB shows one entry.
        self.found = [e for e in found if e.kind in _KINDS and e.sources and not e.profile]
        self.locate = locate

    def entries(self, item: Item) -> list[Row]:
        request = item.bls
        if request is None:
            return []
        wanted = newest_first(
            [
                entry
                for entry in self.found
                if entry.kind is request.kind
                and self._is_in(entry, request)
                and not (request.kind is Kind.UKI and entry.left_out)
            ]
        )
        rows = [
            Row(entry.title, identifier(entry), source=entry.sources[0], certain=item.certain)
            for entry in wanted
        ]
        if request.shown == "all":
            return rows
        default = request.variables.get("default", "")
        chosen = [row for row in rows if default in (row.title, row.key)] or rows[:1]
        return [row for row in rows if (row in chosen) is (request.shown == "default")]

    def _is_in(self, entry: Entry, request: BlsRequest) -> bool:
        """Whether an entry lies where GRUB looks: in /boot, unless it says something else."""
        source = entry.sources[0]
        if request.place is not None:
            path = self.locate(request.place)
            return path is None or source == path or source.startswith(path.rstrip("/") + "/")
        usual = "/boot/loader/entries/"
        return (
            request.kind is not Kind.BLS
            or source.startswith(usual)
            or not any(other.sources[0].startswith(usual) for other in self.found)
        )
