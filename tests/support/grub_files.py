"""Files as a GRUB script sees them, for tests: a dictionary, or the files of this machine."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path

from warmboot.core.boot.filesystems import By, Place
from warmboot.core.boot.grub.files import Facts, UndecidedError


class DictFiles:
    """Files by path, whatever file system is named; one that ends in ``/`` is a folder."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self.files = files

    def read(self, place: Place, *, menu: bool = False) -> str | None:
        del menu
        return self.files.get(place.path)

    def facts(self, place: Place) -> Facts | None:
        path = place.path.rstrip("/")
        if path == "" or f"{path}/" in self.files:
            return Facts(True, 0, 0)
        text = self.files.get(path)
        return None if text is None else Facts(False, len(text), len(path))

    def names(self, place: Place) -> Sequence[str]:
        folder = place.path.rstrip("/") + "/"
        return [path[len(folder) :] for path in self.files if path.startswith(folder)]

    def identity(self, place: Place) -> str:
        return place.path

    def uuid(self, place: Place) -> str | None:
        del place
        return None


class HostFiles(DictFiles):
    """This machine's files, as grub-emu sees them through its only device: without times."""

    def __init__(self) -> None:
        super().__init__({})

    @staticmethod
    def _path(place: Place) -> Path:
        if place.spec.by is By.DEVICE and place.spec.value != "host":
            raise UndecidedError(place.spec.value)
        return Path("/" + place.path.lstrip("/"))

    def read(self, place: Place, *, menu: bool = False) -> str | None:
        del menu
        path = self._path(place)
        return path.read_text() if path.is_file() else None

    def facts(self, place: Place) -> Facts | None:
        try:
            status = os.stat(self._path(place))
        except OSError:
            return None
        return Facts(stat.S_ISDIR(status.st_mode), status.st_size, None)

    def names(self, place: Place) -> Sequence[str]:
        try:
            return os.listdir(self._path(place))
        except OSError:
            return ()
