"""GRUB's ``regexp`` against regcomp(3) of the GNU C library, from which GRUB has its own."""

from __future__ import annotations

import ctypes
import random

import pytest
from support.tools import needs_gnu_c_library

from warmboot.core.boot.grub.budget import Budget
from warmboot.core.boot.grub.regexp import search_groups
from warmboot.core.errors import WarmbootError

_EXTENDED = 1
_GROUPS = 12
_PATTERNS = 6000


class _Match(ctypes.Structure):
    _fields_ = (("start", ctypes.c_int), ("end", ctypes.c_int))


def by_library(library: ctypes.CDLL, pattern: str, text: str) -> list[str | None]:
    """Return what the C library says, [] too for what is no pattern."""
    compiled = ctypes.create_string_buffer(256)
    if library.regcomp(compiled, pattern.encode(), _EXTENDED):
        return []
    found = (_Match * _GROUPS)()
    missed = library.regexec(compiled, text.encode(), _GROUPS, found, 0)
    library.regfree(compiled)
    raw = text.encode()
    spans = [] if missed else list(found)
    return [None if one.start < 0 else raw[one.start : one.end].decode() for one in spans]


class _Patterns:
    """Expressions made by chance; what is deep is repeated seldom: the library's work has no
    bound."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)

    def make(self, depth: int) -> str:
        kind = self.chance.randrange(14)
        if depth <= 0 or kind < 4:
            return self.chance.choice(
                ("a", "b", "c", ".", "[ab]", "[^a]", "[[:alpha:]]", "\\.", "[]a]", "[a-c]", "-",
                 "[[.-.]1]", "\\w")
            )  # fmt: skip
        if kind < 7:
            return self.make(depth - 1) + self.make(depth - 1)
        if kind < 9:
            return f"({self.make(depth - 1)})"
        if kind < 11:
            return f"({self.make(depth - 1)}|{self.make(depth - 1)})"
        if kind == 11:
            return self.chance.choice(("^", "$", "\\<", "\\b", "")) + self.make(depth - 1)
        inner = self.make(depth - 1)
        count = self.chance.choice(("*", "+", "?", "{2}", "{0,2}", "{1,3}") if depth < 3 else "*+?")
        return f"({inner}){count}" if len(inner) > 1 else inner + count

    def text(self) -> str:
        return "".join(self.chance.choice("abc1-.") for _ in range(self.chance.randint(0, 9)))


def test_generated_patterns() -> None:
    library = needs_gnu_c_library()
    patterns = _Patterns(1)
    told = 0
    for _ in range(_PATTERNS):
        pattern, text = patterns.make(patterns.chance.randint(1, 4)), patterns.text()
        if patterns.chance.random() < 0.15:
            pattern += patterns.chance.choice(("|", "|b", "(", ")", "[", "{", "*", "\\", "+"))
        found = search_groups(pattern, text, Budget())
        if found is None:
            continue
        told += 1
        wanted = by_library(library, pattern, text)
        assert (found + [None] * _GROUPS)[:_GROUPS] == (wanted or [None] * _GROUPS), (pattern, text)
    assert told > _PATTERNS * 0.9


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("(a|ab)(c|bcd)(d*)", "abcd", ["abcd", "a", "bcd", ""]),
        ("(foo|foobar)(bar)?", "foobar", ["foobar", "foo", "bar"]),
        ("x*", "", [""]),
        ("^(Linux|Debian) ([0-9]+(\\.[0-9]+)*)", "Debian 12.5.1 x", ["Debian 12.5.1", "Debian",
                                                                     "12.5.1", ".1"]),
        ("*a", "a", []),
        ("a{2,1}", "aa", []),
        ("(a)\\1", "aa", None),
        ("a" * 600, "a", None),
    ],
)  # fmt: skip
def test_patterns(pattern: str, text: str, expected: list[str | None] | None) -> None:
    assert search_groups(pattern, text, Budget()) == expected


@pytest.mark.parametrize(
    "pattern",
    ["(((((a|b)*)*)*)*)*c", "(a*)*" * 30 + "c", "(.|.)*" * 20 + "x", "a{0,190}b", "(a|a|a|a)*" * 9],
)
def test_work_is_bounded_by_the_budget(pattern: str) -> None:
    budget = Budget()
    with pytest.raises(WarmbootError):
        for _ in range(100_000):
            search_groups(pattern, "ab" * 200, budget)
            budget.step(50)
