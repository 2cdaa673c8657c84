"""What one installed thing to boot is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """Where an entry comes from."""

    BLS = "BLS type 1"
    UKI = "BLS type 2"
    BOOT = "/boot"
    MODULES = "/usr/lib/modules"


@dataclass(frozen=True, slots=True)
class Entry:
    """A kernel with what belongs to it; paths are paths inside the boot root.

    `id` names the entry on the command line. `cmdline` is None where the place the entry comes
    from states none; then the running kernel's command line is the natural choice. `sources`
    names every file or folder that led to this kernel. `problem` says why the entry cannot be
    used as it stands.
    """

    id: str
    title: str
    kind: Kind
    kernel: str
    version: str | None = None
    initrds: tuple[str, ...] = ()
    cmdline: str | None = None
    devicetree: str | None = None
    machine_id: str | None = None
    sort_key: str | None = None
    sources: tuple[str, ...] = ()
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Looked:
    """A place that was searched and what came of it (``found 3``, ``not there``, …)."""

    place: str
    result: str


@dataclass(frozen=True, slots=True)
class Listing:
    """All entries of a boot root, best first, and every place that was searched."""

    entries: tuple[Entry, ...]
    looked: tuple[Looked, ...]
