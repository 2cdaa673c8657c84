"""GRUB's environment block: the variables that it keeps over a restart."""

from __future__ import annotations


def parse_environment(text: str) -> dict[str, str]:
    """Return the variables of a GRUB environment block."""
    lines = (line.partition("=") for line in text.splitlines() if not line.startswith("#"))
    return {name: value for name, equals, value in lines if equals}
