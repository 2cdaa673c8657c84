"""Which entry runs now, by everything that the running system tells of itself."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Sequence

from warmboot.core.boot.cmdline import Word, parse, reusable, split_words
from warmboot.core.boot.entry import Entry, Kind
from warmboot.core.boot.loadervars import Running
from warmboot.core.values import NamedTuple

#: Words that name one deployment of an image-based system, which no other entry has.
_DEPLOYMENT = ("ostree", "composefs", "init")


class _Evidence(NamedTuple):
    """What is known of the running kernel, parsed once."""

    release: str
    selected: str | None
    image: str | None
    profile: str | None
    line: list[str]
    deployment: tuple[str, ...]
    images: frozenset[str]


def running_entry(
    entries: Sequence[Entry], running: Running, banner: Callable[[Entry], str | None]
) -> int | None:
    """Return the entry that fits what runs now best, None where none fits or several do alike.

    The release decides who may be it, and where both say it, the deployment (``ostree=``). Then
    counts which entry a kexec went into, where that was recorded; else what the boot loader said
    it selected and which UKI its stub is in, though these survive a kexec; the command line, which
    does not; and the file in BOOT_IMAGE=. `banner` is asked for an entry's
    kernel where two builds of one release are left. An entry that fits by its release alone must
    be the only one.
    """
    evidence = _collect(running)
    scores = [_score(entry, evidence) for entry in entries]
    best = max((score for score in scores if score is not None), default=None)
    alike = [index for index, score in enumerate(scores) if score is not None and score == best]
    if len({entries[index].kernel for index in alike}) > 1 and running.build:
        built = [i for i in alike if running.build in (banner(entries[i]) or "")]
        if built:
            return built[0]
    if not alike or (best == 0 and len(alike) > 1):
        return None
    return alike[0]


def _collect(running: Running) -> _Evidence:
    words = parse(running.cmdline)
    images = {w.value.rpartition(")")[2] for w in words if w.key == "BOOT_IMAGE" and w.value}
    variables = running.variables
    selected = running.started or variables.selected
    return _Evidence(
        running.release,
        selected.lower() if selected else None,
        variables.image.lower() if variables.image and not running.started else None,
        variables.profile,
        _line(running.cmdline),
        _deployment(words),
        frozenset(images),
    )


def _score(entry: Entry, running: _Evidence) -> int | None:
    """Return how well an entry fits, None where it cannot be what runs."""
    # A release that an entry does not state may still be the one that runs.
    if entry.release not in (running.release, None):
        return None
    score = 0
    if entry.cmdline is not None:
        deployment = _deployment(parse(entry.cmdline))
        if deployment and running.deployment and deployment != running.deployment:
            return None
        if deployment and deployment == running.deployment:
            score += 8
        if _line(entry.cmdline) == running.line:
            score += 5
    if _is_named(entry, running):
        score += 4
    elif entry.release is None and score < 5:
        return None
    kernels = {entry.kernel, *entry.sources}
    if running.images & kernels:
        score += 2
    elif {*map(posixpath.basename, running.images)} & {*map(posixpath.basename, kernels)}:
        score += 1
    return score


def _is_named(entry: Entry, running: _Evidence) -> bool:
    """Whether an entry is the one that was selected, or the UKI whose stub says that it runs."""
    if running.selected in (entry.id.lower(), entry.id.lower().removesuffix(".conf")):
        return True
    if entry.kind is not Kind.UKI or running.image is None:
        return False
    same = running.profile is None or str(entry.profile) == running.profile
    return same and entry.image.lower().endswith(running.image)


def _line(cmdline: str) -> list[str]:
    return sorted(split_words(reusable(cmdline)))


def _deployment(words: Iterable[Word]) -> tuple[str, ...]:
    """Return the words that name a deployment, without what changes when others come and go.

    OSTree's is ``/ostree/boot.VERSION/OS/CHECKSUM/SERIAL``; entries are written anew with the other
    version whenever a deployment is added, while the system runs on under the old one.
    """
    found = []
    for word in words:
        if word.key not in _DEPLOYMENT or not word.value:
            continue
        parts = word.value.split("/")
        if word.key == "ostree" and len(parts) > 2 and parts[2].startswith("boot."):
            parts[2] = "boot"
        if word.key == "init" and "store" not in parts:
            continue  # /bin/sh is no deployment
        found.append(f"{word.key}={'/'.join(parts)}")
    return tuple(sorted(found))
