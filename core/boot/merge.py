"""One kernel reached in several ways is one entry that names its sources."""

from __future__ import annotations

from dataclasses import replace

from warmboot.core.boot.cmdline import split_words
from warmboot.core.boot.entry import Entry
from warmboot.core.boot.root import BootRoot


def merge(root: BootRoot, entries: list[Entry]) -> list[Entry]:
    """Fold entries that say nothing new into the entry that says it already.

    `entries` come best source first. The same kernel is the same file (device and inode), or a
    copy under another name with equal release and size. Two boot loader entries for one kernel
    stay two where they differ in command line, initrds, device tree or profile.
    """
    kept: list[Entry] = []
    by_file: dict[tuple[int, int], int] = {}
    by_release: dict[tuple[str, int], int] = {}
    by_meaning: dict[tuple[object, ...], int] = {}
    for entry in entries:
        try:
            identity = root.identity(entry.kernel)
        except (OSError, ValueError):
            if not entry.kind.files_only:  # there, it is a link that leads nowhere
                kept.append(entry if entry.problem else replace(entry, problem=_missing(entry)))
            continue
        file = (identity.device, identity.inode)
        release = (entry.version or "", identity.size)
        meaning = (file, *_meaning(entry))
        if entry.kind.files_only:
            known = by_file.get(file, by_release.get(release) if entry.version else None)
        else:
            known = by_meaning.get(meaning)
        if known is not None:
            kept[known] = _absorb(kept[known], entry)
            continue
        by_file.setdefault(file, len(kept))
        by_release.setdefault(release, len(kept))
        by_meaning.setdefault(meaning, len(kept))
        kept.append(entry)
    return kept


def _meaning(entry: Entry) -> tuple[object, ...]:
    """Return what two entries for one kernel must share to be the same choice."""
    words = None if entry.cmdline is None else tuple(split_words(entry.cmdline))
    return (words, entry.initrds, entry.devicetree, entry.overlays, entry.profile, entry.problem)


def _absorb(first: Entry, second: Entry) -> Entry:
    adopt = not first.initrds and first.kind.files_only
    return replace(
        first,
        sources=(*first.sources, *second.sources),
        version=first.version or second.version,
        initrds=second.initrds if adopt else first.initrds,
        initrd_reason=second.initrd_reason if adopt else first.initrd_reason,
    )


def _missing(entry: Entry) -> str:
    return f"its kernel {entry.kernel} is not there"
