"""Faults put in on purpose, to prove that the fuzzer finds such: WARMBOOT_FUZZ_PLANT=NAME."""

from __future__ import annotations

import re
from collections.abc import Callable

from warmboot.core.errors import WarmbootError
from warmboot.core.payload import scan


def _exception(data: bytes) -> None:
    if data[:2] == b"MZ" and len(data) % 7 == 3:
        raise IndexError("planted")


def _backtracking(_: bytes) -> None:
    """The search for the banner as it once was: quadratic in a row of digits."""
    slow = rb"Linux version (\d+\.\d+[^\s%(]*) \([^\n\0%]{4,1000}"
    scan._BANNER = re.compile(slow)


def _bomb(data: bytes) -> None:
    """Variables that are put in without a limit."""
    values: dict[str, str] = {"v0": "x" * 16}
    for line in data.decode("utf-8", "replace").splitlines():
        found = re.match(r"set (v[0-9]{1,3})=\$\{(v[0-9]{1,3})\}\$\{(v[0-9]{1,3})\}$", line)
        if found:
            values[found[1]] = values.get(found[2], "") + values.get(found[3], "")


def _blank(data: bytes) -> None:
    """A tokenizer that takes a blank for one, and stands still at it."""
    text = data.decode("utf-8", "replace")
    if any(char.isspace() and char not in " \t\r\n" for char in text):
        raise WarmbootError("The menu is too long to be followed")


PLANTS: dict[str, Callable[[bytes], None]] = {
    "1": _exception,
    "backtracking": _backtracking,
    "bomb": _bomb,
    "blank": _blank,
}
