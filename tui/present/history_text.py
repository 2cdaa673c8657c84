"""What was done on a machine, in words: a line for each step, and the record of one."""

from __future__ import annotations

import json
from collections.abc import Sequence

from warmboot.core.record.history import Deed, Ending, Step
from warmboot.core.text import clock, duration, printable
from warmboot.tui.present.layout import Group, Item

_LINE = 65536  # characters: all of a command line
#: Endings that are said with their reason beside them.
_WITH_REASON = (Ending.REFUSED, Ending.FAILED, Ending.ELSEWHERE)


def step_row(step: Step) -> tuple[str, str, str, str]:
    """Return when it was, what was done, with which kernel, and how it ended."""
    ending = step.ending.value
    if step.ending in _WITH_REASON:
        ending = f"{ending}: {step.text}"
    if step.away is not None:
        ending = f"{ending}, away {duration(step.away)}"
    if step.trial is not None:
        ending = f"{ending}, {step.trial}"
    return clock(step.at), step.deed.value, kernels(step), ending


def step_line(step: Step) -> str:
    """Return a step as a line of a list: the day and minute, and the rest in columns."""
    when, deed, kernel, ending = step_row(step)
    return f" {when[:16]}  {deed:<9} {kernel}  {ending}"


def kernels(step: Step) -> str:
    """Return the kernel of a step; of a restart, what was left and what was to come."""
    staged = step.staged
    into = printable(staged.release or staged.kernel, 60) if staged is not None else ""
    if step.deed is not Deed.RESTART:
        return into or "-"
    return f"{printable(step.before or '?', 60)} > {into or '?'}"


def last_restarts(steps: Sequence[Step]) -> dict[str, str]:
    """Return what became of the last restart into each entry, by the entry's name."""
    found = {}
    for step in steps:
        if step.deed is Deed.RESTART and step.staged is not None and step.staged.entry:
            when, _, _, ending = step_row(step)
            found[step.staged.entry] = f"{when[:16]}, {ending}"
    return found


def record_groups(step: Step) -> tuple[Group, ...]:
    """Return all that is recorded of a step, and the journal's lines."""
    when, deed, kernel, _ = step_row(step)
    ended = step.ending.value if step.text == step.ending else f"{step.ending.value}: {step.text}"
    items = [Item("Step", deed), Item("Began", when), Item("Kernel", kernel), Item("Ended", ended)]
    if step.deed is Deed.RESTART:
        away = "not known" if step.away is None else duration(step.away)
        items.append(Item("Away", f"{away}, until the next kernel started"))
    groups = [Group("", tuple(items))]
    if step.staged is not None:
        staged = step.staged
        what = (
            Item("Entry", printable(staged.entry or "none, given by its path")),
            Item("Kernel", printable(staged.kernel)),
            Item("Initrd", printable(" + ".join(staged.initrds)) or "none, or inside the image"),
            Item("Line", printable(staged.cmdline, _LINE) or "(empty)"),
            Item("SHA-256", staged.sha256 or "not known: the file changed meanwhile"),
        )
        groups.append(Group("What was staged", what))
    lines = [Item(printable(str(one.get("event")), 13), json.dumps(one)) for one in step.record]
    groups.append(Group("In the journal", tuple(lines)))
    return tuple(groups)
