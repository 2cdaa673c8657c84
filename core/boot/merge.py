"""One kernel reached in several ways is one entry that names its sources."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

from warmboot.core.boot.cmdline import split_words
from warmboot.core.boot.entry import Entry
from warmboot.core.boot.kernel_filenames import set_aside
from warmboot.core.boot.root import BootRoot
from warmboot.core.values import replace


def merge(root: BootRoot, entries: list[Entry]) -> list[Entry]:
    """Fold entries that say nothing new into the entry that says it already.

    `entries` come best source first. The same kernel is the same file (device and inode), or a
    copy under another name with equal release and size. Two entries of menus for one kernel stay
    two where they differ in command line, initrds, device tree, profile or in what is to be said
    of them; boot loader entries stay two always, as each of them has a name of its own.
    """
    kept: list[list[Entry]] = []
    by_file: dict[tuple[int, int], int] = {}
    by_release: dict[tuple[str, int], int] = {}
    by_meaning: dict[tuple[object, ...], int] = {}
    menus = any(entry.kind.rank and not entry.kind.files_only for entry in entries)
    for entry in entries:
        try:
            identity = root.identity(entry.kernel)
        except (OSError, ValueError):
            if not entry.kind.files_only:  # there, it is a link that leads nowhere
                kept.append([entry if entry.problem else replace(entry, problem=_missing(entry))])
            continue
        file = (identity.device, identity.inode)
        release = (entry.release or "", identity.size)
        meaning = (file, *_meaning(entry)) if menus else ()  # nothing else is compared by it
        if entry.kind.files_only:
            aside = set_aside(entry.kernel) or entry.problem is not None
            copy = entry.release is not None and not aside
            known = by_file.get(file, by_release.get(release) if copy else None)
        else:
            known = None if entry.kind.rank == 0 else by_meaning.get(meaning)
        if known is not None:
            kept[known].append(entry)
            by_file.setdefault(file, known)  # vmlinuz.old may be a link to this copy
            continue
        by_file.setdefault(file, len(kept))
        by_release.setdefault(release, len(kept))
        by_meaning.setdefault(meaning, len(kept))
        kept.append([entry])
    return [_with_notes(_joined(same), root) for same in kept]


def missing_files(entry: Entry, root: BootRoot) -> Iterator[str]:
    """Yield a phrase for each file beside the kernel that an entry names and that is not there."""
    named = [("initrd", path) for path in entry.initrds]
    named += [("device tree", entry.devicetree)] if entry.devicetree else []
    named += [("overlay", path) for path in entry.overlays]
    for what, path in named:
        if not root.exists(path):
            yield f"its {what} {path} is not there"


def _with_notes(entry: Entry, root: BootRoot) -> Entry:
    if entry.problem is not None:
        return entry
    notes = dict.fromkeys((*entry.notes, *missing_files(entry, root)))
    return replace(entry, notes=tuple(notes)) if len(notes) > len(entry.notes) else entry


def _meaning(entry: Entry) -> tuple[object, ...]:
    """Return what two entries for one kernel must share to be the same choice."""
    words = None if entry.cmdline is None else tuple(split_words(entry.cmdline))
    files = (entry.initrds, entry.devicetree, entry.overlays)
    return (words, *files, entry.profile, entry.problem, entry.notes)


def _joined(same: Sequence[Entry]) -> Entry:
    """Return the entry that stands for all of `same`: the first; others' names and notes stay."""
    first, *others = same
    if not others:
        return first
    names = [first.also, *((entry.title, entry.id, *entry.also) for entry in others)]
    also = dict.fromkeys(chain.from_iterable(names))
    giver = first
    if not first.initrds and first.kind.files_only:
        giver = next((entry for entry in others if entry.initrds), others[-1])
    return replace(
        first,
        sources=tuple(chain.from_iterable(entry.sources for entry in same)),
        also=tuple(name for name in also if name not in (first.title, first.id)),
        version=next((entry.version for entry in same if entry.version), None),
        release=next((entry.release for entry in same if entry.release), None),
        initrds=giver.initrds,
        initrd_reason=giver.initrd_reason,
        notes=tuple(dict.fromkeys(chain.from_iterable(entry.notes for entry in same))),
    )


def _missing(entry: Entry) -> str:
    return f"its kernel {entry.kernel} is not there"
