"""Warmboot's driver for Textual: sends the cells that differ, as fast as the line takes them.

Textual draws as if every terminal were near. Here what it draws is kept, and the terminal gets what
changed. While the line is busy, frames that nobody would see are left out; the last one is sent.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType

from textual import events
from textual.app import App
from textual.driver import Driver
from textual.drivers.linux_driver import LinuxDriver
from textual.message import Message

from warmboot.core.hints import Any
from warmboot.tui.output.canvas import Canvas
from warmboot.tui.output.line import Line
from warmboot.tui.output.outlet import Outlet
from warmboot.tui.output.shown import Shown
from warmboot.tui.terminal import Terminal

_WHERE = b"\x1b[6n"  # asks for the cursor's position
_CLEAR = "\x1b[0m\x1b[H\x1b[J"
_FRAME_BEGINS, _FRAME_ENDS = "\x1b[?2026h", "\x1b[?2026l"
_STDERR = 2  # where Textual writes, too
_BIG = 1024  # bytes of a frame that is worth to be shown at one stroke
#: Private modes that a VT220 and a kernel's console have: cursor, wrapping, the other screen.
_OLD_MODES = ("\x07", "\x1b[?25", "\x1b[?7", "\x1b[?1049")
_RESIZING = 0.1  # seconds that Textual may take to draw in another size
_LAST_ANSWERS = 1.0  # seconds to wait for answers before the terminal is given back
_LAST_BYTES = 3.0  # seconds to wait until a slow line has taken the last bytes


def driver_for(
    terminal: Terminal, colours: Callable[[], bool], line_changed: Callable[[bool], None]
) -> type[Driver]:
    """Return the driver for a terminal.

    `colours` tells whether the theme has any; `line_changed` hears whether the line is slow.
    """

    class TerminalDriver(LineDriver):
        def __init__(self, app: App[Any], **options: Any) -> None:
            super().__init__(app, terminal, colours, line_changed, **options)

    return TerminalDriver


class LineDriver(LinuxDriver):
    """Keeps what Textual draws, and what the terminal shows of it."""

    def __init__(
        self,
        app: App[Any],
        terminal: Terminal,
        colours: Callable[[], bool],
        line_changed: Callable[[bool], None],
        **options: Any,
    ) -> None:
        super().__init__(app, **options)
        self._terminal = terminal
        self._colours = colours
        self._line_changed = line_changed
        self._canvas = Canvas(*self._get_terminal_size())
        self._shown = Shown(terminal)
        self._line = Line(slow=terminal.slow)
        self._slow = terminal.slow
        self._outlet: Outlet | None = None
        self._writing = False  # whether the outlet has a block
        self._urgent: list[str] = []  # what draws nothing
        self._complete = True  # whether the terminal shows what is wanted
        self._at_one_stroke = False
        self._timer: asyncio.TimerHandle | None = None
        self._ask = True  # whether to ask behind the next block, however short
        self._answers: list[float] = []  # when; filled by the thread that reads
        self._answer_came = threading.Event()

    # What Textual calls -----------------------------------------------------------------------

    def write(self, data: str) -> None:
        """Take what Textual draws; `flush` lets it be sent."""
        if threading.current_thread() is self._key_thread:
            self._on_loop(lambda: self.write(data))
            return
        self._canvas.colours = self._terminal.colours and self._colours()
        for sequence in self._canvas.feed(data):
            if sequence == _FRAME_BEGINS:
                self._at_one_stroke = True
            elif sequence != _FRAME_ENDS and self._understood(sequence):
                self._urgent.append(sequence)
        self._complete = False
        if self._urgent:
            self._loop.call_soon(self._send)

    def flush(self) -> None:
        """A frame is complete: send what the line has room for."""
        if self._app.size != self._canvas.size:
            self._canvas.resize(*self._app.size)
            self._shown.forget()
        self._send()

    def start_application_mode(self) -> None:
        """Take the terminal, and draw everything anew."""
        self._outlet = Outlet(_STDERR, lambda: self._on_loop(self._written))
        self._writing = False
        self._ask = True
        self._complete = False
        self._shown.forget()
        super().start_application_mode()  # type: ignore[no-untyped-call]
        told = signal.getsignal(signal.SIGWINCH)

        def resized(number: int, frame: FrameType | None) -> None:
            self._on_loop(self._resized)
            if callable(told):
                told(number, frame)

        signal.signal(signal.SIGWINCH, resized)

    def stop_application_mode(self) -> None:
        """Give the terminal back as it was."""
        self._complete = True
        super().stop_application_mode()
        if self._outlet is not None:
            end = "".join(self._urgent) + ("" if self._terminal.modes else _CLEAR)
            self._urgent.clear()
            self._outlet.send(end.encode())

    def disable_input(self) -> None:
        """Stop reading, once the answers that are under way are read: a shell would see them."""
        end = time.monotonic() + _LAST_ANSWERS
        while self._line.waiting > len(self._answers) and time.monotonic() < end:
            self._answer_came.clear()
            if self._line.waiting > len(self._answers):
                self._answer_came.wait(max(0.0, end - time.monotonic()))
        super().disable_input()

    def close(self) -> None:
        """Wait until the line took the last bytes, but not for a dead one."""
        super().close()
        if self._timer is not None:
            self._timer.cancel()
        if self._outlet is not None:
            self._outlet.close(_LAST_BYTES)
            self._outlet = None

    def process_message(self, message: Message) -> None:
        """Note the answers to our own questions; on the thread that reads."""
        if isinstance(message, events.CursorPosition):
            self._answers.append(time.monotonic())
            self._answer_came.set()
            self._on_loop(self._send)
            return
        if isinstance(message, events.Resize):
            self._on_loop(self._resized)
        super().process_message(message)

    def _sigtstp_application(self, *_: object) -> None:
        """Stop between two events: a signal may come in the middle of one."""
        self._on_loop(super()._sigtstp_application)

    def _sigcont_application(self, *_: object) -> None:
        """Go on; who was stopped without being told first gives the terminal back afterwards."""
        self._on_loop(self._go_on)

    def _go_on(self) -> None:
        if self._auto_restart and self._outlet is not None:
            self.suspend_application_mode()
        super()._sigcont_application()

    def _resized(self) -> None:
        """Draw everything anew: terminals keep what they like, even if it is the old size again."""
        self._shown.forget()
        self._complete = False
        self._loop.call_later(_RESIZING, self.flush)

    # Sending ----------------------------------------------------------------------------------

    def _send(self) -> None:
        """Send what the line has room for, unless the last block is still being written."""
        self._note_answers()
        if self._outlet is None or self._writing:
            return
        now = time.monotonic()
        block = "".join(self._urgent)
        self._urgent.clear()
        if not self._complete:
            block += self._drawn(now)
        if not block:
            return
        data = block.encode("utf-8", "replace")
        if self._line.sent(len(data), now, ask=self._ask):
            data += _WHERE
        self._ask = False
        self._writing = True
        self._outlet.send(data)

    def _drawn(self, now: float) -> str:
        """Return as much of what changed as the line has room for."""
        room = self._line.room(now)
        if not room:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self._loop.call_later(self._line.wait(now), self._send)
            return ""
        drawn, self._complete = self._shown.draw(self._canvas, room)
        if self._at_one_stroke and self._complete and len(drawn) > _BIG:
            return _FRAME_BEGINS + drawn + _FRAME_ENDS
        return drawn

    def _written(self) -> None:
        """The block has left; what changed meanwhile follows."""
        self._writing = False
        if self._urgent or not self._complete:
            self._send()

    def _note_answers(self) -> None:
        while self._answers:
            self._line.answered(self._answers.pop(0))
        if self._slow != self._line.slow:
            self._slow = self._line.slow
            self._line_changed(self._slow)

    def _understood(self, sequence: str) -> bool:
        """Whether the terminal knows a sequence; those that are old fear what they do not know."""
        return self._terminal.modes or sequence.startswith(_OLD_MODES)

    def _on_loop(self, call: Callable[[], None]) -> None:
        """Have something called between two events, from any thread or signal."""
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(call)
