"""The short way to an operating system's name agrees with the whole reading of the file."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from warmboot.core.images.osrelease import parse_os_release, plain_pretty_name
from warmboot.core.text import printable

PARTS = [
    b"PRETTY_NAME=", b'PRETTY_NAME="A b"\n', b"NAME=q\n", b"Debian 12", b'"', b"'", b"\n", b" ",
    b"\\", b"$", b"x", b"\t", b"\r", b"\x0b", b"\xc2\xa0", b"\xff",
]  # fmt: skip


@given(st.lists(st.sampled_from(PARTS), max_size=10).map(b"".join))
def test_a_plain_name_is_the_name(raw: bytes) -> None:
    name = plain_pretty_name(raw)
    if name is not None:
        text = "\n".join(printable(line) for line in raw.rstrip().splitlines())
        assert parse_os_release(text)["PRETTY_NAME"] == printable(name)


def test_what_is_plain() -> None:
    assert plain_pretty_name(b'ID=debian\nPRETTY_NAME="Debian 12 (bookworm)"\n') is not None
    assert plain_pretty_name(b"PRETTY_NAME='Debian 12'\n") is None
    assert plain_pretty_name(b'PRETTY_NAME="A"\nPRETTY_NAME="B"\n') is None
