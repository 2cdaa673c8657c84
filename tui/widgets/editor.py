"""The editor of a command line, which knows many of its words."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.message import Message
from textual.widgets import TextArea

from warmboot.core.boot.known_words import KnownWord, completions, known_word
from warmboot.core.text import printable, shared_beginning

LONGEST = 65536  # characters; see warmboot.core.plan.command_line
_TALLEST = 6  # lines; what is longer scrolls


class CommandLineEditor(TextArea):
    """A command line: long ones wrap, but there is only one line. Tab completes known words."""

    class Moved(Message):
        """The cursor stands elsewhere, or among other letters."""

    def on_mount(self) -> None:
        self.cursor_blink = False
        self.to_end()

    def to_end(self) -> None:
        """Put the cursor behind the last word, where typing goes on."""
        self.move_cursor(self.document.end)

    def set_line(self, text: str) -> None:
        """Replace the line in one step that can be undone, with the cursor at its end."""
        if text != self.text:
            self.history.checkpoint()
            self.replace(text, (0, 0), self.document.end)
            self.history.checkpoint()
            self.to_end()

    def fit(self) -> None:
        """Be as high as the line is, up to a limit."""
        self.styles.height = max(1, min(_TALLEST, self.wrapped_document.height))

    @property
    def begun(self) -> str:
        """The word that the cursor stands behind, "" behind a blank."""
        before = self.text[: self.cursor_location[1]]
        return "" if not before or before[-1].isspace() else before.split()[-1]

    @property
    def offered(self) -> Sequence[KnownWord]:
        """The known words that the word at the cursor may become."""
        return [word for word in completions(self.begun) if word.name != self.begun]

    @property
    def explained(self) -> KnownWord | None:
        """What is known of the word at the cursor as it is."""
        return known_word(self.begun) if self.begun else None

    def complete(self) -> None:
        """Complete the word at the cursor as far as it is clear; pressed again, by the first."""
        begun, offered = self.begun, self.offered
        if not offered:
            self.app.bell()
            return
        longest = shared_beginning([word.name for word in offered])
        word = longest if len(longest) > len(begun) else offered[0].name
        row, column = self.cursor_location
        self.replace(word, (row, column - len(begun)), (row, column))

    def on_text_area_changed(self) -> None:
        self.fit()

    def on_text_area_selection_changed(self) -> None:
        self.post_message(self.Moved())

    def on_resize(self) -> None:
        """Wrap for the new width, and draw that: the base class draws only another height."""
        self.wrapped_document.wrap(self.wrap_width, self.indent_width)
        self.fit()
        self.refresh()

    async def _on_key(self, event: events.Key) -> None:
        if event.key in ("enter", "shift+enter", "ctrl+j", "tab"):
            event.prevent_default()
            event.stop()
            if event.key == "tab":
                self.complete()

    async def _on_paste(self, event: events.Paste) -> None:
        event.text = printable(event.text, LONGEST)  # TextArea's own handler puts it in
