"""How fast a line is found to be, on simulated lines with a clock of their own."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import pytest

from warmboot.tui.output.line import Line

QUESTION = 4  # bytes


@dataclass
class Wire:
    """Carries `rate` bytes a second, and an answer back after `delay` seconds; or none at all."""

    line: Line
    rate: float
    delay: float
    silent: bool = False
    now: float = 0.0
    queued: float = 0.0  # bytes sent and not carried yet
    sent: int = 0
    questions: deque[float] = field(default_factory=deque)  # bytes still before each
    answers: deque[float] = field(default_factory=deque)  # when each comes

    def send(self, count: int, *, ask: bool = False) -> None:
        asked = self.line.sent(count, self.now, ask=ask)
        self.queued += count + QUESTION * asked
        self.sent += count
        if asked and not self.silent:
            self.questions.append(self.queued)

    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        carried = min(self.queued, self.rate * seconds)
        self.queued -= carried
        self.questions = deque(left - carried for left in self.questions)
        while self.questions and self.questions[0] <= 0:
            self.questions.popleft()
            self.answers.append(self.now + self.delay)
        while self.answers and self.answers[0] <= self.now:
            self.line.answered(self.answers.popleft())

    def start(self) -> None:
        """Send what takes the terminal, before anything is drawn."""
        self.send(60, ask=True)
        for _ in range(300):
            self.pass_time(0.001)

    def draw(self, count: int) -> float:
        """Send as many bytes as the line has room for at a time; return the most ever queued."""
        most = 0.0
        while count > 0:
            if room := self.line.room(self.now):
                self.send(min(room, count))
                count -= room
            most = max(most, self.queued)
            self.pass_time(0.001)
        return most


LINES = [(rate, delay) for rate in (300, 960, 1920, 11520, 1e6, 1e9) for delay in (0.0, 0.05, 0.6)]


@pytest.mark.parametrize(("rate", "delay"), LINES)
def test_a_slow_line_is_noticed_and_never_has_much_queued(rate: float, delay: float) -> None:
    wire = Wire(Line(), rate, delay)
    wire.start()
    wire.draw(4000)
    assert wire.line.slow == (rate < 2500)
    if rate < 2500:
        assert wire.draw(4000) <= max(550, rate * (0.5 + delay)) + QUESTION * 8


@pytest.mark.parametrize(("rate", "delay"), LINES)
def test_a_line_is_kept_busy(rate: float, delay: float) -> None:
    wire = Wire(Line(), rate, delay)
    wire.start()
    wire.draw(4000)
    began = wire.now
    wire.draw(8000)
    # Twice the time that it takes at best, and for what is far away one round trip or two.
    assert wire.now - began <= 2 * 8000 / rate + 2 * delay + 0.1


@pytest.mark.parametrize("count", [10, 30, 100])
def test_little_drawn_over_a_long_way_is_not_taken_for_slow(count: int) -> None:
    wire = Wire(Line(), 1e6, 0.6)
    wire.start()
    for _ in range(50):
        wire.draw(count)
        wire.pass_time(0.7)
    assert not wire.line.slow


def test_a_terminal_that_never_answers_is_not_waited_for() -> None:
    wire = Wire(Line(), 1e6, 0.0, silent=True)
    wire.start()
    wire.draw(100_000)
    assert wire.now < 4
    assert not wire.line.slow
    assert wire.line.waiting == 0


def test_a_terminal_that_stops_answering_gets_something_now_and_then() -> None:
    wire = Wire(Line(), 960, 0.0)
    wire.start()
    wire.draw(2000)
    wire.silent = True
    before = wire.sent
    for _ in range(60):
        if room := wire.line.room(wire.now):
            wire.send(room)
        assert wire.line.wait(wire.now) <= 10
        wire.pass_time(1.0)
    assert 500 < wire.sent - before < 60 * 960


def test_a_line_said_to_be_slow_stays_so() -> None:
    wire = Wire(Line(slow=True), 1e9, 0.0)
    wire.start()
    wire.draw(20_000)
    assert wire.line.slow
