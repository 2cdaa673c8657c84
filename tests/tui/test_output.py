"""What the terminal shows is what Textual drew, to the last cell; for fewer bytes."""

from __future__ import annotations

import dataclasses
import random

import pyte
import pytest
from rich.color import ColorSystem
from support.drawings import Drawing, emulator, visible

from warmboot.tui.output.canvas import Canvas
from warmboot.tui.output.shown import Shown
from warmboot.tui.terminal import Terminal

UNBOUNDED = 1 << 30
FRAMES = 25
XTERM = Terminal(usable=True, ascii=False, mouse=False, theme="night")
PLAIN = dataclasses.replace(XTERM, colours=False, erases_in_colour=False)
KINDS = {
    "xterm-256color": (XTERM, ColorSystem.EIGHT_BIT),
    "truecolor": (XTERM, ColorSystem.TRUECOLOR),
    "linux": (XTERM, ColorSystem.STANDARD),
    "screen": (dataclasses.replace(XTERM, erases_in_colour=False), ColorSystem.EIGHT_BIT),
    "vt220": (PLAIN, ColorSystem.STANDARD),
    "vt100": (
        dataclasses.replace(PLAIN, erases_characters=False, ends_attributes=False),
        ColorSystem.STANDARD,
    ),
}


class Ours:
    """Our way to an emulator: a canvas, what is known to be shown, and the emulator."""

    def __init__(self, terminal: Terminal, size: tuple[int, int]) -> None:
        self.canvas = Canvas(*size)
        self.canvas.colours = terminal.colours
        self.shown = Shown(terminal)
        self.screen, self.stream = emulator(size)

    def send(self, room: int = UNBOUNDED) -> tuple[int, bool]:
        """Send what there is room for; return how much that was, and whether that was all."""
        drawn, complete = self.shown.draw(self.canvas, room)
        self.stream.feed(drawn)
        return len(drawn.encode()), complete


def textual(drawing: Drawing) -> tuple[pyte.Screen, pyte.Stream]:
    return emulator((drawing.width, drawing.height))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(14))
def test_the_emulator_shows_what_textual_drew(kind: str, seed: int) -> None:
    terminal, colours = KINDS[kind]
    size = random.Random(seed).choice([(60, 16), (40, 15), (23, 7), (110, 5)])
    drawing = Drawing(seed, size, colours)
    theirs, stream = textual(drawing)
    ours = Ours(terminal, size)
    for frame in drawing.frames(FRAMES):
        stream.feed(frame)
        assert ours.canvas.feed(frame) == []
        assert ours.send()[1]
        expected = visible(theirs, colours=terminal.colours)
        assert visible(ours.screen, colours=terminal.colours) == expected
        assert (ours.screen.cursor.y, ours.screen.cursor.x) == (theirs.cursor.y, theirs.cursor.x)
        assert ours.send() == (0, True), "nothing changed, but something was sent"


@pytest.mark.parametrize("seed", range(40))
def test_left_out_frames_leave_nothing_behind(seed: int) -> None:
    """A line that takes a little now and then shows the last frame in the end."""
    choose = random.Random(seed)
    drawing = Drawing(seed, (60, 15), ColorSystem.EIGHT_BIT)
    theirs, stream = textual(drawing)
    ours = Ours(XTERM, (60, 15))
    for frame in drawing.frames(FRAMES):
        stream.feed(frame)
        ours.canvas.feed(frame)
        if choose.random() < 0.5:
            ours.send(choose.choice((1, 100, 400)))
    while not ours.send(200)[1]:
        pass
    assert visible(ours.screen) == visible(theirs)
