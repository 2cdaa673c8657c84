"""Theme, colours and keys from config.toml, the palette, and what is said of a wrong file."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.files import put
from support.person import PATIENCE, UTF8
from textual.pilot import Pilot
from textual.theme import Theme

from warmboot.core.configfile import ConfigFile
from warmboot.themes import PALETTES
from warmboot.tui.actions import ACTIONS, help_rows, key_line, use_keys
from warmboot.tui.app import WarmbootApp
from warmboot.tui.settings import DEFAULT, Settings, read_settings

OURS = """
theme = "ours"
[themes.ours]
base = "day"
accent = "#123456"
[keys]
"entries.doctor" = "D"
"entries.help" = ["f2", "?"]
"""


def settings(folder: Path, *texts: str) -> Settings:
    files = [put(folder, f"{number}.toml", text) for number, text in enumerate(texts)]
    return read_settings([ConfigFile(file) for file in files])


def test_theme_colours_and_keys(tmp_path: Path) -> None:
    found = settings(tmp_path, OURS, '[keys]\n"entries.doctor" = "ctrl+d"\n')
    assert found.problems == ()
    assert found.theme == "ours"
    assert found.themes["ours"] == {**PALETTES["day"], "accent": "#123456"}
    assert found.keys == {"entries.doctor": "ctrl+d", "entries.help": "f2,question_mark"}
    assert set(PALETTES) < set(found.themes)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("theme = 'dya'", "There is no theme dya; there are: night, day, safe, mono"),
        ("theme = 3", "There is no theme"),
        ("themes = 3", "themes is not a table"),
        ("[themes.a]\naccent = 'red'", "accent is no colour such as #ffaa00"),
        ("[themes.a]\nblue = '#000000'", "blue is none of primary"),
        ("[themes.a]\ndark = '#000000'", "dark is none of"),
        ("[themes.a]\nbase = 'x'", "its base is none of night"),
        ("[themes.a]\nbase = ['day']", "its base is none of night"),
        ("[themes.'A b']\nbase = 'day'", "needs a name"),
        ("[keys]\n'entries.docter' = 'D'", "did you mean entries.doctor?"),
        ("[keys]\n'entries.plan' = 'D'", "no action entries.plan"),
        ("[keys]\n'entries.doctor' = 'no key'", "is none such as"),
        ("[keys]\n'entries.doctor' = []", "is none such as"),
        ("[keys]\n'entries.doctor' = 'x'", "is that of entries.execute, too"),
        ("colour = 1", "colour is none of theme, themes, keys, preset"),
        ("theme = ", "is not valid TOML"),
    ],
)
def test_what_is_wrong_is_told_and_left_out(tmp_path: Path, text: str, said: str) -> None:
    found = settings(tmp_path, text)
    assert said in " ".join(found.problems)
    assert (found.theme, found.keys) == (None, {})
    assert set(found.themes) <= {*PALETTES, "a"}
    for name, palette in found.themes.items():
        Theme(name=name, **palette)  # type: ignore[arg-type]


WORDS = st.sampled_from(
    [
        "theme",
        "themes",
        "keys",
        "preset",
        "night",
        "base",
        "accent",
        "entries.doctor",
        "D",
        "#ffaa00",
    ]
)
VALUES = st.recursive(
    st.one_of(WORDS, st.integers(), st.booleans(), st.text(max_size=4)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(WORDS, inner, max_size=3)),
    max_leaves=8,
)


@given(st.dictionaries(WORDS, VALUES, max_size=4))
def test_no_table_breaks_it(table: dict[str, object]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("warmboot.tui.settings.read_config", lambda _: table)
        found = read_settings([ConfigFile(Path("/x"))])
    assert found.theme is None or found.theme in found.themes
    for name, palette in found.themes.items():
        Theme(name=name, **palette)  # type: ignore[arg-type]


async def start(pilot: Pilot[int], app: WarmbootApp) -> None:
    for _ in range(int(PATIENCE / 0.05)):
        if "Enter Plan" in text(app):
            return
        await pilot.pause(0.05)
    raise AssertionError(text(app))


def text(app: WarmbootApp) -> str:
    return "\n".join(strip.text for strip in app.screen._compositor.render_strips())


async def test_a_key_of_one_s_own_works_and_is_named(sandbox: Path, tmp_path: Path) -> None:
    app = WarmbootApp(sandbox, UTF8, settings(tmp_path, OURS))
    async with app.run_test(size=(120, 30)) as pilot:
        await start(pilot, app)
        assert "D Doctor" in text(app)
        assert "f2 Help" in text(app)
        await pilot.press("d")
        await pilot.pause()
        assert len(app.screen_stack) == 1
        await pilot.press("f2")
        await pilot.pause()
        assert "check this machine" in text(app)
    use_keys({})
    assert "d Doctor" in key_line("entries")


async def test_problems_of_the_configuration_stay_in_sight(sandbox: Path, tmp_path: Path) -> None:
    app = WarmbootApp(sandbox, UTF8, settings(tmp_path, "theme = 'dya'"))
    async with app.run_test(size=(120, 30)) as pilot:
        await start(pilot, app)
        assert "There is no theme dya" in text(app)


async def test_the_palette_starts_actions_and_shows_themes(sandbox: Path) -> None:
    app = WarmbootApp(sandbox, UTF8)
    async with app.run_test(size=(80, 24)) as pilot:
        await start(pilot, app)
        await pilot.press("ctrl+p", *"theme day")
        await pilot.pause()
        assert app.theme == "day"
        assert "> Theme day" in text(app)
        await pilot.press("escape")
        await pilot.pause()
        assert app.theme == "night"
        await pilot.press("ctrl+p", *"theme", "down", "down", "down", "enter")
        await pilot.pause()
        assert app.theme == "mono"
        assert app.has_class("mono")
        await pilot.press("ctrl+p", *"all keys", "enter")
        await pilot.pause()
        assert "Compare" in text(app) or "Keys" in text(app)
        await pilot.press("escape", "ctrl+p", *"nothing of the kind", "enter")
        await pilot.pause()
        assert "Nothing is called so" in text(app)


@pytest.mark.parametrize("screen", sorted({name for row in ACTIONS for name in row.screens}))
def test_the_palette_s_key_is_in_every_help(screen: str) -> None:
    if screen != "record":
        assert any(key == "Ctrl+P" for key, _ in help_rows(screen))


def test_an_unknown_theme_is_an_error_that_lists_the_names(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "sys.stdin = sys.stderr = type('T', (), {'isatty': lambda _: True, "
        "'write': lambda _, text: print(text), 'flush': lambda _: None})()\n"
        "from pathlib import Path\nfrom warmboot.tui.app import run\n"
        "sys.exit(run(Path('/')))\n"
    )
    environment = {**os.environ, "TERM": "xterm", "WARMBOOT_THEME": "dya", "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 2
    assert "There is no theme dya; there are: night, day, safe, mono" in done.stdout


def test_nothing_chosen_is_the_default() -> None:
    assert read_settings([ConfigFile(Path("/nowhere/config.toml"))]) == DEFAULT
