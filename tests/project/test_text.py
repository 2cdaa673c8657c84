"""Text from files never steers a terminal."""

from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from warmboot.core.text import duration, plural, printable, size


@given(st.text())
def test_printable_leaves_no_character_that_steers_a_terminal(text: str) -> None:
    assert printable(text).isprintable()
    for char in printable(text):
        assert unicodedata.category(char) not in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}


@given(st.binary())
def test_printable_takes_any_bytes(raw: bytes) -> None:
    assert "\x1b" not in printable(raw)


def test_printable_shows_what_it_replaced() -> None:
    assert printable("a\x1b[31mb") == "a\\x1b[31mb"
    assert printable("x\u202ey") == "x\\u202ey"
    assert printable("one\ttwo\nthree") == "one two three"
    assert printable("a\u00a0b\u3000c") == "a b c"
    assert printable("Größe [red]") == "Größe [red]"


def test_printable_cuts_long_text() -> None:
    assert printable("x" * 20, limit=5) == "xxxxx..."


def test_sizes_and_spans_read_as_people_write_them() -> None:
    assert size(812) == "812 B"
    assert size(4063232) == "3.9 MiB"
    assert size(1 << 50) == "1024.0 TiB"
    assert duration(0.42) == "0.4 s"
    assert duration(273_600) == "3 d 4 h"
    assert plural(1, "session") == "1 session"
    assert plural(3, "entry", "entries") == "3 entries"
