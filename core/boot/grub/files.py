"""How a GRUB script sees files: on devices that it names in its own way."""

from __future__ import annotations

from collections.abc import Sequence

from warmboot.core.boot.filesystems import Place
from warmboot.core.hints import Protocol
from warmboot.core.values import NamedTuple


class UndecidedError(Exception):
    """Something that only a running GRUB knows; the text says what."""


class Facts(NamedTuple):
    """What ``test`` asks of a file: `size` in bytes, `changed` in seconds since the epoch.

    `changed` is None where the file system keeps no times, or GRUB does not read them.
    """

    folder: bool
    size: int
    changed: int | None


class Files(Protocol):
    """What the interpreter needs; each method raises UndecidedError where it cannot be told."""

    def read(self, place: Place, *, menu: bool = False) -> str | None:
        """Return a file's text, None where there is none; a `menu` is listed once only.

        A file in an image that is no menu is that of the root: systems whose root is such an image
        read their settings so.
        """

    def facts(self, place: Place) -> Facts | None:
        """Return what a file is, None where there is none."""

    def names(self, place: Place) -> Sequence[str]:
        """Return the names in a folder."""

    def identity(self, place: Place) -> str:
        """Return one name for a file, however it is reached."""

    def uuid(self, place: Place) -> str | None:
        """Return the UUID of a file system, None where it is not known."""
