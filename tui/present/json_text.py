"""JSON as text for programs, and laid out for people: what json.dumps(value, indent=2) gives.

The standard one lays out in Python, token by token, and took half of the time of a long list.
"""

from __future__ import annotations

from collections.abc import Callable

try:
    from _json import encode_basestring_ascii as _quoted  # without all that reads JSON
except ImportError:  # another Python than CPython
    from json.encoder import encode_basestring_ascii as _quoted

_STEP = "  "
_LIST = (list, tuple)


def json_text(value: object) -> str:
    """Return `value` as JSON.

    Raises ValueError for infinity and NaN, which JSON has not, TypeError for what is no value of
    JSON, and for a key that is no text.
    """
    parts: list[str] = []
    _write(value, "\n", parts.append)
    return "".join(parts)


def _write(value: object, margin: str, put: Callable[[str], None]) -> None:
    """Hand on the text of a value; `margin` is a line's end and what its lines begin with."""
    inner = margin + _STEP
    if isinstance(value, dict):
        begin, more = "{" + inner, "," + inner
        for name, item in value.items():
            kind = type(item)
            if kind is str:  # most are one of these three
                put(f"{begin}{_quoted(name)}: {_quoted(item)}")
            elif kind is int:
                put(f"{begin}{_quoted(name)}: {item}")
            elif item is None:
                put(f"{begin}{_quoted(name)}: null")
            else:
                put(f"{begin}{_quoted(name)}: ")
                _write(item, inner, put)
            begin = more
        put(margin + "}" if value else "{}")
    elif isinstance(value, _LIST):
        begin, more = "[" + inner, "," + inner
        for item in value:
            put(begin)
            _write(item, inner, put)
            begin = more
        put(margin + "]" if value else "[]")
    else:
        put(_single(value))


def _single(value: object) -> str:
    """Return what holds no others."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, int):
        return int.__repr__(value)
    if isinstance(value, float):
        if value - value != 0:  # infinity and NaN
            raise ValueError(f"JSON has no {value}")
        return float.__repr__(value)
    raise TypeError(f"JSON has no {type(value).__name__}")
