"""A plan as text: what is chosen, what stands against it, what would be done and why."""

from __future__ import annotations

from collections.abc import Sequence

from warmboot.core.boot import Entry
from warmboot.core.boot.cmdline import split_words
from warmboot.core.boot.presets import Preset, active
from warmboot.core.plan.checks.base import Verdict
from warmboot.core.plan.plan import Plan
from warmboot.core.text import printable
from warmboot.tui.present.styled import Styled

_STYLES = {Verdict.PASS: "$success", Verdict.WARN: "$warning", Verdict.FAIL: "$error"}


def plan_rows(plan: Plan) -> list[tuple[str, str]]:
    """Return what is chosen and how it would be loaded, as labels and values."""
    files = plan.files
    initrds = "inside the image" if files.initrds is None else " + ".join(files.initrds)
    release = f" ({plan.image.release})" if plan.image.release else ""
    rows = [
        ("Kernel", f"{files.kernel}{release}"),
        ("Initrd", initrds or "none"),
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


def summary(plan: Plan, entry: Entry | None) -> str:
    """Return three lines: the title with the kernel's release, the kernel, and the initrds."""
    files, image = plan.files, plan.image
    initrds = "inside the image" if files.initrds is None else " + ".join(files.initrds)
    version, title = (
        (entry.release or entry.version, entry.title) if entry else (None, "Given by path")
    )
    release = version or image.release or "release not known yet"
    return "\n".join(
        (
            f"{printable(title, 70)}  ({printable(release, 60)})",
            f"Kernel  {files.kernel}  ({image.format}, {image.architecture or '?'})",
            f"Initrd  {initrds or 'none'}",
        )
    )


def difference(text: str, running: str) -> str:
    """Say how a command line differs from the running kernel's."""
    new, old = split_words(text), split_words(running)
    added = [word for word in new if word not in old]
    missing = [word for word in old if word not in new]
    if not added and not missing:
        return ", same as running"
    parts = ["+ " + " ".join(added)] if added else []
    parts += ["- " + " ".join(missing)] if missing else []
    return "; compared with the running kernel's:\n" + printable("  ".join(parts), 300)


def presets_text(presets: Sequence[Preset], cmdline: str) -> str:
    """Return one line with every preset and its key; ``*`` marks those in use."""
    names = (
        f"{number}{'*' if active(cmdline, preset) else ' '}{preset.name}"
        for number, preset in enumerate(presets[:9], 1)
    )
    return "Presets  " + "  ".join(names)


def plan_text(plan: Plan) -> Styled:
    """Return findings, steps, reasons and checks, what matters most first."""
    parts: Styled = []
    failures = [f for f in plan.findings if f.verdict is Verdict.FAIL]
    warnings = [f for f in plan.findings if f.verdict is Verdict.WARN]
    if plan.failures:
        parts.append(("This cannot be staged\n", "bold"))
    for finding in (*failures, *warnings):
        forced = " forced" if finding.check in plan.forced else ""
        parts.append((f"{finding.verdict.upper()}{forced} ", f"bold {_STYLES[finding.verdict]}"))
        parts.append(f"{finding.text}\n")
        if finding.hint:
            parts.append(f"     {finding.hint}\n")
        if finding.forceable and not forced:
            parts.append(f"     f overrules it (check {finding.check})\n")
    parts.append(("What staging will do\n", "bold"))
    parts += [f" {number}. {step}\n" for number, step in enumerate(plan.steps, 1)]
    if not plan.steps:
        parts.append(f" Nothing: {plan.why}\n")
    parts.append(("Why this method\n", "bold"))
    parts.append(f" {plan.strategy.value}: {plan.why}\n")
    parts += [f" not {other.strategy.value}: {other.why_not}\n" for other in plan.alternatives]
    if plan.call is not None:
        parts.append(f" {plan.loader}: {plan.why_loader}\n")
    parts += [f" not {other.loader.value}: {other.why_not}\n" for other in plan.other_loaders]
    parts.append(("Checks passed\n", "bold"))
    passed = (f.text for f in plan.findings if f.verdict is Verdict.PASS)
    parts += [f" PASS {text}\n" for text in passed]
    return parts
