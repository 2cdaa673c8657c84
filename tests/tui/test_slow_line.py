"""Bytes: how many a key costs on each kind of terminal, and what a line at 9600 baud makes of it.

Time on a slow line is told in bytes: at 960 a second, what a second and a half may take is 1440.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from support.emulator import Emulator, emulate

LONG_PRESS = 45  # keys
RATE = 960  # bytes a second, of 9600 baud
ANSWER = 1440  # bytes, in 1.5 s
REST = 0.8  # seconds of silence that tell that all is drawn
TERMS = ["xterm-256color", "linux", "vt220"]


def chosen(emulator: Emulator) -> str:
    """Return the entry that the cursor is on."""
    lines = (line for line in emulator.lines if line.startswith((">", " >")))
    return next(lines, "").partition("│")[0].partition("|")[0].strip(" >")


def begin(emulator: Emulator) -> None:
    emulator.wait(lambda: chosen(emulator), "an entry under the cursor")
    emulator.settle(REST)


def move(emulator: Emulator, key: str) -> int:
    """Press a key that moves the cursor; return the bytes after which the cursor is there."""
    before, count = chosen(emulator), emulator.count
    emulator.press(key)
    emulator.wait(lambda: chosen(emulator) not in ("", before), "another entry under the cursor")
    return emulator.count - count


@pytest.mark.parametrize("term", TERMS)
def test_what_each_key_costs(sandbox: Path, term: str) -> None:
    with emulate(sandbox, TERM=term) as emulator:
        begin(emulator)
        assert emulator.count <= 12_000
        for key in ("down", "down", "up"):
            most = 1500 if term == "xterm-256color" else 1000
            assert move(emulator, key) <= most
            assert emulator.settle(REST) <= 3000, "details"
        emulator.press("?")
        assert emulator.settle(REST) <= 4000, "help"


@pytest.mark.parametrize("slow", [False, True], ids=["noticed", "told"])
def test_a_slow_line_answers(sandbox: Path, slow: bool) -> None:
    options = ["--slow"] if slow else []
    with emulate(sandbox, *options, rate=RATE) as emulator:
        emulator.wait(lambda: chosen(emulator), "an entry under the cursor")
        assert emulator.count <= 5 * RATE, "the first entries"
        emulator.settle(REST)
        for key in ("down", "down", "up"):
            assert move(emulator, key) <= ANSWER
        emulator.press("up", "up")
        emulator.settle(REST)
        first = chosen(emulator)
        for _ in range(LONG_PRESS):
            emulator.press("down")
            emulator.wait_a_moment(1 / 30)
        emulator.press(*["up"] * LONG_PRESS)
        before = emulator.count
        emulator.wait(lambda: chosen(emulator) == first, "the first entry again")
        assert emulator.count - before <= ANSWER
