"""What the operator chose for the full-screen program: theme, colours, keys.

From the configuration files (warmboot.core.configfile)::

    theme = "ours"

    [themes.ours]
    base = "night"
    accent = "#ffaa00"

    [keys]
    "entries.doctor" = "D"

What is wrong there is told and left out; the program starts all the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches

from warmboot.core.configfile import ConfigFile, read_config
from warmboot.core.errors import WarmbootError, WrongArgument
from warmboot.core.expression import expression
from warmboot.core.hints import Any
from warmboot.core.text import printable
from warmboot.core.values import NamedTuple
from warmboot.themes import PALETTES
from warmboot.tui.actions import ACTIONS, keys_of

Palette = Mapping[str, str | bool]

_NAME = expression(r"[a-z0-9][a-z0-9-]{0,31}")
_COLOUR = expression(r"#[0-9a-fA-F]{6}")
_KEY = expression(r"(?:(?:ctrl|alt|shift)\+)*(?:[a-z_0-9]{1,32}|[!-~])")
_MOST = 100  # themes
_KNOWN = ("theme", "themes", "keys", "preset")


class Settings(NamedTuple):
    """`theme` is the name of one of `themes`, None where none was chosen. `keys` are those of
    actions (``entries.doctor``) that have others; `problems` is what was left out, and why."""

    theme: str | None
    themes: Mapping[str, Palette]
    keys: Mapping[str, str]
    problems: tuple[str, ...]


#: What holds without any file.
DEFAULT = Settings(None, PALETTES, {}, ())


def read_settings(files: Iterable[ConfigFile]) -> Settings:
    """Return what the files say, later ones before earlier ones; never raises for a bad file."""
    theme: str | None = None
    themes: dict[str, Palette] = dict(PALETTES)
    keys: dict[str, str] = {}
    problems: list[str] = []
    for file in files:
        try:
            table = read_config(file)
        except WarmbootError as error:
            problems.append(error.message)
            continue
        reader = _Reader(printable(str(file.path)), problems)
        for name in table:
            if name not in _KNOWN:
                reader.refuse(f"{printable(name, 40)} is none of {', '.join(_KNOWN)}")
        themes.update(reader.themes(table.get("themes", {})))
        keys.update(reader.keys(table.get("keys", {})))
        if "theme" in table:
            try:
                theme = known_theme(table["theme"], themes)
            except WrongArgument as error:
                reader.refuse(error.message)
    for name, clash in clashes(keys):
        problems.append(f"The key {keys.pop(name)} of {name} is that of {clash}, too")
    return Settings(theme, themes, keys, tuple(problems))


def known_theme(name: object, themes: Mapping[str, Palette]) -> str:
    """Return the name of a theme; raises WrongArgument, listing them, where there is none."""
    if isinstance(name, str) and name in themes:
        return name
    shown = printable(name, 40) if isinstance(name, str) else "that is not a text"
    raise WrongArgument(f"There is no theme {shown}; there are: {', '.join(themes)}")


def clashes(keys: Mapping[str, str]) -> Iterable[tuple[str, str]]:
    """Yield each action whose new key another action of its screen has, and that one."""
    for name, chosen in list(keys.items()):
        screen = name.partition(".")[0]
        for action in ACTIONS:
            other = f"{screen}.{action.id}"
            if screen in action.screens and other != name:
                taken = keys.get(other, action.keys).split(",")
                if set(chosen.split(",")) & set(taken):
                    yield name, other
                    break


class _Reader:
    """Reads the tables of one file; what is wrong is added to the problems."""

    def __init__(self, shown: str, problems: list[str]) -> None:
        self._shown = shown
        self._problems = problems

    def refuse(self, text: str) -> None:
        """Tell what is left out."""
        self._problems.append(f"{self._shown}: {text}")

    def themes(self, table: object) -> dict[str, Palette]:
        """Return the themes of a file, each with all colours."""
        found: dict[str, Palette] = {}
        for name, fields in self._items("themes", table):
            palette = self._palette(name, fields)
            if palette is not None and len(found) < _MOST:
                found[name] = palette
        return found

    def _palette(self, name: str, fields: object) -> Palette | None:
        where = f"theme {printable(name, 40)}"
        if not _NAME.fullmatch(name) or not isinstance(fields, dict):
            self.refuse(f"{where} needs a name of lower-case letters, digits and hyphens, a table")
            return None
        base = fields.get("base", "night")
        if not isinstance(base, str) or base not in PALETTES:
            self.refuse(f"{where}: its base is none of {', '.join(PALETTES)}")
            return None
        palette = dict(PALETTES[base])
        for key, value in fields.items():
            colour = isinstance(value, str) and _COLOUR.fullmatch(value)
            if key == "base":
                continue
            if key not in palette or (key == "dark") is not isinstance(value, bool):
                self.refuse(f"{where}: {printable(key, 40)} is none of {', '.join(palette)}, base")
            elif key != "dark" and not colour:
                self.refuse(f"{where}: {key} is no colour such as #ffaa00")
            else:
                palette[key] = value
        return palette

    def keys(self, table: object) -> dict[str, str]:
        """Return the keys of actions, as Textual names them."""
        actions = {f"{screen}.{one.id}" for one in ACTIONS for screen in one.screens if one.keys}
        found = {}
        for name, value in self._items("keys", table):
            wanted = value if isinstance(value, list) else [value]
            if name not in actions:
                near = get_close_matches(name, actions, 1)
                hint = f"; did you mean {near[0]}?" if near else ""
                self.refuse(f"there is no action {printable(name, 40)} with a key{hint}")
            elif not wanted or not all(isinstance(k, str) and _KEY.fullmatch(k) for k in wanted):
                self.refuse(f'the key of {name} is none such as "D", "f5" or "ctrl+d"')
            else:
                found[name] = keys_of(wanted)
        return found

    def _items(self, name: str, table: object) -> Iterable[tuple[str, Any]]:
        if isinstance(table, dict):
            return table.items()
        self.refuse(f"{name} is not a table")
        return ()
