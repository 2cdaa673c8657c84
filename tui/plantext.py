"""A plan as text: what is chosen, what stands against it, what would be done and why."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content

from warmboot.core.boot import Entry
from warmboot.core.boot.cmdline import split_words
from warmboot.core.boot.presets import Preset, active
from warmboot.core.kexec import Plan, Verdict
from warmboot.core.text import printable

STYLES = {Verdict.PASS: "$success", Verdict.WARN: "$warning", Verdict.FAIL: "$error"}


def summary(plan: Plan, entry: Entry | None) -> str:
    """Return three lines: the title with the kernel's release, the kernel, and the initrds."""
    choices, image = plan.choices, plan.image
    initrds = "inside the image" if choices.initrds is None else " + ".join(choices.initrds)
    version, title = (entry.version, entry.title) if entry else (None, "Given by path")
    release = version or image.release or "release not known yet"
    return "\n".join(
        (
            f"{printable(title, 70)}  ({printable(release, 60)})",
            f"Kernel  {choices.kernel}  ({image.format}, {image.architecture or '?'})",
            f"Initrd  {initrds or 'none'}",
        )
    )


def difference(text: str, running: str) -> str:
    """Say how a command line differs from the running kernel's."""
    new, old = split_words(text), split_words(running)
    added = [word for word in new if word not in old]
    missing = [word for word in old if word not in new]
    if not added and not missing:
        return ", as the running kernel's"
    parts = ["+ " + " ".join(added)] if added else []
    parts += ["- " + " ".join(missing)] if missing else []
    return "; against the running kernel's:\n" + printable("  ".join(parts), 300)


def presets_text(presets: Sequence[Preset], cmdline: str) -> str:
    """Return one line with every preset and its key; ``*`` marks those in use."""
    names = (
        f"{number}{'*' if active(cmdline, preset) else ' '}{preset.name}"
        for number, preset in enumerate(presets[:9], 1)
    )
    return "Presets  " + "  ".join(names)


def plan_text(plan: Plan) -> Content:
    """Return findings, steps, reasons and checks, what matters most first."""
    parts: list[Content | tuple[str, str]] = []
    failures = [f for f in plan.findings if f.verdict is Verdict.FAIL]
    warnings = [f for f in plan.findings if f.verdict is Verdict.WARN]
    if plan.failures:
        parts.append(("This cannot be staged\n", "bold"))
    for finding in (*failures, *warnings):
        forced = " forced" if finding.check in plan.forced else ""
        parts.append((f"{finding.verdict.upper()}{forced} ", f"bold {STYLES[finding.verdict]}"))
        parts.append(Content(f"{finding.text}\n"))
        if finding.hint:
            parts.append(Content(f"     {finding.hint}\n"))
        if finding.forceable and not forced:
            parts.append(Content(f"     f goes on against it (check {finding.check})\n"))
    parts.append(("What staging will do\n", "bold"))
    parts += [Content(f" {number}. {step}\n") for number, step in enumerate(plan.steps, 1)]
    if not plan.steps:
        parts.append(Content(f" Nothing: {plan.why}\n"))
    parts.append(("Why this way\n", "bold"))
    parts.append(Content(f" {plan.strategy.value}: {plan.why}\n"))
    for other in plan.alternatives:
        parts.append(Content(f" not {other.strategy.value}: {other.why_not}\n"))
    if plan.call is not None:
        parts.append(Content(f" {plan.loader}: {plan.why_loader}\n"))
    for loader in plan.other_loaders:
        parts.append(Content(f" not {loader.loader.value}: {loader.why_not}\n"))
    parts.append(("Checks passed\n", "bold"))
    passed = (f.text for f in plan.findings if f.verdict is Verdict.PASS)
    parts += [Content(f" PASS {text}\n") for text in passed]
    return Content.assemble(*parts)
