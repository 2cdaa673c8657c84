"""JSON is laid out as the standard library does it."""

from __future__ import annotations

import enum
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warmboot.core.enumeration import StrEnum
from warmboot.tui.present.json_text import json_text

TEXT = st.text(st.characters(blacklist_categories=()))
PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT
FINITE = PLAIN.filter(lambda value: not isinstance(value, float) or math.isfinite(value))
VALUES = st.recursive(
    FINITE, lambda inside: st.lists(inside) | st.dictionaries(TEXT, inside), max_leaves=40
)


class Word(StrEnum):
    ONE = "on\u00e9"


class Number(enum.IntEnum):
    TWO = 2


@given(VALUES)
def test_it_is_what_the_standard_library_gives(value: object) -> None:
    assert json_text(value) == json.dumps(value, indent=2, allow_nan=False)


@pytest.mark.parametrize("value", [Word.ONE, Number.TWO, (1, [()]), {Word.ONE: Word.ONE}, True])
def test_what_is_a_text_or_a_number_in_other_clothes(value: object) -> None:
    for one in (value, [value], {"a": value}):
        assert json_text(one) == json.dumps(one, indent=2)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_json_has_not(value: float) -> None:
    for one in (value, [value], {"a": value}):
        with pytest.raises(ValueError, match="JSON has no"):
            json_text(one)


@pytest.mark.parametrize("value", [b"", {1: 2}, {"a": object()}, [set()]])
def test_what_is_no_value_of_json(value: object) -> None:
    with pytest.raises(TypeError):
        json_text(value)
