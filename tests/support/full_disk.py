"""A disk without space: every call that takes some fails, or one of them."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from typing import Any

import pytest

SIMULATOR = ("simulated-kernel", "/.warmboot-kernel/", "/machine/proc/", "/machine/sys/")


class Disk:
    """Makes the calls that take space fail: from the `first` one on, or only that one."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, first: int, *, only: bool) -> None:
        self.calls = 0
        self.failed: list[str] = []
        self._first, self._only = first, only
        self._forbid(monkeypatch, "write", lambda fd, *_: _name(fd))
        self._forbid(monkeypatch, "pwrite", lambda fd, *_: _name(fd))
        self._forbid(monkeypatch, "fsync", _name)
        self._forbid(monkeypatch, "sendfile", lambda fd, *_: _name(fd))
        self._forbid(monkeypatch, "mkdir", lambda path, *_, **more: _place(path, **more))
        self._forbid(monkeypatch, "replace", lambda _, path, **__: str(path))
        self._forbid(monkeypatch, "rename", lambda _, path, **more: _place(path, **more))
        self._forbid(monkeypatch, "memfd_create", lambda name, *_: str(name))
        self._forbid(monkeypatch, "open", _created)

    def _forbid(
        self, monkeypatch: pytest.MonkeyPatch, call: str, name: Callable[..., str | None]
    ) -> None:
        function = getattr(os, call)

        def run(*arguments: Any, **more: Any) -> Any:
            target = name(*arguments, **more)
            if target is not None and not any(part in target for part in SIMULATOR):
                self.calls += 1
                if self.calls == self._first or (self.calls > self._first and not self._only):
                    self.failed.append(f"{call} {target}")
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), target)
            return function(*arguments, **more)

        monkeypatch.setattr(os, call, run)


def _name(fd: int) -> str:
    return os.readlink(f"/proc/self/fd/{fd}")


def _created(path: Any, flags: int, *_: Any, **more: Any) -> str | None:
    """What open(2) would make; None where it makes nothing."""
    place = _place(path, **more)
    return place if flags & os.O_CREAT and not os.path.lexists(place) else None


def _place(path: Any, **more: Any) -> str:
    """Return the whole path of what is named in a folder that is held open."""
    folder = more.get("dir_fd", more.get("dst_dir_fd"))
    return str(path) if folder is None else os.path.join(_name(folder), path)
