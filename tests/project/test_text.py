"""Text from files never steers a terminal."""

from __future__ import annotations

import os
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.files import put

from warmboot.core.errors import ExitCode
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


@pytest.mark.parametrize("words", [["list"], ["stage", "--default"]], ids=" ".join)
def test_an_answer_does_not_end_where_the_locale_has_no_letter(
    sandbox: Path, words: list[str]
) -> None:
    """As with a locale of ISO 8859-1, in which most of the world cannot be written."""
    for path in (sandbox / "boot/loader/entries").iterdir():
        path.write_text(path.read_text().replace("Warmboot Linux", "\u0416\u0443\u043a"))
    put(sandbox, "proc/sys/kernel/hostname", "\u0436\u0443\u043a\n")
    command = [sys.executable, "-X", "utf8=0", "-m", "warmboot.tui.cli", "--root", str(sandbox)]
    environment = {**os.environ, "LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0"}
    environment["PYTHONIOENCODING"] = "iso-8859-1:strict"
    done = subprocess.run([*command, *words], env=environment, capture_output=True, check=False)
    assert done.returncode == ExitCode.OK, done.stderr
    assert b"Traceback" not in done.stderr
    assert (b"\\u0416" in done.stdout) == (words == ["list"])


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
