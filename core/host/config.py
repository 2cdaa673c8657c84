"""The running kernel's build options."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from warmboot.core.host.files import read_bytes

_LIMIT = 4 << 20


class BuildOptions(Mapping[str, str]):
    """The options that a kernel .config file sets, without their CONFIG_ prefix: KEXEC_FILE is y.

    A file has ten thousand lines and few are asked for, so each is looked for in the text.
    """

    def __init__(self, text: str) -> None:
        self._text = f"\n{text}\n"

    def __getitem__(self, name: str) -> str:
        mark = f"\nCONFIG_{name}="
        start = self._text.rfind(mark)
        if start < 0:
            raise KeyError(name)
        start += len(mark)
        return self._text[start : self._text.index("\n", start)].rstrip("\r").strip('"')

    def __iter__(self) -> Iterator[str]:
        for line in self._text.splitlines():
            name, equals, _ = line.partition("=")
            if equals and name.startswith("CONFIG_"):
                yield name.removeprefix("CONFIG_")

    def __len__(self) -> int:
        return sum(1 for _ in self)


def read_config(prefix: Path, release: str) -> BuildOptions | None:
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
        return BuildOptions(raw.decode("ascii", "replace"))
    return None
