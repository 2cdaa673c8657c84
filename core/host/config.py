"""The running kernel's build options."""

from __future__ import annotations

import functools
from collections.abc import ItemsView, Iterator, Mapping
from pathlib import Path

from warmboot.core.host.files import read_bytes

_LIMIT = 4 << 20
_MARK = "\nCONFIG_"
_FEW = 64  # options; to look for more, one by one, takes longer than to read all


class BuildOptions(Mapping[str, str]):
    """The options that a kernel .config file sets, without their CONFIG_ prefix: KEXEC_FILE is y.

    A file has ten thousand lines. The first few options are looked for in the text, and kept; all
    of them are read, once, where more are asked for.
    """

    def __init__(self, text: str) -> None:
        self._text = f"\n{text}\n"
        self._asked: dict[str, str | None] = {}

    def __getitem__(self, name: str) -> str:
        if len(self._asked) == _FEW:
            return self._all[name]
        if name not in self._asked:
            self._asked[name] = self._find(name)
        value = self._asked[name]
        if value is None:
            raise KeyError(name)
        return value

    def _find(self, name: str) -> str | None:
        mark = f"{_MARK}{name}="
        start, after = -1, self._text.find(mark)
        while after >= 0:  # the last line counts; rfind takes twice as long as this
            start = after + len(mark)
            after = self._text.find(mark, start)
        if start < 0:
            return None
        return _value(self._text[start : self._text.index("\n", start)])

    def same_as(self, other: object) -> bool:
        """Whether another file says the same, word for word; no option is looked for."""
        return isinstance(other, BuildOptions) and self._text == other._text

    def __bool__(self) -> bool:
        return _MARK in self._text

    def __iter__(self) -> Iterator[str]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)

    def items(self) -> ItemsView[str, str]:
        """Return names and values, all read in one go."""
        return self._all.items()

    @functools.cached_property
    def _all(self) -> dict[str, str]:
        found = (text.partition("=") for text in self._text.split(_MARK))
        return {
            name: value if value in ("y", "m") else _value(value.split("\n", 1)[0])
            for name, equals, value in found
            if equals and "\n" not in name
        }


def _value(text: str) -> str:
    return text.rstrip("\r").strip('"')


def read_config(prefix: Path, release: str) -> BuildOptions | None:
    """Return ``{"KEXEC_FILE": "y", …}`` of the running kernel, None where no source is readable.

    Looked at in order: /proc/config.gz, /boot/config-RELEASE, /usr/lib/modules/RELEASE/config.
    """
    for path in (
        prefix / "proc/config.gz",
        prefix / "boot" / f"config-{release}",
        prefix / "usr/lib/modules" / release / "config",
    ):
        raw = read_bytes(path, _LIMIT + 1)
        if raw is None:
            continue
        if path.suffix == ".gz":
            import zlib

            try:
                raw = zlib.decompressobj(31).decompress(raw, _LIMIT + 1)
            except zlib.error:
                continue
        if len(raw) > _LIMIT:
            continue  # of a part nothing is known
        return BuildOptions(raw.decode("ascii", "replace"))
    return None
