"""Colours and layout, as data: palettes here, the style sheets beside it."""

from __future__ import annotations

from pathlib import Path

#: The sheet of the first screen, and that of all others, which the first does not wait for.
FIRST_STYLE = Path(__file__).parent / "warmboot.tcss"
STYLE = Path(__file__).parent / "screens.tcss"

#: Palettes by name; the keys are those of a Textual theme.
PALETTES: dict[str, dict[str, str | bool]] = {
    "night": {
        "primary": "#5fafff",
        "secondary": "#87afd7",
        "accent": "#ffd75f",
        "warning": "#ffaf00",
        "error": "#ff5f5f",
        "success": "#5fd787",
        "background": "#101418",
        "surface": "#182028",
        "panel": "#243240",
        "foreground": "#e4e8ec",
        "dark": True,
    },
    "day": {
        "primary": "#005f87",
        "secondary": "#44617b",
        "accent": "#875f00",
        "warning": "#af5f00",
        "error": "#af0000",
        "success": "#006f2f",
        "background": "#ffffff",
        "surface": "#f2f4f6",
        "panel": "#dde4ea",
        "foreground": "#14181c",
        "dark": False,
    },
    # Okabe and Ito's palette: told apart with every common colour vision.
    "safe": {
        "primary": "#56b4e9",
        "secondary": "#0072b2",
        "accent": "#f0e442",
        "warning": "#e69f00",
        "error": "#d55e00",
        "success": "#009e73",
        "background": "#000000",
        "surface": "#101010",
        "panel": "#202830",
        "foreground": "#f4f4f4",
        "dark": True,
    },
    "mono": {
        "primary": "#ffffff",
        "secondary": "#c0c0c0",
        "accent": "#ffffff",
        "warning": "#ffffff",
        "error": "#ffffff",
        "success": "#ffffff",
        "background": "#000000",
        "surface": "#000000",
        "panel": "#000000",
        "foreground": "#c0c0c0",
        "dark": True,
    },
}
