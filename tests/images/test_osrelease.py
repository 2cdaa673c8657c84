"""What a boot menu says of an operating system comes from the best field that is there."""

from __future__ import annotations

import pytest

from warmboot.core.images.osrelease import System, parse_os_release


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", System(None, None, None)),
        ("ID=debian\nBUILD_ID=7\n", System("debian", "7", "debian")),
        ("NAME=Debian\nVERSION_ID=12\nBUILD_ID=7\n", System("Debian", "12", None)),
        ("IMAGE_ID=particle\nID=debian\nNAME=x\n", System("particle", None, "particle")),
        ('PRETTY_NAME="A b"\nIMAGE_ID=p\nVERSION="1 (one)"\n', System("A b", "1 (one)", "p")),
        ("IMAGE_VERSION=3\nVERSION=2\nID=\nNAME=n\n", System("n", "3", None)),
    ],
)
def test_the_best_field_counts(text: str, expected: System) -> None:
    assert System.of(parse_os_release(text)) == expected
