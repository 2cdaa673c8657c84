"""os-release(5): names and versions of operating systems."""

from __future__ import annotations

import re
import shlex

_PLAIN = re.compile(r"""[^\s"'\\$`#;&|]+|"[^"\\$`]*\"""")


def parse_os_release(text: str) -> dict[str, str]:
    """Return the fields of an os-release file; lines that are no assignment are left out."""
    fields: dict[str, str] = {}
    for line in text.splitlines():
        name, equals, value = line.strip().partition("=")
        if not equals or not name.replace("_", "").isalnum():
            continue
        if _PLAIN.fullmatch(value):  # shlex is slow
            fields[name] = value.strip('"')
            continue
        try:
            words = shlex.split(value)
        except ValueError:
            continue
        fields[name] = " ".join(words)
    return fields
