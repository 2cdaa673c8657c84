"""What was done on a machine, in words: a line for each step, and the record of one."""

from __future__ import annotations

import json
from collections.abc import Sequence

from warmboot.core.record.history import Deed, Ending, Step
from warmboot.core.text import clock, duration, printable

_LAST = 3
#: Endings that are said with their reason beside them.
_WITH_REASON = (Ending.REFUSED, Ending.FAILED, Ending.ELSEWHERE)


def step_row(step: Step) -> tuple[str, str, str, str]:
    """Return when it was, what was done, with which kernel, and how it ended."""
    ending = step.ending.value
    if step.ending in _WITH_REASON:
        ending = f"{ending}: {step.text}"
    if step.away is not None:
        ending = f"{ending}, away {duration(step.away)}"
    return clock(step.at), step.deed.value, kernels(step), ending


def kernels(step: Step) -> str:
    """Return the kernel of a step; of a restart, what was left and what was to come."""
    staged = step.staged
    into = printable(staged.release or staged.kernel, 60) if staged is not None else ""
    if step.deed is not Deed.RESTART:
        return into or "-"
    return f"{printable(step.before or '?', 60)} > {into or '?'}"


def times_away(steps: Sequence[Step]) -> list[float]:
    """Return how long the last restarts that came up kept the machine away, in seconds."""
    found = [step.away for step in steps if step.ending is Ending.ARRIVED]
    return [away for away in found if away is not None][-_LAST:]


def away_text(steps: Sequence[Step]) -> str:
    """Say how long a restart will take, by those before; never more than they tell."""
    times = times_away(steps)
    if not times:
        return "not known: no restart by warmboot is recorded that came up"
    each = ", ".join(duration(away) for away in times)
    if len(times) == 1:
        return f"the last restart took {each} until the new kernel started"
    return f"the last {len(times)} restarts took {each} until the new kernel started"


def record_lines(step: Step) -> list[str]:
    """Return all that is recorded of a step, as labels and values, then the journal's lines."""
    when, deed, kernel, _ = step_row(step)
    rows = [("Step", deed), ("Began", when), ("Kernel", kernel)]
    rows.append(("Ended", f"{step.ending.value}: {step.text}"))
    if step.deed is Deed.RESTART:
        away = "not known" if step.away is None else duration(step.away)
        rows.append(("Away", f"{away} (until the next kernel started)"))
    if step.staged is not None:
        staged = step.staged
        rows += [
            ("Entry", printable(staged.entry or "none, given by its path")),
            ("File", printable(staged.kernel)),
            ("Initrd", printable(" + ".join(staged.initrds)) or "none, or inside the image"),
            ("Line", printable(staged.cmdline, 8192) or "(empty)"),
            ("SHA-256", staged.sha256 or "not known: the file changed meanwhile"),
        ]
    lines = [f"{label:<8} {value}" for label, value in rows]
    lines += ["", "In the journal"]
    for line in step.record:
        lines += [printable(json.dumps(line), 8192)]
    return lines
