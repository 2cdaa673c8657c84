"""JSON as text for programs, and laid out for people: what json.dumps(value, indent=2) gives.

The standard one lays out in Python, token by token, and took half of the time of a long list.
"""

from __future__ import annotations

try:
    from _json import encode_basestring_ascii as _quoted  # without all that reads JSON
except ImportError:  # another Python than CPython
    from json.encoder import encode_basestring_ascii as _quoted

_STEP = "  "


def json_text(value: object, margin: str = "\n") -> str:
    """Return `value` as JSON; `margin` is a line's end and what its lines begin with.

    Raises ValueError for infinity and NaN, which JSON has not, TypeError for what is no value of
    JSON, and for a key that is no text.
    """
    if type(value) is str:  # most are one of these
        return _quoted(value)
    if value is None:
        return "null"
    if type(value) is bool:
        return "true" if value else "false"
    if type(value) is int:
        return repr(value)
    inner = margin + _STEP
    if isinstance(value, dict):
        items = [f"{_quoted(name)}: {json_text(item, inner)}" for name, item in value.items()]
        return "{" + inner + ("," + inner).join(items) + margin + "}" if items else "{}"
    if isinstance(value, list | tuple):
        items = [json_text(item, inner) for item in value]
        return "[" + inner + ("," + inner).join(items) + margin + "]" if items else "[]"
    return _other(value)


def _other(value: object) -> str:
    """Return a number or a text of a class of its own."""
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, int):
        return int.__repr__(value)
    if isinstance(value, float):
        if value - value != 0:  # infinity and NaN
            raise ValueError(f"JSON has no {value}")
        return float.__repr__(value)
    raise TypeError(f"JSON has no {type(value).__name__}")
