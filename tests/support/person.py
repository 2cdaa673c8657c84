"""A person at the full-screen program: reads the screen, presses keys, waits for what they see."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from textual.pilot import Pilot

from warmboot.tui.app import WarmbootApp
from warmboot.tui.terminal import Terminal
from warmboot.tui.widgets.entry_list import EntryList

PATIENCE = 20.0  # seconds
TICK = 0.01  # seconds between two looks at the screen
HOST = "sandbox"
UTF8 = Terminal(usable=True, ascii=False, mouse=False, theme="night")
ASCII = Terminal(usable=True, ascii=True, mouse=False, theme="mono")


class Person:
    """Sits before `root` on a terminal."""

    def __init__(self, pilot: Pilot[int], app: WarmbootApp, root: Path) -> None:
        self.pilot = pilot
        self.app = app
        self.root = root

    @property
    def lines(self) -> list[str]:
        """What stands on the screen, line by line."""
        strips = self.app.screen._compositor.render_strips()
        return [strip.text.rstrip() for strip in strips]

    @property
    def text(self) -> str:
        """What stands on the screen."""
        return "\n".join(self.lines)

    def line_with(self, text: str) -> str:
        """Return the first line that holds `text`."""
        return next(line for line in self.lines if text in line)

    def says(self, title: str) -> str:
        """Return what the list says of the entry whose title begins so: its state and marks."""
        found = self.app.screen.query_one(EntryList)
        for row in found.rows:
            if row.entry.title.startswith(title):
                cells = found.cells(row)
                return " ".join(filter(None, (cells.state.text, *cells.marks)))
        return ""

    async def wait(self, condition: Callable[[], object], what: str) -> None:
        """Wait until `condition` holds; say what was waited for, and what was seen, otherwise."""
        end = time.monotonic() + PATIENCE
        while not condition():
            if time.monotonic() > end:
                raise AssertionError(f"waited for {what}; the screen:\n{self.text}")
            await self.pilot.pause(TICK)
        await self.pilot.pause()

    async def see(self, *texts: str) -> None:
        """Wait until every text stands on the screen."""
        for text in texts:
            await self.wait(lambda text=text: text in self.text, repr(text))  # type: ignore[misc]

    async def see_no(self, text: str) -> None:
        """Wait until a text is gone."""
        await self.wait(lambda: text not in self.text, f"no {text!r}")

    async def press(self, *keys: str) -> None:
        """Press keys one after the other."""
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def write(self, text: str) -> None:
        """Type a text."""
        await self.press(*text)

    async def choose(self, title: str) -> None:
        """Move the cursor to the entry whose title begins so."""
        await self.see("Enter Plan", "Kernel")
        found = self.app.screen.query_one(EntryList)
        await self.wait(lambda: found.row, "entries")
        for _ in range(40):
            if found.row is not None and found.row.entry.title.startswith(title):
                return
            await self.press("down")
        raise AssertionError(f"no entry {title!r} in reach:\n{self.text}")

    async def judged(self, title: str, text: str) -> None:
        """Wait until the list says so of an entry."""
        await self.wait(lambda: text in self.says(title), f"{text!r} said of {title!r}")

    async def plan(self, title: str) -> None:
        """Open the plan of an entry."""
        await self.choose(title)
        await self.press("enter")
        await self.see("Esc Back", "PLAN")

    async def stage(self, title: str) -> None:
        """Stage an entry of the list, and come back to the list."""
        await self.plan(title)
        await self.press("s")
        await self.see("is staged", "OK")
        await self.press("enter")
        await self.see("STAGED")

    def is_loaded(self) -> bool:
        """Whether the simulated kernel holds something to restart into."""
        return (self.root / "sys/kernel/kexec_loaded").read_text() == "1\n"

    @property
    def kernel_has(self) -> dict[str, object]:
        """What the simulated kernel was given."""
        record = json.loads((self.root / ".warmboot-kernel/staged.json").read_text())
        if not isinstance(record, dict):
            raise TypeError(f"staged.json holds {record!r}")
        return record


@asynccontextmanager
async def sit_down(
    root: Path, *, size: tuple[int, int] = (80, 24), terminal: Terminal = UTF8
) -> AsyncIterator[Person]:
    """Start the program on `root`."""
    app = WarmbootApp(root, terminal)
    async with app.run_test(size=size) as pilot:
        yield Person(pilot, app, root)
        await asyncio.wait_for(app.workers.wait_for_complete(), PATIENCE)
