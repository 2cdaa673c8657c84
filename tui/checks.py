"""The table of checks in the manual, made from the registry that runs them."""

from __future__ import annotations

from warmboot.core.kexec.checks.registry import all_checks


def table() -> str:
    """Return the checks in the order they run, as mdoc(7) list items."""
    lines = []
    for check in all_checks():
        lines.append(f".It Sy {check.id}")
        lines.append(check.title)
        lines.append(f"Looks at {check.looks_at}.")
        if check.forceable:
            lines.append("A fail may be forced.")
    return "\n".join(lines)
