"""Debian's grub-emu in a pseudo terminal: the menu that GRUB itself makes of a configuration.

Functions tell what an entry would load, one word in each line. Their names are the old ones,
``linux16`` and ``initrd16``: since 2.12 it has ``linux`` and ``initrd`` of its own.
"""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

#: The words of the last kernel, and of its last initrds; None where there are none.
Load = tuple[tuple[str, ...] | None, tuple[str, ...] | None]

SPY = "".join(
    f'function {name} {{ echo "@{name}"; for spied in "$@"; do echo "@=$spied="; done; '
    'echo "@."; }\n'
    for name in ("linux16", "initrd16")
)
_READY = re.compile(rb"\x1b\[23;1H +\x1b\[\d+;78H$")
_ROW = re.compile(rb"\x1b\[(\d+);3H([ *])([^\x1b]*)")
_ESCAPES = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]")
_TOLD = re.compile(r"@(linux|initrd)16\n((?:@=.*?=\n)*?)@\.\n", re.DOTALL)
_WORD = re.compile(r"@=(.*?)=\n(?=@)", re.DOTALL)
_FIRST_ROW = 5
_PATIENCE = 20.0  # seconds, on a busy machine
_UP, _DOWN, _ENTER, _LEAVE = b"\x1b[A", b"\x1b[B", b"\r", b"\x1b"


@dataclass
class Shown:
    """A menu as it is on the screen: titles, the highlighted line, what each line loads or shows.

    `loads` holds for each line its last kernel with its words, and its last initrds.
    """

    titles: list[str]
    highlighted: int
    loads: list[Load] = field(default_factory=list)
    inner: dict[int, Shown] = field(default_factory=dict)


class GrubEmu:
    """One grub-emu on the configuration in a folder; a context."""

    def __init__(self, program: str, folder: Path) -> None:
        self.buffer = b""
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.environ["TERM"] = "vt100"
            os.execv(program, [program, "-d", str(folder), "-r", "host"])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.terminal)

    def menu(self) -> Shown | None:
        """Return the whole menu, every entry executed once; None where there is no menu."""
        screen = self._wait()
        return None if screen is None else self._walk(screen)

    def load_at(self, path: Sequence[int]) -> Load:
        """Return what the entry at a position loads, chosen first of all."""
        screen = self._wait()
        for index in path:
            assert screen is not None, "there is no menu"
            current = _parse(screen).highlighted
            move = (_DOWN if index > current else _UP) * abs(index - current)
            screen = self._press(move + _ENTER)
        return _loads(screen or b"")

    def _walk(self, screen: bytes) -> Shown:
        shown = _parse(screen)
        current = shown.highlighted
        for index in range(len(shown.titles)):
            move = (_DOWN if index > current else _UP) * abs(index - current)
            output = self._press(move + _ENTER)
            shown.loads.append(_loads(output))
            after = _parse(output)
            if after.titles != shown.titles:
                shown.inner[index] = self._walk(output)
                after = _parse(self._press(_LEAVE))
            assert after.titles == shown.titles, "the menu has changed"
            current = after.highlighted
        return shown

    def _press(self, keys: bytes) -> bytes:
        self.buffer = b""
        os.write(self.terminal, keys)
        screen = self._wait()
        assert screen is not None, "the menu is gone"
        return screen

    def _wait(self) -> bytes | None:
        """Return what was shown up to a complete menu; None where GRUB asks for commands."""
        end = time.monotonic() + _PATIENCE
        answered = 0
        while time.monotonic() < end:
            ready, _, _ = select.select([self.terminal], [], [], 1.0)
            if ready:
                try:
                    self.buffer += os.read(self.terminal, 65536)
                except OSError as error:
                    raise AssertionError("grub-emu has ended") from error
            if _READY.search(self.buffer[-200:]):
                return self.buffer
            plain = _ESCAPES.sub(b"", self.buffer[-400:])
            if plain.rstrip(b"\0").endswith(b"grub> "):
                return None
            asked = self.buffer.count(b"Press any key to continue")
            if asked > answered:
                answered = asked
                os.write(self.terminal, b" ")
        raise AssertionError(f"grub-emu shows no menu: {self.buffer[-400:]!r}")


def _parse(screen: bytes) -> Shown:
    last = screen.rfind(b"GNU GRUB  version")
    rows: dict[int, tuple[bytes, str]] = {}
    for number, mark, title in _ROW.findall(screen[max(last, 0) :]):
        rows[int(number) - _FIRST_ROW] = (mark, title.decode("utf-8", "replace"))
    count = 1 + max((row for row, (mark, text) in rows.items() if mark == b"*" or text), default=0)
    titles = [rows[row][1] for row in range(count)]
    marked = [row for row in range(count) if rows[row][0] == b"*"]
    return Shown(titles, marked[0] if marked else -1)


def leaves(
    shown: Shown, above: tuple[int, ...] = ()
) -> Iterator[tuple[Shown, int, tuple[int, ...]]]:
    """Yield every line that shows no menu: its menu, its number there, its position."""
    for index in range(len(shown.titles)):
        if index in shown.inner:
            yield from leaves(shown.inner[index], (*above, index))
        else:
            yield shown, index, (*above, index)


def _loads(output: bytes) -> Load:
    text = _ESCAPES.sub(b"", output).decode("utf-8", "replace").replace("\r", "")
    kernel: tuple[str, ...] | None = None
    initrds: tuple[str, ...] | None = None
    for name, words in _TOLD.findall(text):
        told = tuple(_WORD.findall(words + "@"))
        if name == "linux":
            kernel, initrds = told, None
        elif kernel is not None:
            initrds = told
    return kernel, initrds
