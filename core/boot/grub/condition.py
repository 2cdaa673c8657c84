"""Conditions of GRUB scripts: true, false, or known to GRUB alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence

_NUMBERS: dict[str, Callable[[int, int], bool]] = {
    "-eq": lambda a, b: a == b,
    "-ne": lambda a, b: a != b,
    "-gt": lambda a, b: a > b,
    "-ge": lambda a, b: a >= b,
    "-lt": lambda a, b: a < b,
    "-le": lambda a, b: a <= b,
}


def evaluate(words: Sequence[str | None], exists: Callable[[str], bool]) -> bool | None:
    """Return what a command used as a condition answers, None where only GRUB can tell.

    `words` are expanded already; None stands for a word with an unknown value. Source: GRUB
    manual, "test".
    """
    if words[:1] == ["true"]:
        return True
    if words[:1] == ["false"]:
        return False
    if words[:1] == ["["] and words[-1:] == ["]"]:
        return _any(list(words[1:-1]), exists)
    if words[:1] == ["test"]:
        return _any(list(words[1:]), exists)
    return None


def _any(words: list[str | None], exists: Callable[[str], bool]) -> bool | None:
    answers = [_all(part, exists) for part in _parts(words, "-o")]
    if True in answers:
        return True
    return None if None in answers else False


def _all(words: list[str | None], exists: Callable[[str], bool]) -> bool | None:
    answers = [_one(part, exists) for part in _parts(words, "-a")]
    if False in answers:
        return False
    return None if None in answers else True


def _parts(words: list[str | None], mark: str) -> list[list[str | None]]:
    parts: list[list[str | None]] = [[]]
    for word in words:
        if word == mark:
            parts.append([])
        else:
            parts[-1].append(word)
    return parts


def _one(words: list[str | None], exists: Callable[[str], bool]) -> bool | None:
    negate = False
    while words[:1] == ["!"]:
        negate = not negate
        words = words[1:]
    known = [word for word in words if word is not None]
    answer = _plain(known, exists) if len(known) == len(words) else None
    return answer if answer is None else answer is not negate


def _plain(words: list[str], exists: Callable[[str], bool]) -> bool | None:
    if len(words) < 2:
        return bool(words and words[0])
    if len(words) == 2:
        option, value = words
        if option in ("-z", "-n"):
            return bool(value) is (option == "-n")
        return exists(value) if option in ("-e", "-f", "-s", "-d") else None
    if len(words) == 3:
        left, operator, right = words
        if operator in ("=", "=="):
            return left == right
        if operator == "!=":
            return left != right
        if operator in _NUMBERS and _number(left) and _number(right):
            return _NUMBERS[operator](int(left), int(right))
    return None


def _number(text: str) -> bool:
    return text.removeprefix("-").isdecimal() and len(text) < 18
