"""One kernel reached in several ways is one entry that names its sources."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

from warmboot.core.boot.cmdline import split_words
from warmboot.core.boot.entry import Entry
from warmboot.core.boot.kernel_filenames import set_aside
from warmboot.core.boot.root import BootRoot
from warmboot.core.errors import WarmbootError
from warmboot.core.images.compression import detect_method
from warmboot.core.images.model import Method
from warmboot.core.values import replace

_END = 4096  # bytes; a check sum alone is the same for all that end in one of their own


def merge(root: BootRoot, entries: list[Entry]) -> list[Entry]:
    """Fold entries that say nothing new into the entry that says it already.

    `entries` come best source first. The same kernel is the same file (device and inode), or a
    copy under another name with equal release and size. Where a header tells no release, a copy has
    the same size and end, and its name may tell it (kernel8.img of a Raspberry Pi). Two entries of
    menus for one kernel stay two where they differ in command line, initrds, device tree, profile
    or in what is to be said of them; boot loader entries stay two always, as each of them has a
    name of its own.
    """
    kept: list[list[Entry]] = []
    by_file: dict[tuple[int, int], int] = {}
    by_release: dict[tuple[str, int], int] = {}
    by_meaning: dict[tuple[object, ...], int] = {}
    copies = _Copies(root)
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
            if known is None and copy:
                known = copies.find(entry, identity.size)
        else:
            known = None if entry.kind.rank == 0 else by_meaning.get(meaning)
        if known is not None:
            kept[known].append(entry)
            by_file.setdefault(file, known)  # vmlinuz.old may be a link to this copy
            continue
        by_file.setdefault(file, len(kept))
        by_release.setdefault(release, len(kept))
        by_meaning.setdefault(meaning, len(kept))
        if entry.release is None and not entry.kind.files_only and not entry.problem:
            copies.add(entry, identity.size, len(kept))
        kept.append([entry])
    return [_with_notes(_joined(same), root) for same in kept]


class _Copies:
    """Kernels that tell no release, by their size and their end: the last of a gzip stream with the
    CRC-32 and the length of what it holds (RFC 1952)."""

    def __init__(self, root: BootRoot) -> None:
        self.root = root
        self.waiting: dict[int, list[tuple[Entry, int]]] = {}
        self.known: dict[tuple[int, bytes], int] = {}
        self.sizes: set[int] = set()  # of those in `known`

    def add(self, entry: Entry, size: int, number: int) -> None:
        """Note the kernel of entry `number`; it is read where another of its size is there."""
        self.waiting.setdefault(size, []).append((entry, number))

    def find(self, entry: Entry, size: int) -> int | None:
        """Return the first entry whose kernel this one is a copy of, None without one."""
        for other, number in self.waiting.pop(size, ()):
            end = self._end(other.kernel)
            if end is not None:
                self.known.setdefault((size, end), number)
                self.sizes.add(size)
        end = self._end(entry.kernel) if size in self.sizes else None
        return None if end is None else self.known.get((size, end))

    def _end(self, kernel: str) -> bytes | None:
        try:
            with self.root.open(kernel) as file:
                if detect_method(file.view.read(0, 9, "magic number")) is not Method.GZIP:
                    return None
                count = min(file.view.size, _END)
                return file.view.read(file.view.size - count, count, "end")
        except WarmbootError:
            return None


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
