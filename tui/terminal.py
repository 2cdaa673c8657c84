"""What the terminal can show, told from the environment alone."""

from __future__ import annotations

import locale
import os
from collections.abc import Mapping
from dataclasses import dataclass

_NO_MOUSE = ("linux", "vt100", "vt102", "vt220", "vt320", "ansi", "cons25")
_ASCII_ONLY = ("vt100", "vt102", "vt220", "vt320", "ansi")
_MONOCHROME = ("vt100", "vt102", "vt220", "vt320")


@dataclass(frozen=True, slots=True)
class Terminal:
    """`usable`: it can be drawn on at all; `ascii`: no line drawing; `theme`: a theme's name."""

    usable: bool
    ascii: bool
    mouse: bool
    theme: str


def read_terminal(environment: Mapping[str, str] = os.environ) -> Terminal:
    """Return what TERM, the locale, NO_COLOR and WARMBOOT_THEME say."""
    term = environment.get("TERM", "")
    encoding = locale.getlocale(locale.LC_CTYPE)[1] or locale.getpreferredencoding(False)
    ascii_only = term in _ASCII_ONLY or "utf" not in encoding.lower()
    plain = bool(environment.get("NO_COLOR")) or term in _MONOCHROME
    theme = environment.get("WARMBOOT_THEME") or ("mono" if plain else "night")
    return Terminal(
        usable=term not in ("", "dumb", "unknown"),
        ascii=ascii_only,
        mouse=term not in _NO_MOUSE,
        theme=theme,
    )
