"""The full-screen program at a terminal: bytes for each key, first entries, memory."""

from __future__ import annotations

import os
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
    yield from _first_entries(root)


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


def _first_entries(root: Path) -> Iterator[Row]:
    """Yield the time to the first frame and the first entries over that of a bare table.

    In turns, for this machine may be busy. The processor's time beside it does not wait for others.
    """

    def spent(code: str, seen: Callable[[Emulator], object]) -> tuple[float, float]:
        start = time.monotonic()
        with emulate(root, program=(sys.executable, "-I", "-c", code)) as emulator:
            emulator.wait(lambda: seen(emulator), "what it shows first")
            return time.monotonic() - start, _processor(emulator.process.pid)

    shown: dict[str, tuple[str, Callable[[Emulator], object]]] = {
        "first frame": (terminal.START, lambda it: "warmboot" in it.text),
        "first entries": (terminal.START, _entry),
    }
    bare = "a bare table of Textual"
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in shown}
    for _ in range(RUNS):
        table = spent(BARE, lambda it: "6.12.57-sandbox" in it.text)
        for name, (code, seen) in shown.items():
            ours = spent(code, seen)
            found[name].append((ours[0] / table[0], ours[1] / table[1]))
    for name, ratios in found.items():
        clock, processor = (statistics.median(one) for one in zip(*ratios, strict=True))
        yield Row(f"{name} on the screen", bare, clock, 1.30)
        yield Row(f"… {name} in time of the processor", bare, processor)


def _processor(process: int) -> float:
    """Return the seconds that a process has used, itself and in the kernel (proc_pid_stat(5))."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        table(screen(Path(name)))
