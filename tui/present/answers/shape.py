"""What is declared of an object, read back: for the schema, for the manual, and for what comes out
of files."""

from __future__ import annotations

import math
import types
from collections.abc import Iterator, Mapping
from functools import cache
from typing import (
    Annotated,
    Any,
    Literal,
    NamedTuple,
    get_args,
    get_origin,
    get_type_hints,
)

from warmboot.core.enumeration import StrEnum
from warmboot.core.expression import expression
from warmboot.core.hints import is_typeddict
from warmboot.tui.present.answers.declare import OneOf

#: Words that mean nothing where answers are declared; see warmboot.core.hints.
_WORDS: dict[str, Any] = {"Annotated": Annotated, "Any": Any, "Literal": Literal}
_WORD = expression(r"[A-Z][a-z0-9]*")


class Field(NamedTuple):
    """One field: `kind` is its type, `values` a closed set that the type does not tell.

    `optional`: the object may lack it.
    """

    name: str
    kind: Any
    text: str
    values: tuple[str, ...]
    optional: bool


@cache
def fields_of(shape: Any) -> tuple[Field, ...]:
    """Return the fields of a TypedDict in the order they are declared."""
    hints = get_type_hints(shape, localns=_WORDS, include_extras=True)
    return tuple(_field(name, hints[name], shape) for name in shape.__fields__)


def name_of(shape: Any) -> str:
    """Return a TypedDict's name in the schema: ListAnswer is list_answer, EntryFields entry."""
    words = [word.lower() for word in _WORD.findall(shape.__name__)]
    return "_".join(words[:-1] if words[-1] == "fields" else words)


def documentation(shape: Any) -> str:
    """Return what an object is: the docstring of its TypedDict, in one line."""
    return " ".join(shape.__doc__.split())


def objects_in(shape: Any) -> Iterator[Any]:
    """Yield the objects that the fields of an object hold."""
    for field in fields_of(shape):
        yield from _objects(field.kind)


def _objects(kind: Any) -> Iterator[Any]:
    for part in members(kind)[0]:
        if is_typeddict(part):
            yield part
        elif get_origin(part) in (list, dict):
            yield from _objects(get_args(part)[-1])


def members(kind: Any) -> tuple[tuple[Any, ...], bool]:
    """Return the types that a type is one of, and whether null is another."""
    parts = get_args(kind) if get_origin(kind) is types.UnionType else (kind,)
    return tuple(part for part in parts if part is not type(None)), type(None) in parts


def values_of(kind: Any) -> tuple[str, ...]:
    """Return the values of a closed set of texts, () where a type is none."""
    if get_origin(kind) is Literal:
        return tuple(str(value) for value in get_args(kind))
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return tuple(member.value for member in kind)
    return ()


def fits(value: object, kind: Any) -> bool:
    """Whether a value that JSON was read into is of a type; NaN and infinity are not JSON."""
    parts, nullable = members(kind)
    if value is None:
        return nullable
    return any(_fits(value, part) for part in parts)


def split(record: Mapping[str, object], shape: Any) -> tuple[dict[str, object], dict[str, object]]:
    """Return the fields of `record` that are as `shape` declares them, and all others."""
    kinds = {field.name: field.kind for field in fields_of(shape)}
    known = {
        name: value for name, value in record.items() if name in kinds and fits(value, kinds[name])
    }
    return known, {name: value for name, value in record.items() if name not in known}


def _fits(value: object, kind: Any) -> bool:
    if is_typeddict(kind):
        if not isinstance(value, Mapping):
            return False
        names = {field.name for field in fields_of(kind)}
        known, others = split(value, kind)
        return not others and known.keys() | kind.__optional_keys__ >= names
    if get_origin(kind) is list:
        return isinstance(value, list) and all(fits(item, get_args(kind)[0]) for item in value)
    if values_of(kind):
        return value in values_of(kind)
    if isinstance(value, bool):
        return kind is bool
    if kind is float:
        return isinstance(value, int) or (isinstance(value, float) and math.isfinite(value))
    return isinstance(value, kind)


def _field(name: str, hint: Any, shape: Any) -> Field:
    if get_origin(hint) is not Annotated:
        raise TypeError(f"{shape.__name__}.{name} has no line of documentation")
    kind, text, *more = get_args(hint)
    values = next((one.values for one in more if isinstance(one, OneOf)), ())
    return Field(name, kind, text, values, name in shape.__optional_keys__)
