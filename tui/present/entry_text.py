"""Entries as text: a row of the list, and all that is known about one."""

from __future__ import annotations

from typing import NamedTuple

from warmboot.core.boot import Listing
from warmboot.core.boot.listed_entry import ListedEntry
from warmboot.core.images import Fact
from warmboot.core.images.uki import Uki
from warmboot.core.text import printable
from warmboot.tui.present.styled import Styled


class EntryDetails(NamedTuple):
    """What reading the whole of an entry's kernel showed: facts, or why it failed."""

    facts: tuple[Fact, ...]
    problem: str | None
    sha256: str | None = None


def prompt(row: ListedEntry, details: EntryDetails | None, *, staged: bool) -> str:
    """Return two lines: the title with its marks, then version, format and architecture.

    ``*`` marks the kernel that runs now, ``S`` what is staged, ``d`` the default, ``n`` what comes
    next, ``!`` what cannot be used. The first column is the cursor's.
    """
    entry, image = row.entry, row.image
    version = entry.release or entry.version or (image.release if image else None) or ""
    bad = row.obstacle or (details is not None and details.problem)
    mark = (
        "!" if bad else "S" if staged else "*" if entry.running else
        "n" if entry.next else "d" if entry.default else " "
    )  # fmt: skip
    about = (
        f"cannot start here: {row.obstacle}" if row.obstacle else
        f"{image.format} {image.architecture or ''}" if image else
        "cannot be read" if row.read else "not read yet"
    )  # fmt: skip
    return f" {mark} {printable(entry.title, 60)}\n   {printable(version, 40)}  {about}"


def details_text(row: ListedEntry, details: EntryDetails | None) -> Styled:
    """Return everything known about an entry, the verdict first, a line for each fact."""
    entry, image = row.entry, row.image
    facts = [Fact("Entry", entry.id), *_verdict(row, details), Fact("Title", entry.title)]
    facts.append(Fact("Kernel", printable(entry.kernel)))
    facts.append(Fact("Initrd", _initrd(row)))
    line = entry.cmdline if entry.cmdline is not None else "that of the running kernel"
    facts.append(Fact("Command line", printable(line, 4096) or "empty"))
    if image is not None:
        facts += image.describe()
    if entry.also:
        facts.append(Fact("Also called", ", ".join(entry.also)))
    facts += [Fact("Note", note) for note in entry.notes]
    facts.append(Fact("Found in", " ".join(entry.sources)))
    parts: Styled = []
    for fact in facts:
        parts += [(f"{fact.label}: ", "bold"), f"{fact.value}\n"]
    return parts


def searched_text(listing: Listing) -> str:
    """Return what to say when nothing was found: every place, what came of it, what to do."""
    width = max((len(one.place) for one in listing.searched), default=0)
    return "\n".join(
        (
            "No boot images found. Looked in:",
            "",
            *(f"  {one.place:<{width}}  {one.result}" for one in listing.searched),
            "",
            "Is /boot mounted? warmboot --root DIR looks below DIR;",
            "warmboot stage --kernel FILE takes any kernel by its path.",
        )
    )


def _verdict(row: ListedEntry, details: EntryDetails | None) -> list[Fact]:
    """Return the lines that say whether the image is sound, as far as it is known yet."""
    against = [Fact("CANNOT START", row.obstacle)] if row.obstacle else []
    if row.problem:
        return against
    if details is not None:
        damage = [Fact("DAMAGED", details.problem)] if details.problem else details.facts
        return [*against, *damage]
    if row.image is not None and row.image.stream is not None:
        return [*against, Fact("Unpacked", "being checked")]
    return against


def _initrd(row: ListedEntry) -> str:
    if row.entry.initrds:
        return printable(" + ".join(row.entry.initrds))
    if isinstance(row.image, Uki):
        return "inside the image" if row.image.initrd_section else "none"
    return "none named"
