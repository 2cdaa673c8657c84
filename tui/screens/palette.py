"""The palette: every action of a screen by its name, and the themes, each shown as it is passed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from warmboot.themes import STYLE
from warmboot.tui.actions import palette_rows
from warmboot.tui.widgets.bars import Text

_LINES = 12


class Choice(NamedTuple):
    """What can be chosen: an action of the screen below by its id, or a theme by its name."""

    text: str
    action: str | None = None
    theme: str | None = None


def choices(screen: str, themes: Iterable[str]) -> tuple[Choice, ...]:
    """Return what the palette offers on a screen."""
    actions = (Choice(f"{text}  ({key})", action) for action, text, key in palette_rows(screen))
    return (*actions, *(Choice(f"Theme {name}", theme=name) for name in themes))


class PaletteScreen(ModalScreen[Choice | None]):
    """Answers with what was chosen, None on Escape; the theme is then as it was."""

    CSS_PATH = STYLE
    BINDINGS = [
        Binding("escape,ctrl+c,ctrl+p", "leave", show=False, priority=True),
        Binding("up,ctrl+k", "move(-1)", show=False, priority=True),
        Binding("down,ctrl+j", "move(1)", show=False, priority=True),
        Binding("pageup", "move(-8)", show=False, priority=True),
        Binding("pagedown", "move(8)", show=False, priority=True),
    ]

    def __init__(self, offered: tuple[Choice, ...]) -> None:
        super().__init__(classes="dialog")
        self._offered = offered
        self._shown = offered
        self._place = 0
        self._theme = ""

    def compose(self) -> ComposeResult:
        with Vertical(classes="box"):
            yield Text("Find an action", classes="title")
            yield Input(id="palette-text")
            yield Text("", id="palette-list")

    def on_mount(self) -> None:
        self._theme = self.app.theme
        field = self.query_one(Input)
        field.cursor_blink = False
        field.focus()
        self._draw()

    def on_input_changed(self, event: Input.Changed) -> None:
        words = event.value.casefold().split()
        self._shown = tuple(
            one for one in self._offered if all(word in one.text.casefold() for word in words)
        )
        self._place = 0
        self._draw()

    def on_input_submitted(self) -> None:
        if self._shown:
            self.dismiss(self._shown[self._place])

    def action_move(self, step: int) -> None:
        self._place = max(0, min(self._place + step, len(self._shown) - 1))
        self._draw()

    def action_leave(self) -> None:
        self.app.theme = self._theme
        self.dismiss(None)

    def _draw(self) -> None:
        """Draw the lines round the chosen one, and show its theme."""
        top = max(0, min(self._place - _LINES // 2, len(self._shown) - _LINES))
        part = list(enumerate(self._shown))[top : top + _LINES]
        lines = [f"{'>' if place == self._place else ' '} {one.text}" for place, one in part]
        text = "\n".join(lines) or "  Nothing is called so"
        self.query_one("#palette-list", Text).show(text, layout=True)
        chosen = self._shown[self._place] if self._shown else None
        self.app.theme = (chosen.theme if chosen else None) or self._theme
