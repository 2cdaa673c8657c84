"""A terminal emulator with a person before it: warmboot on a pseudo terminal, seen through pyte."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyte

PATIENCE = 30.0  # seconds
LOOK = 0.05  # seconds between two looks whether the program works
PACE = 0.02  # seconds between two reads from a slow line
START = "import sys; from warmboot.tui.entry import run; sys.exit(run())"
#: Variables of whoever runs the tests that tell of another terminal.
HIDDEN = ("COLORTERM", "COLUMNS", "LINES", "NO_COLOR", "TERM_PROGRAM", "WARMBOOT_THEME")
KEYS = {
    "up": b"\x1b[A",
    "down": b"\x1b[B",
    "right": b"\x1b[C",
    "left": b"\x1b[D",
    "enter": b"\r",
    "escape": b"\x1b",
    "end": b"\x1b[F",
    "tab": b"\t",
}


class Emulator:
    """Runs warmboot on `root`. `rate`: bytes a second that its line carries, 0 for any number.

    `seen` is what came through the line. `before` is Python that runs first; `program` is started
    instead of the installed one.
    """

    def __init__(
        self,
        root: Path,
        *arguments: str,
        size: tuple[int, int] = (80, 24),
        rate: int = 0,
        before: str = "",
        program: Sequence[str] = (),
        **environment: str,
    ) -> None:
        self.rate = rate
        self.screen = pyte.Screen(*size)
        self.screen.write_process_input = self._answer  # type: ignore[method-assign]
        self._stream = pyte.ByteStream(self.screen)
        self.master, self.slave = pty.openpty()
        self.attributes = termios.tcgetattr(self.slave)
        self.seen = b""
        termios.tcsetwinsize(self.master, (size[1], size[0]))
        outside = {name: value for name, value in os.environ.items() if name not in HIDDEN}
        variables = {**outside, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8", **environment}
        self.process = subprocess.Popen(
            [
                *(program or (sys.executable, "-I", "-c", before + START)),
                *("--root", str(root), *arguments),
            ],
            stdin=self.slave,
            stdout=self.slave,
            stderr=self.slave,
            start_new_session=True,
            env=variables,
        )

    def _answer(self, data: str) -> None:
        os.write(self.master, data.encode())

    @property
    def count(self) -> int:
        """How many bytes came through the line."""
        return len(self.seen)

    @property
    def lines(self) -> list[str]:
        """What stands on the screen, line by line."""
        return [line.rstrip() for line in self.screen.display]

    @property
    def text(self) -> str:
        """What stands on the screen."""
        return "\n".join(self.lines)

    def read(self, seconds: float) -> int:
        """Show what comes within a time; return how many bytes came first, 0 for silence."""
        ready, _, _ = select.select([self.master], [], [], seconds)
        if not ready:
            return 0
        share = max(1, int(self.rate * PACE)) if self.rate else 65536
        data = os.read(self.master, share)
        self.seen += data
        self._stream.feed(data)
        if self.rate:
            time.sleep(len(data) / self.rate)
        return len(data)

    def wait(self, condition: Callable[[], object], what: str) -> float:
        """Read until a condition holds; return the seconds it took."""
        start = time.monotonic()
        while not condition():
            if time.monotonic() > start + PATIENCE:
                raise AssertionError(f"waited for {what}; the screen:\n{self.text}")
            self.read(0.05)
        return time.monotonic() - start

    def see(self, *texts: str) -> None:
        """Wait until every text stands on the screen."""
        for text in texts:
            self.wait(lambda text=text: text in self.text, repr(text))  # type: ignore[misc]

    def wait_a_moment(self, seconds: float) -> None:
        """Read what comes within a time."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.read(left)

    def settle(self, seconds: float = 0.5) -> int:
        """Read until nothing came for a while, and nothing was worked on; return the bytes."""
        before, quiet, end = self.count, 0.0, time.monotonic() + PATIENCE
        while True:
            if self.read(min(seconds, LOOK)):
                quiet = 0.0
                continue
            quiet = 0.0 if self._works and time.monotonic() < end else quiet + LOOK
            if quiet >= seconds:
                return self.count - before

    @property
    def _works(self) -> bool:
        """Whether a thread of the program runs, or would on a machine with nothing else to do."""
        for path in Path(f"/proc/{self.process.pid}/task").glob("*/stat"):
            with contextlib.suppress(OSError):  # it has ended
                if path.read_text().rpartition(")")[2].split()[0] in ("R", "D"):
                    return True
        return False

    def press(self, *keys: str) -> None:
        """Press keys: a name in KEYS, or characters."""
        for key in keys:
            os.write(self.master, KEYS.get(key) or key.encode())

    def resize(self, columns: int, rows: int) -> None:
        """Give the window another size."""
        self.screen.resize(rows, columns)
        termios.tcsetwinsize(self.master, (rows, columns))
        self.process.send_signal(signal.SIGWINCH)

    def draw_anew(self) -> None:
        """Have everything drawn again, by another size and back; wait for the same screen again."""
        lines = self.lines
        columns, rows = self.screen.columns, self.screen.lines
        self.resize(columns - 1, rows)
        self.settle()
        self.resize(columns, rows)
        self.screen.reset()
        before = "\n".join(lines)
        self.wait(lambda: self.lines == lines, f"this again, drawn at once:\n{before}\n")

    def wait_for_end(self) -> int:
        """Read until the program has ended and all it wrote was read; return its exit code."""
        self.wait(lambda: self.process.poll() is not None, "the end")
        self.settle(0.0)
        return self.process.wait()

    def hang_up(self) -> None:
        """Let the line go dead."""
        for fd in (self.slave, self.master):
            if fd >= 0:
                os.close(fd)
        self.slave = self.master = -1


@contextmanager
def emulate(root: Path, *arguments: str, **options: object) -> Iterator[Emulator]:
    """Run warmboot on a terminal of its own; see Emulator."""
    emulator = Emulator(root, *arguments, **options)  # type: ignore[arg-type]
    try:
        yield emulator
    finally:
        emulator.hang_up()
        if emulator.process.poll() is None:
            emulator.process.kill()
        emulator.process.wait()
