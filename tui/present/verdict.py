"""The verdict on an entry in few words: can this machine start it now?"""

from __future__ import annotations

from warmboot.core.boot.listed_entry import ListedEntry
from warmboot.core.enumeration import StrEnum
from warmboot.core.values import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:  # the list is there before either is found out
    from warmboot.core.plan.startable import Standing
    from warmboot.core.session.images import EntryReading


class Known(NamedTuple):
    """What was found out about an entry beyond its header; None where nobody looked yet.

    `damage` says why its kernel could not be read to the end, `no_plan` why there can be no plan;
    `last` is what became of the last restart into it.
    """

    standing: Standing | None = None
    reading: EntryReading | None = None
    damage: str | None = None
    no_plan: str | None = None
    last: str | None = None

    @property
    def read(self) -> bool:
        """Whether all of the kernel was read, or could not be."""
        return self.reading is not None or self.damage is not None

    @property
    def sha256(self) -> str | None:
        """The digest of the kernel, unpacked where it is compressed; None where it is not known."""
        payload = self.reading.payload if self.reading else None
        return payload.sha256 if payload else None


class Level(StrEnum):
    """How much stands against an entry."""

    LOOKING = "looking"
    READY = "ready"
    NOTES = "notes"
    CANNOT = "cannot"


class Verdict(NamedTuple):
    """What a list says: `level` for whoever draws it, `text` for whoever reads it."""

    level: Level
    text: str


def verdict(row: ListedEntry, known: Known) -> Verdict:
    """Return the worst that is known of an entry."""
    standing = known.standing
    against = (
        row.brief if row.obstacle else
        "damaged" if known.damage else
        "no plan" if known.no_plan else
        standing.brief if standing else None
    )  # fmt: skip
    if against:
        return Verdict(Level.CANNOT, f"no: {against}")
    if not row.read or standing is None:
        return Verdict(Level.LOOKING, "not looked at yet")
    if not known.read and row.image is not None:
        return Verdict(Level.LOOKING, "being read")
    count = len(standing.notes) + len(initrd_notes(known))
    if count:
        return Verdict(Level.NOTES, f"ready, {count} to know")
    return Verdict(Level.READY, "ready")


def initrd_notes(known: Known) -> list[str]:
    """Return what reading the initrds showed that an operator should know."""
    initrds = known.reading.initrds if known.reading else ()
    return [one.warning for one in initrds if one.warning]
