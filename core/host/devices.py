"""The devices of /sys: what a device stands on, up to the bus, and the drivers that run them.

Source: Documentation/admin-guide/sysfs-rules.rst; Documentation/ABI/testing/sysfs-uevent.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from pathlib import Path

from warmboot.core.host.files import names, read_text
from warmboot.core.rooted import link_target, link_text
from warmboot.core.values import NamedTuple

_DEPTH = 64  # folders; real paths have about 20
_LIMIT = 4096


class Device(NamedTuple):
    """A device that a driver runs. `modalias` is what modules are looked for by, None without.

    `driver` is the driver's name on its bus; `module` the module that holds it, None where the
    kernel does not say (a driver that is built in and has no parameters).
    """

    name: str
    modalias: str | None
    driver: str
    module: str | None


class Sysfs:
    """The devices below `prefix`; paths are written from there: ``sys/devices/…``."""

    def __init__(self, prefix: Path) -> None:
        self._prefix = prefix

    def folder(self, path: str) -> str | None:
        """Return the folder of /sys/devices that a link leads to, itself for a folder, else None.

        Links of sysfs are relative; one that leads elsewhere counts as none.
        """
        target = link_text(self._prefix / path)
        if target is None:
            return path if (self._prefix / path).is_dir() else None
        found = posixpath.normpath(posixpath.join("/", posixpath.dirname(path), target))
        found = found.lstrip("/")
        inside = found.startswith("sys/devices/")
        return found if inside and (self._prefix / found).is_dir() else None

    def link(self, path: str) -> str | None:
        """Return the last part of where a link leads, None where it is none."""
        return link_target(self._prefix / path) or None

    def text(self, path: str) -> str | None:
        """Return what a file says, None where it is not readable."""
        return read_text(self._prefix / path, _LIMIT)

    def names(self, path: str) -> list[str]:
        """Return the names in a folder, sorted."""
        return names(self._prefix / path)

    def uevent(self, path: str) -> dict[str, str]:
        """Return the KEY=value lines of a device's uevent file."""
        lines = (self.text(f"{path}/uevent") or "").splitlines()
        return dict(line.split("=", 1) for line in lines if "=" in line)

    def suppliers(self, folder: str) -> Iterator[str]:
        """Yield the folders of the devices that a device waits for, and those that these wait for.

        Regulators, clocks and the like; see Documentation/driver-api/device_link.rst.
        """
        waiting, seen = [folder], set[str]()
        while waiting and len(seen) < _DEPTH:
            one = waiting.pop(0)
            for _ in range(_DEPTH):
                if not one.startswith("sys/devices/"):
                    break
                for name in self.names(one):
                    if not name.startswith("supplier:"):
                        continue
                    link = self.folder(f"{one}/{name}")
                    found = None if link is None else self.folder(f"{link}/supplier")
                    if found is not None and found not in seen and len(seen) < _DEPTH:
                        seen.add(found)
                        waiting.append(found)
                        yield found
                one = posixpath.dirname(one)

    def above(self, folder: str) -> Iterator[Device]:
        """Yield the devices from `folder` up to the bus that have a driver, nearest first."""
        for _ in range(_DEPTH):
            if not folder.startswith("sys/devices/"):
                return
            driver = self.link(f"{folder}/driver")
            if driver is not None:
                modalias = self.text(f"{folder}/modalias") or None
                module = self.link(f"{folder}/driver/module")
                yield Device(posixpath.basename(folder), modalias, driver, module)
            folder = posixpath.dirname(folder)
