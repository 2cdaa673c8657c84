"""The table of formats in the manual, made from the classes that read them."""

from __future__ import annotations

from warmboot.core.images import FORMATS


def table() -> str:
    """Return the formats in the order they are tried, as mdoc(7) list items."""
    lines = []
    for image in FORMATS:
        lines.append(f".It {image.format.value}")
        lines.append(f"{image.about[0].upper()}{image.about[1:]}.")
        lines.append(f"Recognised by {_mdoc(image.recognised_by)}.")
    return "\n".join(lines)


def _mdoc(text: str) -> str:
    return text.replace("\\", "\\e").replace("`", "'")
