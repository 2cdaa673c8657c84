"""Types and functions of the running kernel, by name, out of its BTF.

Source: Documentation/bpf/btf.rst. A kernel's BTF is megabytes of descriptions; names that are not
in its string section cost one search, and the descriptions are walked only for those that are.
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Iterable

from warmboot.core.enumeration import IntEnum
from warmboot.core.errors import ImageError
from warmboot.core.text import printable
from warmboot.core.values import dataclass

#: No kernel's BTF is larger, in bytes.
LARGEST = 64 << 20

_HEADER = struct.Struct("<HBBIIIII")
_MAGIC = 0xEB9F
_MAX_PLACES = 64
_MAX_MEMBERS = 512


class Kind(IntEnum):
    """Kinds of BTF types that are looked up."""

    STRUCT = 4
    FUNC = 12


# Words behind the three that every type has: a fixed number, and a number for each element.
_FIXED = (0, 1, 0, 3, *(0,) * 10, 1, 0, 0, 1, *(0,) * 14)
_EACH = (0, 0, 0, 0, 3, 3, 2, *(0,) * 6, 2, 0, 3, 0, 0, 0, 3, *(0,) * 12)
_LAST_KIND = 19


@dataclass(frozen=True)
class BtfType:
    """A type: `size` in bytes and `members` by name for a struct, 0 and none for a function."""

    name: str
    kind: int
    size: int
    members: tuple[str, ...]


def find_types(data: bytes, names: Iterable[str]) -> tuple[BtfType, ...]:
    """Return the structs and functions with these names, in the order of the BTF.

    Raises ImageError where the BTF is broken or of a version that is not known.
    """
    types, strings = _sections(data)
    wanted = {place: name for name in names for place in _places(strings, name)}
    if not wanted:
        return ()
    return tuple(_walk(types, strings, wanted))


def _sections(data: bytes) -> tuple[bytes, bytes]:
    """Return the type section and the string section."""
    if len(data) < _HEADER.size:
        raise ImageError("The kernel's BTF is shorter than its header")
    magic, version, _flags, head, at, size, names_at, names_size = _HEADER.unpack_from(data)
    if magic != _MAGIC or version != 1 or head < _HEADER.size:
        raise ImageError("The kernel's BTF is of an unknown version")
    if head + at + size > len(data) or head + names_at + names_size > len(data) or at % 4:
        raise ImageError("The kernel's BTF is truncated")
    types = data[head + at : head + at + size]
    strings = data[head + names_at : head + names_at + names_size]
    if size % 4 or not strings.endswith(b"\0") or strings[0]:
        raise ImageError("The kernel's BTF is malformed")
    return types, strings


def _places(strings: bytes, name: str) -> list[int]:
    """Return the offsets at which exactly `name` stands in the string section."""
    found: list[int] = []
    pattern = b"\0" + name.encode() + b"\0"
    at = strings.find(pattern)
    while at >= 0 and len(found) < _MAX_PLACES:
        found.append(at + 1)
        at = strings.find(pattern, at + 1)
    return found


def _walk(types: bytes, strings: bytes, wanted: dict[int, str]) -> list[BtfType]:
    words = array("I", types)
    if words.itemsize != 4:
        raise ImageError("This Python has no 32-bit array")
    if sys.byteorder == "big":
        words.byteswap()
    found = []
    at, end = 0, len(words)
    try:
        while at < end:
            info = words[at + 1]
            kind = info >> 24 & 0x1F
            if words[at] in wanted and kind in (Kind.STRUCT, Kind.FUNC):
                found.append(_type(words, at, strings, wanted[words[at]]))
            if not 0 < kind <= _LAST_KIND:
                raise ImageError(f"The kernel's BTF has a type of unknown kind {kind}")
            at += 3 + _FIXED[kind] + (info & 0xFFFF) * _EACH[kind]
    except IndexError:
        at = end + 1
    if at != end:
        raise ImageError("The kernel's BTF ends inside a type")
    return found


def _type(words: array[int], at: int, strings: bytes, name: str) -> BtfType:
    kind, count = words[at + 1] >> 24 & 0x1F, words[at + 1] & 0xFFFF
    if kind == Kind.FUNC:
        return BtfType(name, kind, 0, ())
    members = (_name(strings, words[at + 3 + 3 * n]) for n in range(min(count, _MAX_MEMBERS)))
    return BtfType(name, kind, words[at + 2], tuple(members))


def _name(strings: bytes, offset: int) -> str:
    end = strings.find(b"\0", offset)
    if end < 0:
        raise ImageError("The kernel's BTF names a string outside its section")
    return printable(strings[offset:end], 128)
