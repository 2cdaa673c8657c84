"""A plan as text: what is chosen, what stands against it, what would be done and why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from warmboot.core.boot.cmdline import parse
from warmboot.core.boot.entry import Entry
from warmboot.core.boot.presets import Preset, active
from warmboot.core.plan.checks.base import Verdict
from warmboot.core.plan.plan import Plan
from warmboot.core.text import duration, plural, printable
from warmboot.tui.present.finding_text import count_text, finding_text, worst_first
from warmboot.tui.present.layout import Group, Item, Line

COLUMN = 9
_STEPS = ("choose", "plan", "stage", "restart")


def plan_rows(plan: Plan) -> list[tuple[str, str]]:
    """Return what is chosen and how it would be loaded, as labels and values."""
    files = plan.files
    release = f" ({plan.image.release})" if plan.image.release else ""
    rows = [
        ("Kernel", f"{files.kernel}{release}"),
        ("Initrd", initrd_text(plan)),
        ("Command line", f"{plan.cmdline.text or '(empty)'}"),
        ("", plan.cmdline.origin.value),
        ("Method", f"{plan.strategy.value}: {plan.why}"),
    ]
    if plan.call is not None:
        rows.append(("Loader", f"{plan.loader}: {plan.why_loader}"))
    rows += [("", f"not {other.loader}: {other.why_not}") for other in plan.other_loaders]
    if plan.devicetree is not None:
        rows.append(("Device tree", plan.devicetree))
    return rows


def initrd_text(plan: Plan) -> str:
    """Return the paths of the initrds, or where else there is one."""
    initrds = plan.files.initrds
    return "inside the image" if initrds is None else " + ".join(initrds) or "none"


def step_words(here: str) -> str:
    """Return the steps from an entry to a restart, the one we are at in capitals."""
    return " > ".join(step.upper() if step == here else step for step in _STEPS)


def title(plan: Plan, entry: Entry | None) -> str:
    """Return what to call what is planned: its title, and the kernel's release."""
    release = (entry.release or entry.version) if entry else None
    name = printable(entry.title, 60) if entry else "Given by path"
    release = printable(release or plan.image.release or "release not known yet", 60)
    return name if release in name else f"{name}  {release}"


def verdict_text(plan: Plan) -> tuple[str, Verdict]:
    """Return how many checks stand in the way, warn and pass; and the worst of them."""
    rest = worst_first([f for f in plan.findings if f.check not in plan.forced])
    return count_text(plan.findings, plan.forced), rest[0].verdict if rest else Verdict.PASS


def against(plan: Plan, width: int) -> Iterator[Line]:
    """Yield the lines of what is not fine, fails first, with what to do about each."""
    for finding in worst_first(plan.findings):
        if finding.verdict is not Verdict.PASS:
            yield from finding_text(finding, width, forced=finding.check in plan.forced)


def row(name: str, value: str) -> Item:
    """Return a row of the plan; all their values begin in the column `COLUMN`."""
    return Item(f"{name:<{COLUMN - 2}}", value)


def files_group(plan: Plan) -> Group:
    """Return what is chosen: kernel and initrd."""
    image = plan.image
    kernel = f"{plan.files.kernel}  {image.format}, {image.architecture or '?'}"
    items = [row("Kernel", kernel), row("Initrd", initrd_text(plan))]
    if plan.devicetree is not None:
        items.append(row("Tree", plan.devicetree))
    return Group("", tuple(items))


def line_text(plan: Plan) -> str:
    """Return how long the command line is, and where it comes from."""
    used = next((f for f in plan.findings if f.check == "command-line"), None)
    count = len(plan.cmdline.text.encode("utf-8", "surrogateescape")) + 1
    shown = used.text if used and used.verdict is Verdict.PASS else f"{count} bytes"
    return f"{shown}, {plan.cmdline.origin.value}"


def presets_text(presets: Sequence[Preset], cmdline: str) -> str:
    """Return the presets, each with its key; ``*`` marks those in use."""
    names = (
        f"{number}{'*' if active(cmdline, preset) else ' '}{preset.name}"
        for number, preset in enumerate(presets[:9], 1)
    )
    more = "  p all" if len(presets) > 9 else ""
    return "  ".join(names) + more


def prospect(plan: Plan, away: str) -> Group:
    """Return how it is loaded, what brings the machine back where it fails, and how long it is
    away, as `away` says."""
    way = f"{plan.strategy.value}: {plan.why}"
    if plan.call is not None:
        way = f"{plan.loader}; {plan.strategy.value}"
    watchdog = next((f.text for f in plan.findings if f.check == "watchdog"), None)
    back = back_text(plan.cmdline.text, watchdog)
    items = (row("Way", way), row("Back", back), row("Away", away))
    return Group("", items)


def back_text(cmdline: str, watchdog: str | None) -> str:
    """Return what brings the machine back through firmware where the new kernel fails.

    `watchdog` says what becomes of the watchdogs, None where that is not known.
    """
    seconds = next((w.value for w in reversed(parse(cmdline)) if w.key == "panic"), None)
    panic = "nothing resets it after a panic: panic= is not set"
    if seconds and seconds.isascii() and seconds.lstrip("-").isdigit() and int(seconds[:9]):
        after = "at once" if seconds.startswith("-") else f"after {duration(int(seconds[:9]))}"
        panic = f"a panic resets it {after}"
    return f"{panic}. {watchdog}" if watchdog else panic


def standing_text(plan: Plan, key: str) -> str:
    """Return which checks keep a plan from being staged, "" for none; `key` overrules a check."""
    failures = plan.failures
    if not failures:
        return ""
    count = plural(len(failures), "check stands", "checks stand")
    text = f"{count} in the way: {', '.join(one.check for one in failures)}.\n"
    firm = [one.check for one in failures if not one.forceable]
    if not firm:
        return f"{text}\n{key} overrules a check by its name."
    cannot = "It cannot" if len(failures) == 1 else f"{', '.join(firm)} cannot"
    return f"{text}\n{cannot} be overruled: the kernel would refuse, or going on is not safe."


def reasons(plan: Plan) -> tuple[Group, ...]:
    """Return what staging will do step by step, and why this way."""
    steps = [Item(f"{number}.", step) for number, step in enumerate(plan.steps, 1)]
    why = [Item("", f"{plan.strategy.value}: {plan.why}")]
    why += [Item("", f"not {other.strategy.value}: {other.why_not}") for other in plan.alternatives]
    if plan.call is not None:
        why.append(Item("", f"{plan.loader}: {plan.why_loader}"))
    why += [Item("", f"not {other.loader.value}: {other.why_not}") for other in plan.other_loaders]
    nothing = (Item("", f"Nothing: {plan.why}"),)
    return (
        Group("What staging will do", tuple(steps) or nothing),
        Group("Why this way", tuple(why)),
    )
