"""A line of the table of results: what was measured, beside what, and its bound."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

RESULTS = Path(__file__).parent / "RESULTS.md"
HEAD = "| what | against | before | measured | bound |\n|---|---|---|---|---|"
MISSED = "**missed**"


class Row(NamedTuple):
    """One figure. `bound` is the most it may be (the least, where `at_least`), None without one.

    `form` writes the figure; `text` stands for it where nothing was measured.
    """

    what: str
    against: str
    figure: float | None
    bound: float | None = None
    form: str = "{:.2f}"
    at_least: bool = False
    text: str = "not measured"

    @property
    def missed(self) -> bool:
        """Whether the figure is out of its bound."""
        if self.figure is None or self.bound is None:
            return False
        return self.figure < self.bound if self.at_least else self.figure > self.bound

    def line(self, before: dict[tuple[str, str], str]) -> str:
        """Return the line of the table, with the figure that stood there `before`."""
        now = self.text if self.figure is None else self.form.format(self.figure)
        bound = ""
        if self.bound is not None:
            bound = f"{'≥' if self.at_least else '≤'} {self.form.format(self.bound)}"
        mark = f"{bound} {MISSED}" if self.missed else bound
        was = before.get((self.what, self.against), "")
        return f"| {self.what} | {self.against} | {was} | {now} | {mark} |"


def figures_before() -> dict[tuple[str, str], str]:
    """Return the figures of the results that are kept, by what they are of."""
    found: dict[tuple[str, str], str] = {}
    for line in RESULTS.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if len(cells) in (4, 5) and line.startswith("|"):
            found.setdefault((cells[0], cells[1]), cells[-2])
    return found


def table(rows: Iterable[Row]) -> tuple[str, list[Row]]:
    """Print rows as they come; return them all as a table, and those that missed their bound."""
    before = figures_before()
    lines, missed = [HEAD], []
    print(HEAD, flush=True)
    for row in rows:
        lines.append(row.line(before))
        print(lines[-1], flush=True)
        if row.missed:
            missed.append(row)
    return "\n".join(lines) + "\n", missed
