"""Which board a device tree is for: the root's ``compatible`` and ``model``.

Source: the Devicetree Specification 0.4, chapter 2.3 (standard properties) and 5.
"""

from __future__ import annotations

from warmboot.core.errors import ImageError
from warmboot.core.images.view import View
from warmboot.core.values import NamedTuple

#: Of the flattened format (chapter 5.2 and 5.4): what it begins with, and its tokens.
MAGIC = 0xD00DFEED
BEGIN_NODE, END_NODE, PROP, NOP, END = 1, 2, 3, 4, 9
_PROPERTIES = 200  # of the root, that are read
_TEXT = 1024
_NAME = 32


class Board(NamedTuple):
    """A board: the names that it is compatible with, its own first, and what it is called."""

    compatible: tuple[str, ...]
    model: str


def strings(raw: bytes) -> tuple[str, ...]:
    """Return a list of strings as a property holds it."""
    return tuple(one.decode("utf-8", "replace") for one in raw.split(b"\0") if one)


def read_board(view: View) -> Board:
    """Return the board that a flattened tree is for; raise ImageError where it is no such tree."""

    def word(offset: int) -> int:
        return int.from_bytes(view.read(offset, 4, "device tree"), "big")

    if word(0) != MAGIC:
        raise ImageError("Not a flattened device tree", offset=0)
    at, names = word(8), word(12)
    found: dict[bytes, bytes] = {}
    inside = False
    for _ in range(_PROPERTIES):
        token = word(at)
        at += 4
        if token == PROP:
            length, name = word(at), names + word(at + 4)
            key = view.read(name, min(_NAME, view.size - name), "property name").split(b"\0")[0]
            if key in (b"compatible", b"model"):
                found[key] = view.read(at + 8, min(length, _TEXT), "property")
            at += 8 + (length + 3 & ~3)
        elif token == BEGIN_NODE and not inside:
            inside, at = True, at + 4  # the root has no name
        elif token != NOP:
            break
    model = strings(found.get(b"model", b""))
    return Board(strings(found.get(b"compatible", b"")), model[0] if model else "")
