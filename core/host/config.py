"""The running kernel's build options."""

from __future__ import annotations

import zlib
from pathlib import Path

from warmboot.core.host.files import read_bytes

_LIMIT = 4 << 20


def read_config(prefix: Path, release: str) -> dict[str, str] | None:
    """Return ``{"KEXEC_FILE": "y", …}`` of the running kernel, None where no source is readable.

    Looked at in order: /proc/config.gz, /boot/config-RELEASE, /usr/lib/modules/RELEASE/config.
    """
    for path in (
        prefix / "proc/config.gz",
        prefix / "boot" / f"config-{release}",
        prefix / "usr/lib/modules" / release / "config",
    ):
        raw = read_bytes(path, _LIMIT)
        if raw is None:
            continue
        if path.suffix == ".gz":
            try:
                raw = zlib.decompressobj(31).decompress(raw, _LIMIT)
            except zlib.error:
                continue
        return parse_config(raw.decode("ascii", "replace"))
    return None


def parse_config(text: str) -> dict[str, str]:
    """Return the options of a kernel .config file that are set, without their CONFIG_ prefix."""
    options = {}
    for line in text.splitlines():
        name, equals, value = line.partition("=")
        if equals and name.startswith("CONFIG_"):
            options[name.removeprefix("CONFIG_")] = value.strip('"')
    return options
