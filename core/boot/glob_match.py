"""Patterns for the names of entries, as loader.conf(5) has them: fnmatch(3), in any case."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

#: Characters of a pattern that are looked at; ids are file names, so no longer one fits.
_LIMIT = 512
_CLASSES: dict[str, Callable[[str], bool]] = {
    "alpha": str.isalpha,
    "alnum": str.isalnum,
    "digit": str.isdigit,
    "lower": str.isalpha,  # case does not matter
    "upper": str.isalpha,
    "space": str.isspace,
    "punct": lambda char: (
        char.isascii() and char.isprintable() and not char.isalnum() and char != " "
    ),
    "xdigit": lambda char: char in "0123456789abcdef",
}

Piece = Callable[[str], bool]


def fits(name: str, pattern: str) -> bool:
    """Whether `pattern` fits the whole of `name`.

    ``*`` stands for any characters, ``?`` for one, ``[a-z]``, ``[!a-z]`` and ``[[:digit:]]`` for
    one of a set; a backslash takes the meaning from the character behind it. A pattern with a
    bracket that does not end, or a backslash at its end, fits nothing. The work is at most the
    product of the two lengths.
    """
    pieces = _compile(pattern.lower()) if len(pattern) <= _LIMIT else None
    if pieces is None:
        return False
    text = name.lower()
    at = piece = 0
    star, resume = -1, 0  # the last * that was met, and where what follows it is tried next
    while at < len(text):
        if piece < len(pieces) and pieces[piece] is None:
            star, resume = piece, at
            piece += 1
        elif piece < len(pieces) and _takes(pieces[piece], text[at]):
            piece += 1
            at += 1
        elif star >= 0:
            resume += 1
            piece, at = star + 1, resume
        else:
            return False
    return all(rest is None for rest in pieces[piece:])


def _takes(piece: Piece | None, char: str) -> bool:
    return piece is not None and piece(char)


@lru_cache(64)
def _compile(pattern: str) -> tuple[Piece | None, ...] | None:
    """Return what fits each character in turn, None for a star; None for no possible pattern."""
    pieces: list[Piece | None] = []
    at = 0
    while at < len(pattern):
        char = pattern[at]
        at += 1
        if char == "*":
            if not pieces or pieces[-1] is not None:
                pieces.append(None)
        elif char == "?":
            pieces.append(lambda _: True)
        elif char == "[":
            found = _bracket(pattern, at)
            if found is None:
                return None
            piece, at = found
            pieces.append(piece)
        else:
            if char == "\\":
                if at == len(pattern):
                    return None
                char = pattern[at]
                at += 1
            pieces.append(char.__eq__)
    return tuple(pieces)


def _bracket(pattern: str, at: int) -> tuple[Piece, int] | None:
    """Return the set that starts behind a bracket, and where it ends; None where it does not."""
    negated = pattern[at : at + 1] in ("!", "^")
    at += negated
    first = at
    ranges: list[tuple[str, str]] = []
    classes: list[Piece] = []
    while at < len(pattern):
        if pattern[at] == "]" and at > first:
            break
        if pattern.startswith("[:", at):
            end = pattern.find(":]", at + 2)
            known = _CLASSES.get(pattern[at + 2 : end]) if end >= 0 else None
            if known is not None:
                classes.append(known)
                at = end + 2
                continue
        low, at = _literal(pattern, at)
        high = low
        if pattern[at : at + 1] == "-" and pattern[at + 1 : at + 2] not in ("", "]"):
            high, at = _literal(pattern, at + 1)
        ranges.append((low, high))
    else:
        return None

    def piece(char: str) -> bool:
        inside = any(low <= char <= high for low, high in ranges)
        return (inside or any(known(char) for known in classes)) is not negated

    return piece, at + 1


def _literal(pattern: str, at: int) -> tuple[str, int]:
    if pattern[at] == "\\" and at + 1 < len(pattern):
        return pattern[at + 1], at + 2
    return pattern[at], at + 1
