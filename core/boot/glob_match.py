"""Patterns for the names of entries, as loader.conf(5) has them: fnmatch(3), in any case."""

from __future__ import annotations

import re
from functools import lru_cache

from warmboot.core.values import NamedTuple

#: Characters of a pattern that are looked at; ids are file names, so no longer one fits.
_LIMIT = 512
_CLASSES = {
    "alpha": "a-z", "alnum": "a-z0-9", "digit": "0-9", "lower": "a-z", "upper": "a-z",
    "space": r" \t\n\v\f\r", "xdigit": "0-9a-f", "punct": r"!-/:-@\[-`{-~",
}  # fmt: skip


def fits(name: str, pattern: str) -> bool:
    """Whether `pattern` fits the whole of `name`.

    ``*`` stands for any characters, ``?`` for one, ``[a-z]``, ``[!a-z]`` and ``[[:digit:]]`` for
    one of a set; a backslash takes the meaning from the character behind it. A pattern with a
    bracket that does not end, or a backslash at its end, fits nothing. What stands between two
    stars is looked for from the left, once: the work is at most the product of the two lengths.
    """
    chunks = _compile(pattern.lower()) if len(pattern) <= _LIMIT else None
    if chunks is None:
        return False
    text = name.lower()
    *front, last = chunks
    position = 0
    for number, chunk in enumerate(front):
        find = chunk.expression.search if number else chunk.expression.match
        found = find(text, position)
        if found is None:
            return False
        position = found.end()
    start = len(text) - last.length  # it ends where the name does
    if start < position or (not front and start > 0):
        return False
    return last.expression.match(text, start) is not None


class _Chunk(NamedTuple):
    """What stands between two stars: an expression that fits `length` characters always."""

    expression: re.Pattern[str]
    length: int


@lru_cache(64)
def _compile(pattern: str) -> tuple[_Chunk, ...] | None:
    """Return what stands between the stars; None for what is no possible pattern."""
    chunks: list[list[str]] = [[]]
    at = 0
    while at < len(pattern):
        char = pattern[at]
        at += 1
        if char == "*":
            chunks.append([])
        elif char == "?":
            chunks[-1].append(".")
        elif char == "[":
            found = _bracket(pattern, at)
            if found is None:
                return None
            text, at = found
            chunks[-1].append(text)
        elif char == "\\" and at == len(pattern):
            return None
        else:
            char, at = _literal(pattern, at - 1)
            chunks[-1].append(re.escape(char))
    return tuple(_Chunk(re.compile("".join(parts), re.DOTALL), len(parts)) for parts in chunks)


def _bracket(pattern: str, at: int) -> tuple[str, int] | None:
    """Return the set that starts behind a bracket, and where it ends; None where it does not."""
    negated = pattern[at : at + 1] in ("!", "^")
    at += negated
    first = at
    parts: list[str] = []
    while at < len(pattern):
        if pattern[at] == "]" and at > first:
            if not parts:  # ranges that run backwards only: nothing is in it
                return ("." if negated else "(?!)."), at + 1
            return f"[{'^' if negated else ''}{''.join(parts)}]", at + 1
        if pattern.startswith("[:", at):
            end = pattern.find(":]", at + 2)
            known = _CLASSES.get(pattern[at + 2 : end]) if end >= 0 else None
            if known is not None:
                parts.append(known)
                at = end + 2
                continue
        low, at = _literal(pattern, at)
        high = low
        if pattern[at : at + 1] == "-" and pattern[at + 1 : at + 2] not in ("", "]"):
            high, at = _literal(pattern, at + 1)
        if low <= high:
            parts.append(f"{_inside(low)}-{_inside(high)}")
    return None


def _inside(char: str) -> str:
    """Return a character as it has to stand within brackets."""
    return f"\\U{ord(char):08x}"


def _literal(pattern: str, at: int) -> tuple[str, int]:
    if pattern[at] == "\\" and at + 1 < len(pattern):
        return pattern[at + 1], at + 2
    return pattern[at], at + 1
