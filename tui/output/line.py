"""How fast the line to the terminal is, and how much may be on its way.

The buffers between here and the terminal (ssh, a multiplexer, a serial driver) take seconds' worth
of bytes at once. So the terminal itself is asked where its cursor is, now and then; the answer
shows that it has drawn all that was sent before the question.
"""

from __future__ import annotations

from collections import deque

_FIRST = 1024  # bytes that may be on their way before anything was measured
_LEAST = 512  # the same on the slowest line
_MOST = 65536
_AHEAD = 0.4  # seconds' worth of bytes that may be on their way, besides what the way itself takes
_BLOCK = 256  # bytes; what is shorter tells more of how far it is than of how fast
_ENOUGH = 1000  # bytes that must have been sent in such blocks for their time to tell a speed
_SLOW = 2500.0  # bytes a second; a line at 19,200 baud has 1,920
_SILENT = 1.5  # seconds after which a terminal that never answered is taken for one that never does
_LOST = 8.0  # seconds after which an answer is taken for lost
_ASK = 128  # bytes that are worth a question


class Line:
    """Bytes sent and answers seen. Times are seconds of a clock that never goes back."""

    def __init__(self, *, slow: bool = False) -> None:
        self.slow = slow
        self._told = slow
        self._window = _LEAST if slow else _FIRST
        self._asked: deque[tuple[float, int]] = deque()  # when, and bytes since the one before
        self._unasked = 0
        self._answered = False
        self._silent = False
        self._way = float("inf")  # the shortest time to an answer
        self._last_answer = float("-inf")
        self._measured = (0, 0.0)  # bytes, and the time that the line itself took for them

    @property
    def waiting(self) -> int:
        """How many questions are not answered; none where the terminal does not answer."""
        return len(self._asked)

    def room(self, now: float) -> int:
        """Return how many bytes may be sent now."""
        self._give_up(now)
        if self._silent:
            return _MOST
        room = self._window - self._unasked - sum(count for _, count in self._asked)
        return min(room, self._window // 2) if room >= _ASK else 0

    def wait(self, now: float) -> float:
        """Return the seconds after which there is room even without an answer."""
        return max(0.0, self._asked[0][0] + self._patience - now) if self._asked else 0.0

    def sent(self, count: int, now: float, *, ask: bool = False) -> bool:
        """Note that bytes are sent; return whether to ask behind them, as `ask` wants anyway."""
        self._unasked += count
        if self._silent or not (ask or self._unasked >= _ASK):
            return False
        self._asked.append((now, self._unasked))
        self._unasked = 0
        return True

    def answered(self, now: float) -> None:
        """Note that the terminal has drawn all that was sent before the oldest question."""
        self._answered = True
        if self._silent:
            self._silent, self._unasked = False, 0
        if not self._asked:
            return
        asked, count = self._asked.popleft()
        self._measure(asked, count, now)
        self._last_answer = now

    def _measure(self, asked: float, count: int, now: float) -> None:
        """Take the time that `count` bytes took, less what the way there and back takes."""
        self._way = min(self._way, now - asked)
        if count < _BLOCK:
            return
        # Either it queued behind the bytes before it, or it was alone.
        spent = now - max(self._last_answer, asked + self._way)
        bytes_, seconds = self._measured[0] + count, self._measured[1] + spent
        self._measured = (bytes_, seconds)
        if bytes_ >= _ENOUGH:
            self._judge(bytes_ / max(seconds, 1e-6))
            self._measured = (0, 0.0)

    def _judge(self, speed: float) -> None:
        self._window = int(max(_LEAST, min(_MOST, speed * (_AHEAD + self._way))))
        if speed < _SLOW:
            self.slow = True
        elif speed > 2 * _SLOW:
            self.slow = self._told

    @property
    def _patience(self) -> float:
        return _LOST if self._answered else _SILENT

    def _give_up(self, now: float) -> None:
        """Wait no longer for answers that do not come."""
        while self._asked and now >= self._asked[0][0] + self._patience:
            self._asked.popleft()
            if not self._answered:
                self._silent = True
                self._asked.clear()
