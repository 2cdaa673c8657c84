"""The presets, described before one is applied."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.widgets import OptionList

from warmboot.core.boot.cmdline import parse
from warmboot.core.boot.known_words import known_word
from warmboot.core.boot.presets import Preset, active
from warmboot.core.plan.checks.base import Verdict
from warmboot.core.plan.planner import OpenPlan
from warmboot.core.text import printable
from warmboot.tui.present.finding_text import finding_text
from warmboot.tui.present.layout import Group, Item, Line, lines, styled
from warmboot.tui.present.styled import Styled
from warmboot.tui.screens.dialogs import Dialog, Scrolled
from warmboot.tui.widgets.bars import Text
from warmboot.tui.widgets.marked_list import MarkedList


class PresetsScreen(Dialog[str | None]):
    """Answers with the command line that the chosen preset makes, None on Escape."""

    BINDINGS = [
        Binding("escape,ctrl+c,p", "leave", "Back", priority=True),
        Binding("space", "more", show=False, priority=True),
        *(Binding(str(n), f"number({n})", show=False, priority=True) for n in range(1, 10)),
    ]

    def __init__(self, opened: OpenPlan, line: str, base: str, index: int) -> None:
        super().__init__()
        self._opened = opened
        self._line = line
        self._base = base
        self._index = index

    def compose(self) -> ComposeResult:
        with Vertical(classes="box"):
            yield Text("Presets: words that go in, and out again", classes="title")
            yield MarkedList("presets", self._rows())
            yield Scrolled("", "Space")
            yield Text("", id="ask")

    def on_mount(self) -> None:
        found = self.query_one(MarkedList)
        found.highlighted = self._index
        found.focus()

    @property
    def _presets(self) -> tuple[Preset, ...]:
        return self._opened.context.presets

    def _rows(self) -> list[str]:
        rows = []
        for number, preset in enumerate(self._presets, 1):
            key = str(number) if number < 10 else " "
            mark = "*" if active(self._line, preset) else " "
            rows.append(f" {key}{mark} {preset.name:<14} {printable(preset.title, 60)}")
        return rows

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        preset = self._presets[event.option_index]
        self._index = event.option_index
        self.query_one(Scrolled).show(self._description(preset))
        undo = active(self._line, preset)
        key = f"Enter or {self._index + 1}" if self._index < 9 else "Enter"
        does = "takes it out" if undo else "puts it in"
        self.query_one("#ask", Text).show(f"{key} {does}; Esc changes nothing")
        self.fit()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self._answer(event.option_index)

    def action_number(self, number: int) -> None:
        """Go to a preset; where the cursor is there already, take it."""
        if number - 1 == self._index:
            self._answer(self._index)
        elif number <= len(self._presets):
            self.query_one(MarkedList).highlighted = number - 1

    def action_more(self) -> None:
        """Show what there is further down."""
        text = self.query_one(Scrolled)
        text.move(text.page, around=True)

    def action_leave(self) -> None:
        self.dismiss(None)

    def _answer(self, index: int) -> None:
        self.dismiss(self._opened.toggle(self._presets[index], self._line, self._base))

    def _description(self, preset: Preset) -> Styled:
        """Return what a preset does word by word, and what would be said of the line then."""
        width = max(20, self.query_one(Scrolled).size.width - 1)
        items = []
        for word in preset.add:
            known = next((known_word(one.text) for one in parse(word)), None)
            items.append(Item("+", f"{word}  {known.text}" if known else word))
        items += [Item("-", word) for word in preset.remove]
        found: list[Line] = list(lines((Group("", tuple(items)),), width))
        after = self._opened.toggle(preset, self._line, self._base)
        before = set(self._opened.review(self._line))
        for finding in self._opened.review(after):
            if finding.verdict is not Verdict.PASS and finding not in before:
                found += finding_text(finding._replace(forceable=False), width)
        return styled(found)
