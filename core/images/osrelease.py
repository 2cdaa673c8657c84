"""os-release(5): names and versions of operating systems."""

from __future__ import annotations

from collections.abc import Mapping

from warmboot.core.expression import expression
from warmboot.core.hints import Self
from warmboot.core.values import NamedTuple

_PLAIN = expression(r"""[^\s"'\\$`#;&|]+|"[^"\\$`]*\"""")


class System(NamedTuple):
    """What a boot menu says of an operating system, and sorts it by; None where nothing does.

    Source: os-release(5), and what systemd's boot menus make of its fields.
    """

    name: str | None
    version: str | None
    sort_key: str | None

    @classmethod
    def of(cls, fields: Mapping[str, str]) -> Self:
        """Return what the fields of an os-release file come to, the best field of each first."""

        def first(*names: str) -> str | None:
            for name in names:
                if value := fields.get(name):
                    return value
            return None

        return cls(
            first("PRETTY_NAME", "IMAGE_ID", "NAME", "ID"),
            first("IMAGE_VERSION", "VERSION", "VERSION_ID", "BUILD_ID"),
            first("IMAGE_ID", "ID"),
        )


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
        import shlex  # one in a thousand

        try:
            words = shlex.split(value)
        except ValueError:
            continue
        fields[name] = " ".join(words)
    return fields
