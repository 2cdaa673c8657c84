"""Build options: looked for one by one, and read all at once, they are the same."""

from __future__ import annotations

import random

import pytest

from warmboot.core.host import config
from warmboot.core.host.config import BuildOptions

_PARTS = ("CONFIG_", "A", "B", "=", "\n", '"', "\r", "y", "#", "CONFIG_A=", "\nCONFIG_B=m", "\n")
_NAMES = ("A", "B", "AB", "BA", "")


def by_lines(text: str) -> dict[str, str]:
    """Read the options line by line, the last of a name counts."""
    found = {}
    for line in text.split("\n"):
        name, equals, value = line.partition("=")
        if equals and name.startswith("CONFIG_"):
            found[name.removeprefix("CONFIG_")] = value.rstrip("\r").strip('"')
    return found


@pytest.mark.parametrize("few", [0, 3, 100])
def test_however_many_are_asked_for_options_are_those_of_the_lines(
    few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config, "_FEW", few)
    chance = random.Random(few)
    for _ in range(2000):
        text = "".join(chance.choices(_PARTS, k=chance.randrange(16)))
        told, expected = BuildOptions(text), by_lines(text)
        for name in chance.sample(_NAMES, len(_NAMES)):
            assert told.get(name) == expected.get(name), text
        assert (dict(told), dict(told.items()), len(told)) == (expected, expected, len(expected))
        assert bool(told) or not expected
        assert told.same_as(BuildOptions(text))
        assert not told.same_as(BuildOptions(f"{text}\nCONFIG_A=n"))
