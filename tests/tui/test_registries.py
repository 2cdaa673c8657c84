"""Verbs, keys and themes stand in one registry each, and nothing is forgotten in it."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path

import pytest
from textual.screen import ModalScreen, Screen
from textual.theme import Theme

from warmboot import themes
from warmboot.core.errors import ExitCode
from warmboot.tui import actions, arguments, commands, screens
from warmboot.tui.actions import ACTIONS
from warmboot.tui.app import WarmbootApp
from warmboot.tui.manual import keys
from warmboot.tui.parser import EXIT_CODES
from warmboot.tui.present.entry_row import MARKS
from warmboot.tui.present.finding_text import KEYS_FOR, by_keys
from warmboot.tui.present.marks import marks
from warmboot.tui.screens.checks import ChecksScreen, DoctorScreen
from warmboot.tui.screens.entries import EntriesScreen
from warmboot.tui.screens.history import HistoryScreen, RecordScreen
from warmboot.tui.screens.inside import InsideScreen
from warmboot.tui.screens.log import LogScreen
from warmboot.tui.screens.machine import MachineScreen
from warmboot.tui.screens.plan import PlanScreen
from warmboot.tui.screens.records import RecordKeys

#: What several verbs share, and is none itself.
HELPERS = {"output", "options", "progress", "restarting", "trial"}
SCREENS: dict[str, type[object]] = {
    "entries": EntriesScreen,
    "plan": PlanScreen,
    "inside": InsideScreen,
    "record": RecordScreen,
    "checks": ChecksScreen,
    "doctor": DoctorScreen,
    "history": HistoryScreen,
    "log": LogScreen,
}
MODULES = list(pkgutil.iter_modules(screens.__path__))
TEXTUALS = {Screen, ModalScreen}
#: The first screen, and what it is made of.
FIRST = {EntriesScreen, MachineScreen, RecordKeys}
#: Keys of a widget's own: Enter opens what is chosen, Tab completes a word.
WIDGET_KEYS = {"plan", "open", "complete"}


def test_every_verb_has_a_module_and_every_module_a_verb() -> None:
    rows = {**arguments.COMMANDS, **arguments.BPF_COMMANDS}
    modules = {row.run.partition(".")[0] for row in rows.values() if row.run} | {"screen"}
    there = {module.name for module in pkgutil.iter_modules(commands.__path__)}
    assert modules == there - HELPERS
    for row in rows.values():
        if row.run:
            module, _, function = row.run.partition(".")
            assert callable(
                getattr(importlib.import_module(f"{commands.__name__}.{module}"), function)
            )


def test_every_screen_but_the_first_names_the_sheet_that_it_needs() -> None:
    found = [importlib.import_module(f"{screens.__name__}.{one.name}") for one in MODULES]
    kinds = {kind for module in found for kind in vars(module).values() if isinstance(kind, type)}
    opened = {kind for kind in kinds if issubclass(kind, Screen) and kind not in TEXTUALS}
    assert len(opened) > len(SCREENS)
    assert {kind for kind in opened if kind.CSS_PATH != themes.STYLE} == FIRST


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.id)
def test_every_key_does_something_on_its_screens(action: object) -> None:
    row = next(one for one in ACTIONS if one is action)
    assert row.tip
    assert row.label
    for name in row.screens:
        if row.id not in WIDGET_KEYS:
            owner = WarmbootApp if row.program else SCREENS[name]
            assert hasattr(owner, f"action_{row.id}")


@pytest.mark.parametrize("name", SCREENS)
def test_every_action_of_a_screen_has_a_key(name: str) -> None:
    own = {attribute for attribute in vars(SCREENS[name]) if attribute.startswith("action_")}
    rows = {f"action_{row.id}" for row in ACTIONS if name in row.screens}
    assert own <= rows


def test_every_screen_has_a_name_and_its_keys_stand_in_the_manual() -> None:
    assert set(actions.SCREENS) == {name for row in ACTIONS for name in row.screens}
    page = (Path(__file__).parent.parent.parent / "man/warmboot.8").read_text()
    assert f".Sh KEYS\n{keys()}\n.Sh ENVIRONMENT\n" in page, "run: make manual"


def test_hints_name_the_keys_of_the_plan() -> None:
    wanted = {"edit": "e", "initrd": "i", "running": "r"}
    keys_of = {row.id: row.keys for row in ACTIONS if "plan" in row.screens}
    assert {name: keys_of[name] for name in wanted} == wanted
    assert {key[0] for key in KEYS_FOR.values()} == set(wanted.values())
    assert by_keys("Name one with --initrd if needed.") == "Name one with i if needed."
    assert by_keys("Or use --no-initrd.") == "Or use i with an empty line."
    assert by_keys("Give one with --cmdline or --reuse-cmdline.") == "Give one with e or r."


def test_the_help_tells_every_mark_of_the_list() -> None:
    letters = {mark for _, rows in marks("entries") for mark, _ in rows}
    assert {letter for letter, _ in MARKS if letter != "-"} <= letters


def test_every_theme_has_the_same_colours() -> None:
    (keys,) = {tuple(sorted(palette)) for palette in themes.PALETTES.values()}
    assert {"primary", "accent", "warning", "error", "success", "background", "dark"} <= set(keys)
    for name, palette in themes.PALETTES.items():
        Theme(name=name, **palette)  # type: ignore[arg-type]


def test_every_exit_code_has_a_meaning() -> None:
    assert set(EXIT_CODES) == set(ExitCode)
