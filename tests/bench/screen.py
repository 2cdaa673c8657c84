"""The full-screen program at a terminal: bytes for each key, first entries, memory."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from row import Row, table
from support import emulator as terminal
from support.emulator import Emulator, emulate

from warmboot.core.sandbox.tree import create_sandbox

REST = 1.5  # seconds of silence that tell that all is drawn
RUNS = 7
TERMS = {"xterm-256color": 1500, "linux": 1000, "vt220": 1000}  # bytes for a key on the list
KEYS = {"help": "?", "plan": "\r", "inside": "i", "doctor": "d", "history": "h"}
#: What Textual needs at least: a table of as many rows, and nothing around it.
BARE = """
from textual.app import App
from textual.widgets import DataTable
class Bare(App):
    def compose(self):
        yield DataTable(cursor_type="row")
    def on_mount(self):
        table = self.query_one(DataTable)
        table.add_columns("ENTRY", "VERSION", "STATE")
        for number in range(9):
            table.add_row(f"> Warmboot Linux 7 ({number})", "6.12.57-sandbox", "ready")
Bare().run()
"""


def screen(folder: Path) -> Iterator[Row]:
    """Yield a line for each thing measured."""
    root = folder / "sandbox"
    create_sandbox(root)
    for term, most in TERMS.items():
        yield from _bytes(root, term, most)
    yield _first_entries(root)


def _entry(emulator: Emulator) -> str:
    return next((line for line in emulator.lines if line.startswith(">")), "")


def _bytes(root: Path, term: str, most: int) -> Iterator[Row]:
    """Yield what starting and keys cost on a terminal of 80 columns and 24 rows."""
    with emulate(root, TERM=term) as emulator:
        emulator.wait(lambda: _entry(emulator), "an entry")
        while emulator.settle(REST):
            pass
        yield _count(f"bytes until all is drawn, {term}", emulator.count, 12000)
        before, count = _entry(emulator), emulator.count
        emulator.press("down")
        emulator.wait(lambda: _entry(emulator) not in ("", before), "the next entry")
        yield _count(f"bytes for Down, {term}", emulator.count - count, most)
        yield _count(f"… and for the details, {term}, once it rests", emulator.settle(REST), 3000)
        for name, key in KEYS.items():
            emulator.press(key)
            bound = 4000 if name == "help" else None
            yield _count(f"bytes for the screen {name}, {term}", emulator.settle(REST), bound)
            emulator.press("escape")
            emulator.settle(REST)
        status = Path(f"/proc/{emulator.process.pid}/status").read_text()
        size = next(line for line in status.splitlines() if line.startswith("RssAnon"))
        yield Row(f"memory of its own, {term}", "", int(size.split()[1]) >> 10, form="{:.0f} MiB")


def _count(what: str, figure: int, bound: int | None) -> Row:
    return Row(what, "", figure, bound, "{:.0f}")


def _first_entries(root: Path) -> Row:
    """Return a line with the time to the first entries over that of a bare table."""
    ours = terminal.START

    def seconds(code: str, seen: Callable[[Emulator], object]) -> float:
        terminal.START = code
        start = time.monotonic()
        with emulate(root) as emulator:
            emulator.wait(lambda: seen(emulator), "the first entry")
            return time.monotonic() - start

    pairs = [
        (seconds(ours, _entry), seconds(BARE, lambda it: "6.12.57-sandbox" in it.text))
        for _ in range(RUNS)
    ]
    terminal.START = ours
    ratio = statistics.median(one / other for one, other in pairs)
    return Row("first entries on the screen", "a bare table of Textual", ratio, 1.30)


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        table(screen(Path(name)))
