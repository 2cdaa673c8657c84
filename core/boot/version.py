"""Version order of the UAPI group's Version Format Specification."""

from __future__ import annotations

import re

_RUN = re.compile(r"[0-9]+|[a-zA-Z]+")
_VALID = re.compile(r"[^a-zA-Z0-9~^.-]+")


def compare(left: str, right: str) -> int:
    """Return a negative number, 0 or a positive one where `left` is older, equal or newer."""
    a, b = _VALID.sub("", left), _VALID.sub("", right)
    while True:
        if a[:1] == "~" or b[:1] == "~":
            if a[:1] != b[:1]:
                return -1 if a[:1] == "~" else 1
            a, b = a[1:], b[1:]
            continue
        if not a or not b:
            return (len(a) > 0) - (len(b) > 0)
        separator = next((mark for mark in "-^." if mark in (a[0], b[0])), None)
        if separator:
            if a[0] != b[0]:
                return -1 if a[0] == separator else 1
            a, b = a[1:], b[1:]
            continue
        first, second = _run(a, b), _run(b, a)
        order = _compare_runs(first, second)
        if order:
            return order
        a, b = a[len(first) :], b[len(second) :]


def _run(text: str, other: str) -> str:
    """Return the digits or the letters at the start; digits decide if either side has them."""
    run = _RUN.match(text)
    found = run[0] if run else ""
    if other[0].isdigit() and not text[0].isdigit():
        return ""
    return found


def _compare_runs(a: str, b: str) -> int:
    if a.isdigit() and b.isdigit():
        return (int(a) > int(b)) - (int(a) < int(b))
    return (a > b) - (a < b)
