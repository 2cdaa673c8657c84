"""Which entry runs now, which starts by itself, and which starts the next time only."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

from warmboot.core.boot.cmdline import parse, reusable, split_words
from warmboot.core.boot.entry import BootLoader, Entry, Kind, LoaderDefault
from warmboot.core.boot.loadervars import Running

_PATTERN_LIMIT = 256


def mark(
    entries: Sequence[Entry], preferences: Sequence[LoaderDefault], running: Running | None
) -> list[Entry]:
    """Return the entries, at most one of each marked as running, default and next."""
    preference = in_charge(preferences, running)
    default = _default(entries, preference) if preference else None
    once = _find(entries, preference.once) if preference and preference.once else None
    now = _running(entries, running) if running else None
    marked = list(entries)
    for index in {index for index in (now, default, once) if index is not None}:
        marked[index] = replace(
            entries[index], running=index == now, default=index == default, next=index == once
        )
    return marked


def in_charge(
    preferences: Sequence[LoaderDefault], running: Running | None
) -> LoaderDefault | None:
    """Return the preference of the boot loader that started the machine, else the likeliest.

    loader.conf is written for systemd-boot alone, so it is asked first.
    """
    info = (running.variables.info if running else None) or ""
    for preference in preferences:
        if info.startswith(preference.loader.value):
            return preference
    ranks = list(BootLoader)
    return min(preferences, key=lambda p: ranks.index(p.loader), default=None)


def _default(entries: Sequence[Entry], preference: LoaderDefault) -> int | None:
    for wanted in preference.default:
        index = _find(entries, wanted)
        if index is not None:
            return index
    if preference.loader is not BootLoader.SYSTEMD_BOOT:
        return None
    usable = (i for i, e in enumerate(entries) if e.kind in (Kind.BLS, Kind.UKI) and not e.bad)
    return next(usable, None)


def _find(entries: Sequence[Entry], wanted: str) -> int | None:
    """Return the first entry with this source, or whose id the glob fits (in any case)."""
    for index, entry in enumerate(entries):
        if wanted in entry.sources:
            return index
    pattern = wanted[:_PATTERN_LIMIT].lower()
    if pattern.count("*") > 8:
        return None
    for index, entry in enumerate(entries):
        if entry.kind in (Kind.BLS, Kind.UKI) and _fits(entry.id.lower(), pattern):
            return index
    return None


def _fits(name: str, pattern: str) -> bool:
    return fnmatchcase(name, pattern) or fnmatchcase(f"{name}.conf", pattern)


def _running(entries: Sequence[Entry], running: Running) -> int | None:
    """Return the entry that fits what runs now best, None where none fits.

    What the boot loader said it selected counts only where the release agrees: the variable
    survives a kexec. Then the command line decides, then the file in BOOT_IMAGE=.
    """
    selected = running.variables.selected
    image = next((w.value for w in parse(running.cmdline) if w.name == "BOOT_IMAGE"), None)
    line = sorted(split_words(reusable(running.cmdline)))
    best: tuple[int, int] | None = None
    for index, entry in enumerate(entries):
        # A release that an entry does not state may still be the one that runs.
        if entry.version not in (running.release, None):
            continue
        score = 0
        if selected and selected.lower() in (entry.id.lower(), f"{entry.id}.conf".lower()):
            score += 4
        elif entry.version is None:
            continue
        if entry.cmdline is not None and sorted(split_words(reusable(entry.cmdline))) == line:
            score += 2
        if image and posixpath.basename(image) == posixpath.basename(entry.kernel):
            score += 1
        if best is None or score > best[0]:
            best = (score, index)
    return best[1] if best else None
