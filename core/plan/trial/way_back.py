"""Which kernel a reset leads to: firmware's choice, then the boot loader's, predicted.

It is the boot loader's next choice or its default, not the kernel that one came from. Where that is
not the one that runs now, a choice for the next start only is set before the jump.
"""

from __future__ import annotations

from warmboot.core.boot.entry import Entry, Kind
from warmboot.core.boot.loadervars import LoaderVariables
from warmboot.core.host.firmware import Firmware
from warmboot.core.plan.trial.trial import Choice, OneShot, WayBack
from warmboot.core.text import printable
from warmboot.core.values import NamedTuple

_BLS = (Kind.BLS, Kind.UKI)


class BootFacts(NamedTuple):
    """What firmware and boot loader start, as far as this system can tell.

    `grub_once`: the path of GRUB's environment block, where its menu honours next_entry.
    """

    entries: tuple[Entry, ...]
    firmware: Firmware
    variables: LoaderVariables
    grub_once: str | None = None


def predict(facts: BootFacts) -> WayBack:
    """Return what a reset leads to, and which choices make it the kernel that runs now."""
    steps: list[str] = []
    choices: list[Choice] = []
    problem = _firmware(facts.firmware, steps, choices) or _loader(facts, steps, choices)
    if problem is not None:
        return WayBack(False, problem, tuple(steps))
    running = next(entry for entry in facts.entries if entry.running)
    name = printable(running.title, 80)
    if choices:
        kinds = " and ".join(choice.kind for choice in choices)
        text = f"to {name}, which runs now, by {kinds} for the next start only"
    else:
        text = f"to {name}, which runs now"
    return WayBack(True, text, tuple(steps), tuple(choices))


def _firmware(firmware: Firmware, steps: list[str], choices: list[Choice]) -> str | None:
    """Add what firmware does; return why that is no way back."""
    if not firmware.efi:
        steps.append("firmware: no UEFI variables; it is taken to start the boot loader as before")
        return None
    current, first = firmware.current, firmware.first
    if current is None:
        return "firmware does not say which boot entry it started (BootCurrent)"
    if firmware.next is not None and firmware.next != current:
        steps.append(f"firmware: BootNext is Boot{firmware.next:04X}")
        return (
            f"firmware would start Boot{firmware.next:04X} (BootNext), not Boot{current:04X}, "
            "which started this system"
        )
    if first != current:
        shown = "nothing" if first is None else f"Boot{first:04X}"
        steps.append(
            f"firmware: BootOrder begins with {shown}; BootNext makes it Boot{current:04X}"
        )
        choices.append(Choice(OneShot.BOOT_NEXT, f"{current:04X}"))
    else:
        steps.append(f"firmware: Boot{current:04X}, as before")
    return None


def _loader(facts: BootFacts, steps: list[str], choices: list[Choice]) -> str | None:
    """Add what the boot loader does; return why that is no way back."""
    chosen = next((entry for entry in facts.entries if entry.next), None)
    how = "chosen for the next start"
    if chosen is None:
        chosen = next((entry for entry in facts.entries if entry.default), None)
        how = "its default"
    running = next((entry for entry in facts.entries if entry.running), None)
    shown = "not known" if chosen is None else f"{printable(chosen.title, 80)} ({how})"
    steps.append(f"boot loader: {shown}")
    if running is None:
        return "it is not known which entry the running kernel is, so no reset leads to it for sure"
    if running.kind.files_only:
        return "the running kernel has no entry in a boot loader's menu"
    if running.problem is not None or running.bad:
        why = running.problem or "boot counting has given it up"
        return f"the entry of the running kernel cannot be started: {why}"
    if chosen is running:
        return None
    if chosen is not None and chosen.next:
        return f"somebody chose {printable(chosen.title, 80)} for the next start"
    choice = _one_shot(facts, running)
    if choice is None:
        return (
            f"the boot loader would start {shown}, not {printable(running.title, 80)}, and it is "
            "not known how to choose for its next start only"
        )
    steps.append(f"boot loader: {choice.kind} makes it {printable(running.title, 80)}")
    choices.append(choice)
    return None


def _one_shot(facts: BootFacts, running: Entry) -> Choice | None:
    info = facts.variables.info or ""
    if info.startswith("systemd-boot") and running.kind in _BLS and facts.firmware.efi:
        return Choice(OneShot.LOADER_ENTRY, running.id)
    if facts.grub_once is None or running.kind not in (Kind.GRUB, Kind.BLS):
        return None
    for source in running.sources:
        menu, mark, position = source.rpartition("#")
        if mark and menu.endswith("grub.cfg") and position.replace(">", "").isdigit():
            return Choice(OneShot.GRUB, position)
    return (
        Choice(OneShot.GRUB, running.id.removesuffix(".conf")) if running.kind is Kind.BLS else None
    )
