"""The list of entries, with a cursor that needs no colour."""

from __future__ import annotations

from rich.segment import Segment
from textual.content import Content
from textual.strip import Strip
from textual.widgets import OptionList

LINES = 2  # of each entry; the style sheet forbids wrapping


class EntryList(OptionList):
    """Draws ``>`` before the highlighted entry: on a vt220, colour alone would say nothing."""

    def render_line(self, y: int) -> Strip:
        """Return a line of the list; only lines in view are asked for."""
        strip = super().render_line(y)
        if self.highlighted is None or self.scroll_offset.y + y != self.highlighted * LINES:
            return strip
        style = next((segment.style for segment in strip), None)
        return Strip.join([Strip([Segment(">", style)], 1), strip.crop(1)])

    def draw(self, index: int, prompt: Content) -> None:
        """Replace an entry's lines; the same lines again cost nothing."""
        if self.get_option_at_index(index).prompt != prompt:
            self.replace_option_prompt_at_index(index, prompt)
