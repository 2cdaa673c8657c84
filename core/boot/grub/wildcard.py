"""Names of files that a pattern with ``*`` and ``?`` fits, as GRUB's regexp module expands it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from warmboot.core.boot.grub.files import UndecidedError

_MOST = 500


def matches(pattern: str, names: Callable[[str], Sequence[str]]) -> list[str]:
    r"""Return the paths that a pattern fits, sorted; a backslash makes the next character plain.

    `names` lists a folder. The device in front of the path is taken as it is. Raises
    UndecidedError where there are too many, or `names` does.
    """
    device = ""
    if pattern.startswith("("):
        device, bracket, pattern = pattern.partition(")")
        device += bracket
    if not pattern.startswith("/"):
        return []
    found = [device]
    for part in pattern[1:].split("/"):
        if not _wild(part):
            found = [f"{folder}/{_plain(part)}" for folder in found]
            continue
        found = [
            f"{folder}/{name}"
            for folder in found
            for name in names(f"{folder}/")
            if fits(name, part)
        ]
        if len(found) > _MOST:
            raise UndecidedError(f"there are more than {_MOST}")
    return sorted(found)


def _wild(part: str) -> bool:
    return any(kind for _, kind in _parse(part))


def _plain(part: str) -> str:
    return "".join(char for char, _ in _parse(part))


def _parse(pattern: str) -> list[tuple[str, bool]]:
    """Return the characters of a pattern, each with whether it stands for others."""
    result: list[tuple[str, bool]] = []
    escaped = False
    for char in pattern:
        if escaped or char not in "\\*?":
            result.append((char, False))
            escaped = False
        elif char == "\\":
            escaped = True
        else:
            result.append((char, True))
    return result


def fits(name: str, pattern: str) -> bool:
    """Whether a name fits a pattern; the work is the product of their lengths at most."""
    parts = _parse(pattern)
    at = back = 0
    star = -1
    position = 0
    while position < len(name):
        wanted = parts[at] if at < len(parts) else None
        if wanted == ("*", True):
            star, back = at, position
            at += 1
        elif wanted is not None and (wanted == ("?", True) or wanted == (name[position], False)):
            at += 1
            position += 1
        elif star >= 0:
            back += 1
            at, position = star + 1, back
        else:
            return False
    return all(part == ("*", True) for part in parts[at:])
