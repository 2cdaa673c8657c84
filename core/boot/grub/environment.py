"""GRUB's environment block: the variables that it keeps over a restart."""

from __future__ import annotations

_SIGNATURE = "# GRUB Environment Block\n"


def parse_environment(text: str) -> dict[str, str]:
    r"""Return the variables of a GRUB environment block; none of a file that is no such block.

    In a value ``\`` stands in front of a backslash or a line end that belongs to it.
    """
    if not text.startswith(_SIGNATURE):
        return {}
    result: dict[str, str] = {}
    for line in _lines(text[len(_SIGNATURE) :]):
        name, equals, value = line.partition("=")
        if equals and not name.startswith("#"):
            result[name] = value
    return result


def _lines(text: str) -> list[str]:
    lines: list[str] = []
    current: list[str] = []
    for line in text.split("\n"):
        parts = line.split("\\\\")
        continued = parts[-1].endswith("\\")
        if continued:
            parts[-1] = parts[-1][:-1] + "\n"
        current.append("\\".join(part.replace("\\", "") for part in parts))
        if not continued:
            lines.append("".join(current))
            current = []
    return lines
