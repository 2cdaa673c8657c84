"""A machine in QEMU whose serial console is a terminal on this side.

What a guest did is told by what it printed: `Guest.wait_for` returns on the text that proves it,
and raises with the end of the transcript on silence, on a guest that ended, and on a crash.
"""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import termios
import time
import tty
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from .fetch import Arch

Talked = TypeVar("Talked")

CRASH = re.compile(r"Kernel panic|Internal error: Oops|Oops: |BUG: unable to handle")
TAIL = 40  # lines of the transcript that an error shows
ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[ -/]*[0-Z\\-~])")  # ECMA-48 control sequences


@dataclass(frozen=True)
class Board:
    """A machine that QEMU emulates; `memory` in MiB."""

    emulator: str
    options: tuple[str, ...]
    console: str
    memory: int


# The x86-64 CPU lacks cmpxchg16b because QEMU 7.2 now and then crashes on it; the arm64 one is a
# real model because Debian's 6.12 oopses on QEMU's "max".
BOARDS = {
    Arch.AMD64: Board("qemu-system-x86_64", ("-M", "q35", "-cpu", "max,-cx16"), "ttyS0", 768),
    Arch.ARM64: Board("qemu-system-aarch64", ("-M", "virt", "-cpu", "cortex-a57"), "ttyAMA0", 512),
    Arch.LOONG64: Board("qemu-system-loongarch64", ("-M", "virt", "-cpu", "la464"), "ttyS0", 1536),
    Arch.PPC64EL: Board("qemu-system-ppc64", ("-M", "pseries", "-cpu", "power9"), "hvc0", 1024),
    Arch.RISCV64: Board("qemu-system-riscv64", ("-M", "virt"), "ttyS0", 1024),
}


class GuestError(Exception):
    """The guest did not do what was waited for."""


class GuestCrashError(GuestError):
    """QEMU or a kernel in it crashed: worth one more try."""


def machine(arch: Arch, kernel: Path, initramfs: Path) -> list[str]:
    """The command that boots `kernel` in QEMU, its serial console on standard input and output."""
    board = BOARDS[arch]
    return [
        *(board.emulator, *board.options, "-accel", "tcg", "-m", str(board.memory)),
        *("-nodefaults", "-display", "none", "-monitor", "none", "-no-reboot"),
        *("-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console"),
        *("-kernel", str(kernel), "-initrd", str(initramfs)),
        *("-append", f"console={board.console} panic=-1 quiet loglevel=3"),
    ]


class Guest:
    """A running machine; a context manager that ends QEMU when it is left."""

    def __init__(self, command: Sequence[str]) -> None:
        self._command = command
        self._printed = bytearray()
        self._position = 0
        self._listener: Callable[[bytes], None] | None = None
        self._crash_expected = False

    def __enter__(self) -> Self:
        self._terminal, other_end = pty.openpty()
        tty.setraw(other_end, termios.TCSANOW)
        self._qemu = subprocess.Popen(
            self._command, stdin=other_end, stdout=other_end, stderr=subprocess.STDOUT
        )
        os.close(other_end)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._qemu.kill()
        self._qemu.wait()
        os.close(self._terminal)

    @property
    def transcript(self) -> str:
        """All that the console printed, with plain line ends."""
        return self._printed.decode(errors="replace").replace("\r", "")

    def listen(self, listener: Callable[[bytes], None]) -> None:
        """Give what the console prints from now on to `listener` as well."""
        self._listener = listener

    def type(self, keys: bytes) -> None:
        """Send bytes to the console."""
        os.write(self._terminal, keys)

    def expect_crash(self) -> None:
        """Take it from now on that the kernel which runs is to panic."""
        self._crash_expected = True

    def wait_for(self, pattern: str, seconds: float) -> re.Match[str]:
        """Return the next match of `pattern` in the transcript, behind the one before it."""
        expression = re.compile(pattern, re.MULTILINE)
        found: list[re.Match[str]] = []

        def matched() -> bool:
            found.extend(expression.finditer(self.transcript, self._position))
            return bool(found)

        self.wait_until(matched, seconds, f"{pattern!r} on the console")
        self._position = found[0].end()
        return found[0]

    def wait_until(self, condition: Callable[[], bool], seconds: float, what: str) -> None:
        """Read the console until `condition`; raises GuestError or GuestCrashError."""
        deadline = time.monotonic() + seconds
        while not condition():
            if not self._crash_expected and CRASH.search(self.transcript):
                raise GuestCrashError(self._story(f"a kernel crashed before {what}"))
            left = deadline - time.monotonic()
            if left <= 0:
                raise GuestError(self._story(f"{seconds:g} s without {what}"))
            if select.select([self._terminal], [], [], left)[0] and not self._read():
                self._ended(condition, what)
                return

    def _read(self) -> bool:
        """Read what is there; False once QEMU has ended."""
        try:
            data = os.read(self._terminal, 65536)
        except OSError:  # EIO: the other end is closed
            return False
        self._printed += data
        if data and self._listener is not None:
            self._listener(data)
        return bool(data)

    def _ended(self, condition: Callable[[], bool], what: str) -> None:
        code = self._qemu.wait()
        if condition():
            return
        failure = GuestCrashError if code != 0 else GuestError
        raise failure(self._story(f"the guest ended (QEMU's exit code {code}) before {what}"))

    def _story(self, problem: str) -> str:
        text = re.sub(" {3,}", "  ", ESCAPE.sub("", self.transcript))
        lines = [line.rstrip()[:200] for line in text.splitlines() if line.strip()]
        tail = "\n".join(f"  | {line}" for line in lines[-TAIL:]) or "  | (it printed nothing)"
        return f"{problem}; the console's last lines:\n{tail}"


def converse(command: Sequence[str], talk: Callable[[Guest], Talked]) -> Talked:
    """Boot a machine and talk to it; once more, from the beginning, if it crashed."""
    try:
        with Guest(command) as guest:
            return talk(guest)
    except GuestCrashError:
        with Guest(command) as guest:
            return talk(guest)


@dataclass(frozen=True)
class Step:
    """A command that a scenario ran."""

    code: int
    output: str


_STEP = re.compile(r"^e2e: begin (\S+)\n(.*?)^e2e: end \1 (\d+)$", re.MULTILINE | re.DOTALL)


def steps(transcript: str) -> dict[str, Step]:
    """The finished steps of a scenario (guest/report.sh), by name."""
    return {name: Step(int(code), text) for name, text, code in _STEP.findall(transcript)}
