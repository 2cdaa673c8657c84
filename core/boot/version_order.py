"""Version order of the UAPI group's Version Format Specification."""

from __future__ import annotations

import functools
import re

_TOKEN = re.compile(r"([0-9]+)|([a-zA-Z]+)|([~^.-])")
_SEPARATORS = {"~": 0, "-": 2, "^": 3, ".": 4}
_END = (1, 0, "")  # older than all that may follow, but for ~
_WORD, _NUMBER = 5, 6

Key = tuple[tuple[int, int, str], ...]


def compare(left: str, right: str) -> int:
    """Return a negative number, 0 or a positive one where `left` is older, equal or newer."""
    if left == right:
        return 0
    a, b = key(left), key(right)
    return (a > b) - (a < b)


@functools.lru_cache(1024)
def key(text: str) -> Key:
    """Return a value that sorts as versions do; characters without a meaning are left out.

    Numbers compare by their digits, of any length: no conversion that could be made slow.
    """
    parts: list[tuple[int, int, str]] = []
    for number, word, separator in _TOKEN.findall(text):
        if separator:
            parts.append((_SEPARATORS[separator], 0, ""))
        elif word:
            parts.append((_WORD, 0, word))
        else:
            digits = number.lstrip("0")
            parts.append((_NUMBER, len(digits), digits))
    return (*parts, _END)
