"""Values and closed sets do what the standard library does: one class, made by both."""

from __future__ import annotations

import copy
import dataclasses
import enum
import json
import types
import typing
from typing import Any, ClassVar, cast
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warmboot.core import enumeration, values

OPTIONS = st.fixed_dictionaries({name: st.booleans() for name in ("frozen", "kw_only")})
DEFAULTS = st.lists(st.none() | st.integers(0, 3), min_size=1, max_size=5)
ARGUMENTS = st.tuples(
    st.lists(st.integers(0, 2), max_size=6),
    st.dictionaries(st.sampled_from("abcdefg"), st.integers(0, 2), max_size=4),
)
#: Of how many values on a class gets methods of its own.
OFTEN = st.sampled_from((1, 2, 100))
RAISED = "raised"


def outcome(action: typing.Callable[..., object], *given: object, **named: object) -> object:
    """Return what an action returns, or RAISED whichever error it is."""
    try:
        return action(*given, **named)
    except (TypeError, AttributeError, ValueError):
        return RAISED


def pair(options: dict[str, bool], defaults: list[int | None], more: list[int | None]) -> list[Any]:
    """Return the same two dataclasses, one inheriting from the other, made by both libraries."""
    made = []
    for library in (dataclasses, values):
        kind: Any = object
        names = iter("abcdefghijkl")
        for one in (defaults, more):
            hints: dict[str, str] = {}
            namespace: dict[str, object] = {"__annotations__": hints, "__module__": __name__}
            for default in one:
                name = next(names)
                hints[name] = "int"
                if default is not None:
                    namespace[name] = default
            hints |= {"kind": "ClassVar[int]"}
            namespace["kind"] = 9
            made_class: Any = type("Value", (kind,), namespace)
            kind = library.dataclass(**options)(made_class)
        made.append(kind)
    return made


@given(OFTEN, OPTIONS, DEFAULTS, DEFAULTS, st.lists(ARGUMENTS, min_size=2, max_size=3))
def test_dataclasses(
    often: int,
    options: dict[str, bool],
    defaults: list[int | None],
    more: list[int | None],
    arguments: list[tuple[list[int], dict[str, int]]],
) -> None:
    ordered = (*defaults, *more)
    if not options["kw_only"] and any(
        one is not None and None in ordered[place:] for place, one in enumerate(ordered)
    ):
        return  # a field without a default behind one that has one
    standard, ours = pair(options, defaults, more)
    with mock.patch.object(values, "_OFTEN", often):
        agree(standard, ours, arguments)


def agree(standard: Any, ours: Any, arguments: list[tuple[list[int], dict[str, int]]]) -> None:
    assert ours.__match_args__ == standard.__match_args__
    assert ours.kind == 9
    pairs = []
    for place, named in arguments:
        old, new = outcome(standard, *place, **named), outcome(ours, *place, **named)
        assert (old is RAISED) == (new is RAISED)
        if old is RAISED:
            continue
        pairs.append((old, new))
        assert repr(new).endswith(repr(old).rpartition(".")[2])
        assert values.asdict(new) == dataclasses.asdict(new) == dataclasses.asdict(old)  # type: ignore[call-overload]
        assert outcome(hash, new) == outcome(hash, old)
        assert values.asdict(values.replace(new, a=7)) == {**dataclasses.asdict(old), "a": 7}  # type: ignore[type-var, call-overload]
        assert dataclasses.replace(new, a=7) == values.replace(new, a=7)  # type: ignore[type-var]
        assert hasattr(new, "__dict__") == hasattr(old, "__dict__")
        for name in ("a", "z"):
            assert outcome(setattr, new, name, 1) == outcome(setattr, old, name, 1)
            assert outcome(getattr, new, name) == outcome(getattr, old, name)
    for old, new in pairs:
        for other, another in pairs:
            assert (new == another) == (old == other)


@given(OFTEN, DEFAULTS, st.lists(ARGUMENTS, min_size=2, max_size=3))
def test_named_tuples(
    often: int, defaults: list[int | None], arguments: list[tuple[list[int], dict[str, int]]]
) -> None:
    if any(one is not None and None in defaults[place:] for place, one in enumerate(defaults)):
        return
    names = "abcde"[: len(defaults)]
    fields = {n: one for n, one in zip(names, defaults, strict=True) if one is not None}
    body = {"__annotations__": dict.fromkeys(names, "int"), "__module__": __name__, **fields}
    standard: Any = type(typing.NamedTuple("N", []))
    base: Any = typing.NamedTuple

    standard = types.new_class("Value", (base,), exec_body=lambda space: space.update(body))
    ours: Any = values.NamedTuple
    ours = types.new_class("Value", (ours,), exec_body=lambda space: space.update(body))
    for name in ("_fields", "_field_defaults", "__match_args__"):
        assert getattr(ours, name) == getattr(standard, name)
    for place, named in arguments:
        with mock.patch.object(values, "_OFTEN", often):
            old, new = outcome(standard, *place, **named), outcome(ours, *place, **named)
        assert old == new
        if isinstance(old, tuple):
            assert repr(new) == repr(old)
            assert hash(new) == hash(old)
            assert new._asdict() == old._asdict()  # type: ignore[attr-defined]
            assert copy.copy(new) == new
            assert new._replace(a=8) == old._replace(a=8)  # type: ignore[attr-defined]
            assert outcome(new._replace, z=8) == outcome(old._replace, z=8)  # type: ignore[attr-defined]
            assert outcome(setattr, new, "a", 1) is outcome(setattr, old, "a", 1)
            assert not hasattr(new, "__dict__")


class Kept(values.NamedTuple):
    inside: tuple[int, ...]


@values.dataclass
class Held:
    count: ClassVar[int] = 0
    name: str
    made: list[Kept] = values.field(default_factory=list, repr=False)


def test_what_is_made_for_each_value_is_shared_by_none() -> None:
    first, second = Held("one"), Held("two")
    first.made.append(Kept((1, 2)))
    assert second.made == []
    assert repr(first) == "Held(name='one')"
    assert (
        values.asdict(first) == {"name": "one", "made": [Kept((1, 2))]} == dataclasses.asdict(first)
    )
    assert [one.name for one in values.fields(Held)] == ["name", "made"]
    assert Kept.__match_args__ == ("inside",)
    with pytest.raises(TypeError, match="name"):
        Held()  # type: ignore[call-arg]


WORDS = st.dictionaries(st.sampled_from("ABCDEFG"), st.text(max_size=3), min_size=1).filter(
    lambda words: len(set(words.values())) == len(words)
)


@given(WORDS, st.text(max_size=3))
def test_closed_sets(words: dict[str, str], other: str) -> None:
    def fill(space: dict[str, Any]) -> None:
        space.update(words)
        space["__module__"] = __name__
        space["shout"] = property(lambda self: self.upper())

    standard, ours = (
        cast("Any", types.new_class("Words", (base,), exec_body=fill))
        for base in cast("Any", (enum.StrEnum, enumeration.StrEnum))
    )
    assert len(ours) == len(standard)
    assert list(ours.__members__) == list(standard.__members__)
    for old, new in zip(standard, ours, strict=True):
        assert (new, new.name, new.value, new.shout) == (old, old.name, old.value, old.shout)
        assert (repr(new), str(new), f"{new:>9}") == (repr(old), str(old), f"{old:>9}")
        assert (hash(new), json.dumps(new)) == (hash(old), json.dumps(old))
        assert type(new.value) is str
        assert new is ours[new.name] is ours(new.value) is ours(new) is getattr(ours, new.name)
        assert copy.copy(new) is new is copy.deepcopy(new)
        assert new in ours
        assert isinstance(new, ours)
        assert outcome(setattr, new, "value", "x") is RAISED
        assert outcome(setattr, ours, new.name, "x") is RAISED
    assert outcome(ours, other) == outcome(standard, other)
    assert outcome(ours, 1) is RAISED


NUMBERS = st.dictionaries(st.sampled_from("ABCDEFG"), st.integers(), min_size=1).filter(
    lambda numbers: len(set(numbers.values())) == len(numbers)
)


@given(NUMBERS, st.integers())
def test_closed_sets_of_numbers(numbers: dict[str, int], other: int) -> None:
    def fill(space: dict[str, Any]) -> None:
        space.update(numbers)
        space["__module__"] = __name__
        space["twice"] = property(lambda self: self * 2)

    standard, ours = (
        cast("Any", types.new_class("Numbers", (base,), exec_body=fill))
        for base in cast("Any", (enum.IntEnum, enumeration.IntEnum))
    )
    assert list(ours.__members__) == list(standard.__members__)
    for old, new in zip(standard, ours, strict=True):
        assert (new, new.name, new.value, new.twice) == (old, old.name, old.value, old.twice)
        assert (repr(new), str(new), f"{new:>9}") == (repr(old), str(old), f"{old:>9}")
        assert (hash(new), json.dumps(new), new + 1) == (hash(old), json.dumps(old), old + 1)
        assert type(new.value) is int
        assert new is ours[new.name] is ours(new.value) is ours(new) is getattr(ours, new.name)
        assert copy.copy(new) is new is copy.deepcopy(new)
        assert new in ours
        assert isinstance(new, ours)
        assert outcome(setattr, new, "value", 1) is RAISED
        assert outcome(setattr, ours, new.name, 1) is RAISED
    assert outcome(ours, other) == outcome(standard, other)
    assert outcome(ours, "x") is RAISED
