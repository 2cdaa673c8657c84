"""Parts of the manual that are made from the registries: formats and checks."""

from __future__ import annotations

import textwrap

from warmboot.core.images import FORMATS
from warmboot.core.plan.checks.registry import all_checks


def formats() -> str:
    """Return the formats in the order they are tried, as mdoc(7) list items."""
    lines = []
    for image in FORMATS:
        lines.append(f".It {image.format.value}")
        lines.append(f"{image.about[0].upper()}{image.about[1:]}.")
        lines.append(f"Recognised by {_mdoc(image.recognised_by)}.")
    return "\n".join(lines)


def checks() -> str:
    """Return the checks in the order they run, as mdoc(7) list items."""
    lines = []
    for check in all_checks():
        lines.append(f".It Sy {check.id}")
        lines.append(check.title)
        lines.append(f"Looks at {check.looks_at}.")
        lines += textwrap.wrap(_sourced(check.rule), 96)
        if check.forceable:
            lines.append("A fail may be forced.")
    return "\n".join(lines)


def _sourced(rule: str | None) -> str:
    """Return which rule of the kernel a check stands for, or that it stands for none."""
    if rule is None:
        return "A judgement of warmboot's own: no rule of the kernel."
    return f"The kernel's rule: {_mdoc(rule)}."


def _mdoc(text: str) -> str:
    return text.replace("\\", "\\e").replace("`", "'")
