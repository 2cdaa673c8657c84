"""Pictures of the screens as text: what stands in each row, and a short digest of how it looks."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from unittest import mock

from rich.console import Console
from textual.app import App

from support.person import ASCII, UTF8, Person
from warmboot.tui.output.canvas import Canvas
from warmboot.tui.output.stand_ins import stand_in
from warmboot.tui.terminal import Terminal

SIZES = ((80, 24), (120, 40), (200, 50))
NOW = 1793880000.0  # 2026-11-05 12:00:00 UTC, when all pictures are taken
QUIET = 0.2  # seconds without a change, after which a screen is taken for complete
_REDRAWN = 0.06  # the same, where it was only drawn in another size or theme
_LOOKS = 3  # how often it has to be seen unchanged, however busy this machine is
_STEP = 0.03  # seconds
_CONSOLE = Console(color_system="truecolor", force_terminal=True, legacy_windows=False)
_DIGITS = 4  # of a digest, for each row


@dataclass(frozen=True, slots=True)
class Look:
    """How a screen can look: a theme, on a terminal."""

    theme: str
    terminal: Terminal


LOOKS = (Look("night", UTF8), Look("day", UTF8), Look("mono", ASCII))

#: Pictures of one screen: by size and theme.
Pictures = Mapping[tuple[tuple[int, int], str], Canvas]


def _drawn(app: App[int]) -> str:
    """Return what an app shows, as it would be written to a terminal in full colour."""
    update = app.screen._compositor.render_update(full=True)
    return update.render_segments(_CONSOLE)  # type: ignore[union-attr, no-any-return]


async def settled(person: Person, *, colours: bool = True, seconds: float = QUIET) -> Canvas:
    """Wait until nothing changes any more, and nothing is under way; return what is shown then."""
    last, quiet, looks = _drawn(person.app), 0.0, 0
    while quiet < seconds or looks < _LOOKS:
        await person.pilot.pause(_STEP)
        await person.pilot.pause()  # until all that was sent between widgets has arrived
        busy = any(not worker.is_finished for worker in person.app.workers)
        now = _drawn(person.app)
        same = not busy and now == last
        quiet, looks = (quiet + _STEP, looks + 1) if same else (0.0, 0)
        last = now
    canvas = Canvas(*person.app.size)
    canvas.colours = colours
    canvas.feed(last)
    return canvas


async def photograph(person: Person, looks: Sequence[Look]) -> Pictures:
    """Return pictures of the screen that a person sees, in all sizes and in looks of a terminal."""
    pictures = {}
    await settled(person)
    for size in SIZES:
        await person.pilot.resize_terminal(*size)
        for look in looks:
            person.app.theme = look.theme
            colours = look.theme != "mono"
            pictures[size, look.theme] = await settled(person, colours=colours, seconds=_REDRAWN)
    return pictures


def as_text(pictures: Pictures) -> str:
    """Return pictures as they are kept: a line for each row, behind a digest for each look.

    Where a look has other characters than the first one, its own row follows; not for ASCII that
    only stands for others.
    """
    lines = [f"digests: {' '.join(look.theme for look in LOOKS)}"]
    for size in SIZES:
        lines += ["", f"{size[0]}x{size[1]}"]
        for y in range(size[1]):
            rows = [pictures[size, look.theme].rows[y] for look in LOOKS]
            texts = ["".join(text for text, _ in row).rstrip() for row in rows]
            digests = " ".join(_digest(repr(row)) for row in rows)
            lines.append(f"{digests} |{texts[0]}".rstrip())
            margin = " " * (len(digests) + 1)
            plain = "".join(stand_in(text) for text in texts[0])
            others = dict.fromkeys(text for text in texts if text not in (texts[0], plain))
            lines += [f"{margin}|{text}" for text in others]
    return "\n".join(lines) + "\n"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]


@contextmanager
def standing_time() -> Iterator[None]:
    """Let it be NOW, in UTC."""
    with mock.patch.dict(os.environ, TZ="UTC"), mock.patch("time.time", return_value=NOW):
        time.tzset()
        yield
    time.tzset()
