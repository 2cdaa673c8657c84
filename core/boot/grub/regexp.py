"""The command ``regexp`` for patterns whose work is bounded; others are refused.

A pattern may have plain characters, ``.``, sets in brackets, ``^``, ``$``, groups, which may be
optional but not repeated, and a few characters that are. With so few the two ways to read a
pattern, POSIX's and Python's, come to the same, and the work is a small power of a short text.
"""

from __future__ import annotations

import re

from warmboot.core.boot.grub.budget import Budget

_TEXT = 256
_PATTERN = 256
_REPEATED = 3
_WORTH = 250_000  # of the characters that are tried, so many are worth one step
# A set, an escaped character that is no letter, or a character; no choices, no counts.
_ATOM = re.compile(
    r"\[\^?\]?(?:[^\]\[\\]|\[:[a-z]{1,10}:\])*\]|\\[^0-9A-Za-z]|[^\[\\|{}]", re.DOTALL
)
_PLAIN = {"$": r"\Z", "^": r"\A", "(": "(", ")": ")", ".": "."}
_CLASSES = {"digit": "0-9", "alpha": "a-zA-Z", "alnum": "a-zA-Z0-9", "space": " \\t\\n\\r\\f\\v",
            "upper": "A-Z", "lower": "a-z", "xdigit": "0-9a-fA-F", "blank": " \\t"}  # fmt: skip


def search_groups(pattern: str, text: str, budget: Budget) -> list[str | None] | None:
    """Return what the pattern and its groups fit, [] where it does not fit, None where refused."""
    if len(pattern) > _PATTERN or len(text) > _TEXT:
        return None
    translated = _translate(pattern)
    if translated is None:
        return None
    repeated = min(_REPEATED, sum(map(pattern.count, "*+?")))
    budget.step(len(text) + len(text) ** (repeated + 1) // _WORTH)
    try:
        found = re.search(translated, text, re.DOTALL | re.ASCII)
    except re.error:
        return None
    return [] if found is None else [found[0], *found.groups()]


def _translate(pattern: str) -> str | None:
    """Return the same expression for Python, None where its work or meaning is not certain."""
    parts: list[str] = []
    at = repeated = opened = 0
    repeatable = False
    while at < len(pattern):
        char = pattern[at]
        at += 1
        if char in "*+?":
            repeated += 1
            optional = char == "?" and parts[-1:] == [")"]
            if not (repeatable or optional) or repeated > _REPEATED:
                return None
            parts.append(char)
            repeatable = False
            continue
        repeatable = char not in "()^$"
        opened += {"(": 1, ")": -1}.get(char, 0)
        found = _ATOM.match(pattern, at - 1)
        if found is None or opened < 0:
            return None
        at = found.end()
        parts.append(_atom(found[0]))
    return "".join(parts) if opened == 0 else None


def _atom(text: str) -> str:
    if text[0] == "[":
        return _set(text)
    if text in _PLAIN:
        return _PLAIN[text]
    return re.escape(text[-1])


def _set(text: str) -> str:
    """Return a set in brackets for Python: named classes and what would be special there."""
    inner = text[1:-1]
    head = "^" if inner.startswith("^") else ""
    inner = inner[len(head) :]
    inner = re.sub(r"\[:([a-z]{1,10}):\]", lambda found: _CLASSES.get(found[1], ""), inner)
    inner = inner.replace("]", r"\]").replace("&&", r"&\&").replace("~~", r"~\~")
    return f"[{head}{inner.replace('||', '|')}]"
