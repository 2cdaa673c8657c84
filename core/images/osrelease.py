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
        of = fields.get
        return cls(
            of("PRETTY_NAME") or of("IMAGE_ID") or of("NAME") or of("ID") or None,
            of("IMAGE_VERSION") or of("VERSION") or of("VERSION_ID") or of("BUILD_ID") or None,
            of("IMAGE_ID") or of("ID") or None,
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
