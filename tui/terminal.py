"""What the terminal can show, told from the environment alone."""

from __future__ import annotations

import locale
import os
from collections.abc import Mapping

from warmboot.core.values import dataclass

#: VT100 and those that promise no more; VT220; consoles of a kernel; and emulators whose erased
#: cells do not keep the background. Every other name is taken for an emulator like xterm.
_VT100 = ("vt100", "vt102", "ansi")
_VT220 = ("vt220", "vt320")
_CONSOLES = ("linux", "cons25")
_ERASE_PLAIN = ("screen",)


@dataclass(frozen=True)
class Terminal:
    """`usable`: it can be drawn on at all; `ascii`: no line drawing; `theme`: a theme's name.

    `modes`: it understands xterm's private modes (bracketed paste, focus, kitty's keys).
    `erases_characters`: it has ECH; `erases_in_colour`: what is erased gets the background;
    `ends_attributes`: SGR 22 to 29. `slow`: its line is to be spared from the start on.
    """

    usable: bool
    ascii: bool
    mouse: bool
    theme: str
    colours: bool = True
    modes: bool = True
    erases_characters: bool = True
    erases_in_colour: bool = True
    ends_attributes: bool = True
    slow: bool = False


def read_terminal(environment: Mapping[str, str] = os.environ, *, slow: bool = False) -> Terminal:
    """Return what TERM, the locale, NO_COLOR and WARMBOOT_THEME say."""
    term = environment.get("TERM", "")
    encoding = locale.getlocale(locale.LC_CTYPE)[1] or locale.getpreferredencoding(False)
    old = term in _VT100
    hardware = old or term in _VT220
    plain = bool(environment.get("NO_COLOR")) or (hardware and term != "ansi")
    theme = environment.get("WARMBOOT_THEME") or ("mono" if plain else "night")
    return Terminal(
        usable=term not in ("", "dumb", "unknown"),
        ascii=hardware or "utf" not in encoding.lower(),
        mouse=not hardware and term not in _CONSOLES,
        theme=theme,
        colours=not plain,
        modes=not hardware and term not in _CONSOLES,
        erases_characters=not old,
        erases_in_colour=not hardware and not term.startswith(_ERASE_PLAIN),
        ends_attributes=not old,
        slow=slow,
    )
