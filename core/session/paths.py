"""What is there for a path that is being typed."""

from __future__ import annotations

import os
from itertools import islice

from warmboot.core.text import printable, shared_beginning
from warmboot.core.values import NamedTuple

_MOST = 4096


class Paths(NamedTuple):
    """`names` are what is there, folders with a slash at their end; `longest` is as much of a path
    as all of them share. `more`: the folder holds more than was looked at."""

    longest: str
    names: tuple[str, ...]
    more: bool = False


def complete_path(begun: str) -> Paths:
    """Return what a path that begins as `begun` may be; nothing where it cannot be read."""
    folder, slash, start = begun.rpartition("/")
    if not slash:
        return Paths(begun, ())
    try:
        with os.scandir(f"{folder}/") as entries:
            found = list(islice(entries, _MOST + 1))
    except (OSError, ValueError):
        return Paths(begun, ())
    names = sorted(
        f"{entry.name}/" if _is_folder(entry) else entry.name
        for entry in found[:_MOST]
        if entry.name.startswith(start)
        and (start or not entry.name.startswith("."))
        and printable(entry.name) == entry.name
    )
    longest = shared_beginning(names) or start
    return Paths(f"{folder}/{longest}", tuple(names), len(found) > _MOST)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False
