"""Parts of the manual that are made from the source: commands, keys, formats, checks, answers.

``python -m warmboot.tui.manual FOLDER`` writes them into the pages in that folder.
"""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path

from warmboot.core import images
from warmboot.core.plan.checks.registry import all_checks
from warmboot.tui.actions import SCREENS, help_rows
from warmboot.tui.present.answers.json_schema import schema_text
from warmboot.tui.present.answers.mdoc import answers_text
from warmboot.tui.synopsis import synopsis

_SCHEMA = "warmboot.schema.json"
_ANSWERS, _BEHIND = ".Sh ANSWERS\n", ".Sh SEE ALSO\n"
_SYNOPSIS, _DESCRIPTION = ".Sh SYNOPSIS\n", ".Sh DESCRIPTION\n"
_KEYS, _ENVIRONMENT = ".Sh KEYS\n", ".Sh ENVIRONMENT\n"
_QUESTION = "\\&?"
_LIST, _END = ".Bl -tag -width Ds\n", ".El\n"


def formats() -> str:
    """Return the formats in the order they are tried, as mdoc(7) list items."""
    lines = []
    for image in images.formats():
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


def json_page(page: str) -> str:
    """Return warmboot-json(5) with the answers as they are declared now."""
    head, _, below = page.partition(_ANSWERS)
    return f"{head}{answers_text()}{_BEHIND}{below.partition(_BEHIND)[2]}"


def keys() -> str:
    """Return the keys of each screen, as mdoc(7) lists below a heading each."""
    lines = [
        "These are the keys of the full-screen program.",
        ".Ql \\&?",
        "shows those of a screen, and what its marks mean.",
        "Arrows, PageUp, PageDown, Home and End choose and scroll.",
    ]
    for screen, title in SCREENS.items():
        lines += [f".Ss {title}", ".Bl -tag -width Ds -compact"]
        for key, tip in help_rows(screen):
            lines += [
                f".It Ic {key.replace('?', _QUESTION)}",
                f"{_mdoc(tip[0].upper() + tip[1:])}.",
            ]
        lines.append(".El")
    return "\n".join(lines)


def main_page(page: str) -> str:
    """Return warmboot(8) with the commands as the parser takes them now, and the keys."""
    head, _, below = page.partition(_SYNOPSIS)
    page = f"{head}{_SYNOPSIS}{synopsis()}\n{_DESCRIPTION}{below.partition(_DESCRIPTION)[2]}"
    head, _, below = page.partition(_KEYS)
    return f"{head}{_KEYS}{keys()}\n{_ENVIRONMENT}{below.partition(_ENVIRONMENT)[2]}"


def write(folder: Path) -> None:
    """Write the schema, and the parts of the pages that are made."""
    (folder / _SCHEMA).write_text(schema_text())
    for name, heading, items in (
        ("warmboot-formats.7", ".Sh DESCRIPTION\n", formats()),
        ("warmboot-checks.7", ".Sh CHECKS\n", checks()),
    ):
        path = folder / name
        path.write_text(_with_list(path.read_text(), heading, items))
    page = folder / "warmboot.8"
    page.write_text(main_page(page.read_text()))
    page = folder / "warmboot-json.5"
    page.write_text(json_page(page.read_text()))


def _with_list(page: str, heading: str, items: str) -> str:
    """Return a page with `items` in the first list below a heading."""
    before, _, below = page.partition(heading)
    text, _, rest = below.partition(_LIST)
    return f"{before}{heading}{text}{_LIST}{items}\n{_END}{rest.partition(_END)[2]}"


def _mdoc(text: str) -> str:
    return text.replace("\\", "\\e").replace("`", "'")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
