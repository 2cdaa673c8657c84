"""Pictures of the screens as text: what stands in each row, and a short digest of how it looks."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from unittest import mock

from rich.console import Console
from textual.app import App

from support.person import Person
from warmboot.tui.output.canvas import Canvas
from warmboot.tui.output.stand_ins import stand_in

SIZES = ((80, 24), (120, 40), (200, 50))
NOW = 1793880000.0  # 2026-11-05 12:00:00 UTC, when all pictures are taken
_LOOKS = 2  # how often it has to be seen unchanged, with nothing under way
_STEP = 0.01  # seconds between two looks
_CONSOLE = Console(color_system="truecolor", force_terminal=True, legacy_windows=False)
_DIGITS = 4  # of a digest, for each row


@dataclass(frozen=True)
class Look:
    """How a screen can look: a theme, on a terminal that shows all letters or ASCII only."""

    theme: str
    ascii: bool = False


LOOKS = (Look("night"), Look("day"), Look("mono", ascii=True))

#: Pictures of one screen: by size and theme.
Pictures = Mapping[tuple[tuple[int, int], str], Canvas]


def _drawn(app: App[int]) -> str:
    """Return what an app shows, as it would be written to a terminal in full colour."""
    update = app.screen._compositor.render_update(full=True)
    return update.render_segments(_CONSOLE)  # type: ignore[union-attr, no-any-return]


def _under_way(app: App[int]) -> bool:
    """Whether something goes on that may change the screen: a thread, or what waits for a time."""
    if any(not worker.is_finished for worker in app.workers):
        return True
    nodes = [app, *(node for screen in app.screen_stack for node in screen.walk_children())]
    timers = [timer for node in nodes for timer in node._timers]
    return any(timer._repeat == 0 and timer._task and not timer._task.done() for timer in timers)


async def settled(person: Person, *, colours: bool = True) -> Canvas:
    """Wait until nothing changes any more, and nothing is under way; return what is shown then."""
    last, looks = "", 0
    while looks < _LOOKS:
        await person.pilot.pause(_STEP)
        await person.pilot.pause()  # until all that was sent between widgets has arrived
        now = _drawn(person.app)
        looks = looks + 1 if now == last and not _under_way(person.app) else 0
        last = now
    canvas = Canvas(*person.app.size)
    canvas.colours = colours
    canvas.feed(last)
    return canvas


async def photograph(person: Person) -> Pictures:
    """Return pictures of the screen that a person sees, in all sizes and looks.

    One program goes through all: to start it anew for each took most of the time. A theme costs
    more than a size, and every letter or ASCII only is a matter of the terminal, so each kind of
    terminal goes through the sizes by itself.
    """
    pictures = {}
    await settled(person)
    for ascii_only in (False, True):
        looks = [look for look in LOOKS if look.ascii is ascii_only]
        person.app.set_class(ascii_only, "ascii")
        for size in SIZES:
            await person.pilot.resize_terminal(*size)
            for look in looks:
                person.app.theme = look.theme
                colours = look.theme != "mono"
                pictures[size, look.theme] = await settled(person, colours=colours)
            looks.reverse()  # the next size begins with the theme that is on
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
