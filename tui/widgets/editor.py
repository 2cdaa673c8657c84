"""The editor of a command line."""

from __future__ import annotations

from textual import events
from textual.widgets import TextArea

from warmboot.core.text import printable

LONGEST = 65536  # characters; see warmboot.core.plan.command_line


class CommandLineEditor(TextArea):
    """A command line: long ones wrap, but there is only one line."""

    async def _on_key(self, event: events.Key) -> None:
        if event.key in ("enter", "shift+enter", "ctrl+j"):
            event.prevent_default()
            event.stop()
            return
        await super()._on_key(event)

    async def _on_paste(self, event: events.Paste) -> None:
        event.text = printable(event.text, LONGEST)
        await super()._on_paste(event)
