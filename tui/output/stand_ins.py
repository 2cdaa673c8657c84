# ruff: noqa: RUF001
"""ASCII in the place of other characters, for terminals that have nothing else."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from warmboot.tui.output.canvas import cell_width

#: Others lose their accents, or become a question mark.
_STAND_INS = {
    **dict.fromkeys("─━═╌╍┄┅┈┉▔▁", "-"),
    **dict.fromkeys("│┃║╎╏┆┇┊┋▏▎▍▌▐▕", "|"),
    **dict.fromkeys("┌┐└┘├┤┬┴┼╭╮╯╰┏┓┗┛╔╗╚╝", "+"),
    **dict.fromkeys("█▓▒░▄▀▆▇▅▃▂■", "#"),
    **dict.fromkeys("•·∙●", "*"),
    **dict.fromkeys("→▶▸›", ">"),
    **dict.fromkeys("←◀◂‹", "<"),
    **dict.fromkeys("↑▲", "^"),
    **dict.fromkeys("↓▼", "v"),
    **dict.fromkeys("–—‐‑−", "-"),
    **dict.fromkeys("‘’", "'"),
    **dict.fromkeys("“”", '"'),
    "…": ".",
    "✓": "+",
    "✗": "x",
    "×": "x",
}


@lru_cache(maxsize=4096)
def stand_in(text: str) -> str:
    """Return ASCII of the same width."""
    plain = unicodedata.normalize("NFKD", text)[0]
    other = _STAND_INS.get(text) or (plain if plain.isascii() and plain.isprintable() else "?")
    return other.ljust(cell_width(text), other if other == "?" else " ")
