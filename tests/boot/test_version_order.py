"""Version order, by the examples of the Version Format Specification."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warmboot.core.boot.version_order import compare

# Each is older than the next.
ASCENDING = ["~~", "~", "", "ab", "abb", "abc", "0001", "002", "12", "122", "122.9", "123~rc1-1",
             "123", "123-a", "123-a.1", "123-1", "123-1.1", "123^post1", "123.a-1", "123.1-1",
             "123a-1", "124-1"]  # fmt: skip


@pytest.mark.parametrize(("older", "newer"), list(itertools.combinations(ASCENDING, 2)))
def test_the_specification_s_order(older: str, newer: str) -> None:
    assert compare(older, newer) < 0
    assert compare(newer, older) > 0


def test_kernel_releases() -> None:
    assert compare("6.1.0-9-amd64", "6.1.0-10-amd64") < 0
    assert compare("6.12~rc3", "6.12") < 0
    assert compare("6.12.95", "6.9") > 0


@given(st.text("ab12.~^-_+ "), st.text("ab12.~^-_+ "))
def test_order_is_antisymmetric(left: str, right: str) -> None:
    assert compare(left, right) == -compare(right, left) or (
        (compare(left, right) > 0) == (compare(right, left) < 0)
    )
