"""A UKI as systemd-stub(7) would put it together: profile, add-ons, their parts.

Source: systemd-stub(7) and the Unified Kernel Image specification. What the stub does beside
that, measuring every part into a PCR, cannot be done from here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from warmboot.core.errors import Blocked, NotFound
from warmboot.core.images.pe import Section
from warmboot.core.images.uki import Addon, Profile, Uki, split_sections
from warmboot.core.text import printable
from warmboot.core.values import dataclass


@dataclass(frozen=True)
class Part:
    """A section that is handed on; `file` is 0 for the UKI, else the number of the add-on."""

    file: int
    section: Section


@dataclass(frozen=True)
class UkiParts:
    """What the stub would start the kernel with. `initrds` in the order they are joined in.

    `cmdline` is that of the profile or the base, None where neither has one; `added` the words
    of the add-ons.
    """

    profile: Profile | None
    cmdline: str | None
    added: tuple[str, ...]
    initrds: tuple[Part, ...]
    devicetree: Part | None
    addons: int

    @property
    def initrd_bytes(self) -> int:
        """Size of all its initrds together."""
        return sum(part.section.size for part in self.initrds)


def combine(
    uki: Uki,
    addons: Sequence[tuple[str, Addon]],
    profile: str | None,
    fits: Callable[[Part], bool] = lambda _: False,
) -> UkiParts:
    """Return what `uki` starts with; `addons` are names and add-ons in the order of their names.

    `profile` is a profile's number or id; None for the first, as the stub has it. `fits` tells of
    a .dtbauto section whether it is for this board: the first that is goes before a .dtb. Raises
    NotFound for an unknown profile, Blocked where an add-on does not fit.
    """
    chosen = _choose(uki, profile)
    base, _ = split_sections(uki.headers.sections)
    own = {s.name: s for s in chosen.sections} if chosen else {}
    sections = {**base, **own}
    front: list[Part] = []
    behind: list[Part] = []
    trees = [Part(0, sections[".dtb"])] if ".dtb" in sections else []
    trees = [part for part in _automatic(uki, chosen) if fits(part)][:1] or trees
    added = []
    for number, (name, addon) in enumerate(addons, 1):
        if addon.architecture is not uki.architecture:
            raise Blocked(
                f"The add-on {printable(name)} is for {addon.architecture}, "
                f"the UKI for {uki.architecture}",
                hint="Leave it out with --no-addons, or name the add-ons with --addon.",
            )
        if addon.cmdline:
            added.append(addon.cmdline)
        for section in addon.headers.sections:
            if section.name == ".ucode":
                front.append(Part(number, section))
            elif section.name == ".initrd":
                behind.append(Part(number, section))
            elif section.name == ".dtb" or (
                section.name == ".dtbauto" and fits(Part(number, section))
            ):
                trees = [Part(number, section)]  # the last one stays, as with the stub
    inside = [Part(0, sections[name]) for name in (".ucode", ".initrd") if name in sections]
    return UkiParts(
        profile=chosen,
        cmdline=chosen.cmdline if chosen and chosen.cmdline is not None else uki.cmdline,
        added=tuple(added),
        initrds=tuple(part for part in (*front, *inside, *behind) if part.section.size),
        devicetree=trees[0] if trees else None,
        addons=len(addons),
    )


def _automatic(uki: Uki, chosen: Profile | None) -> list[Part]:
    """Return the .dtbauto sections of a profile, and those of the base behind them."""
    sections = uki.headers.sections
    base = next((n for n, s in enumerate(sections) if s.name == ".profile"), len(sections))
    candidates = (*(chosen.sections if chosen else ()), *sections[:base])
    return [Part(0, section) for section in candidates if section.name == ".dtbauto"]


def _choose(uki: Uki, wanted: str | None) -> Profile | None:
    if wanted is None:
        return uki.profiles[0] if uki.profiles else None
    for number, profile in enumerate(uki.profiles):
        if wanted in (str(number), profile.id):
            return profile
    known = ", ".join(f"{number} ({p.id})" for number, p in enumerate(uki.profiles))
    raise NotFound(
        f"The UKI has no profile {printable(wanted, 64)}",
        hint=f"It has {printable(known)}." if known else "It has no profiles at all.",
    )
