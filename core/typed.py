"""Values out of files of JSON that somebody else may have written: typed, or none at all."""

from __future__ import annotations

from warmboot.core.hints import Any, TypeVar
from warmboot.core.values import MISSING, fields

_T = TypeVar("_T")
_INTEGERS = 1 << 63


def json_object(raw: bytes | str) -> dict[str, Any] | None:
    """Return the object that `raw` is, None where it is no JSON or something else.

    NaN, Infinity and numbers too large for a float are no JSON (RFC 8259, section 6).
    """
    import json  # which only those wait for who have some

    try:
        value = json.loads(raw, parse_constant=_finite, parse_float=_finite)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def typed(kind: type[_T], record: object) -> _T | None:
    """Return the dataclass `kind` with the fields of `record`, None where one does not fit.

    Fields of the types str, int, float, bool, tuple of str, and each of them or None, are known.
    What the dataclass has no field for is left out: a later version may have written it.
    """
    if not isinstance(record, dict):
        return None
    values: dict[str, object] = {}
    for field in fields(kind):  # type: ignore[arg-type]
        if field.name not in record:
            if field.default is MISSING:
                return None
            continue
        value = record[field.name]
        if not any(_fits(value, name) for name in str(field.type).split(" | ")):
            return None
        values[field.name] = tuple(value) if isinstance(value, list) else value
    return kind(**values)


def is_number(value: object) -> bool:
    """Whether `value` is a finite number that fits 64 bits."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) < float("inf") if isinstance(value, float) else abs(value) < _INTEGERS


def _finite(text: str) -> float:
    number = float(text)
    if not abs(number) < float("inf"):
        raise ValueError(text)
    return number


def _fits(value: object, name: str) -> bool:
    if name == "None":
        return value is None
    if name == "bool":
        return isinstance(value, bool)
    if name == "str":
        return isinstance(value, str)
    if name == "tuple[str, ...]":
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    return is_number(value) and (name == "float" or isinstance(value, int))
