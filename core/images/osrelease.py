"""os-release(5): names and versions of operating systems."""

from __future__ import annotations

import re
import shlex

_PLAIN = re.compile(r"""[^\s"'\\$`#;&|]+|"[^"\\$`]*\"""")


_PRETTY_NAME = re.compile(rb'(?:^|\n)PRETTY_NAME="([^"\\$`\s\0]+(?: [^"\\$`\s\0]+)*)"\n')


def plain_pretty_name(raw: bytes) -> bytes | None:
    """Return the value of PRETTY_NAME where one line plainly states it, as most files do.

    None says nothing: parse_os_release finds what is there in any other form.
    """
    found = _PRETTY_NAME.search(raw)
    return found[1] if found and raw.count(b"PRETTY_NAME") == 1 else None


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
