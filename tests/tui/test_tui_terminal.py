"""The full-screen program on a terminal of its own: how it starts, and how it ends."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.machines import make_sandbox
from support.person import PATIENCE

from warmboot.tui.terminal import read_terminal

NORMAL_SCREEN = b"\x1b[?1049l"
START = "import sys; from warmboot.tui.cli import main; sys.exit(main())"
# As on a kernel without CONFIG_NET: not one socket can be made.
NO_SOCKETS = """
import socket
def refuse(*_, **__):
    raise OSError(38, "Function not implemented")
socket.socketpair = refuse
socket.socket.__init__ = refuse
"""


class Seat:
    """warmboot running on a pseudo terminal."""

    def __init__(self, root: Path, before: str = "", **environment: str) -> None:
        self.master, slave = pty.openpty()
        termios.tcsetwinsize(self.master, (24, 80))
        self.attributes = termios.tcgetattr(slave)
        self.slave = slave
        self.seen = b""
        self.process = subprocess.Popen(
            [sys.executable, "-c", before + START, "--root", str(root)],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            env={**os.environ, "TERM": "xterm", "LC_ALL": "C.UTF-8", **environment},
        )

    def read_until(self, text: bytes) -> None:
        """Read what is drawn until `text` was seen."""
        end = time.monotonic() + PATIENCE
        while text not in self.seen:
            ready, _, _ = select.select([self.master], [], [], max(0.0, end - time.monotonic()))
            assert ready, f"no {text!r} in {self.seen!r}"
            self.seen += os.read(self.master, 65536)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for fd in (self.master, self.slave):
            if fd >= 0:
                os.close(fd)


@pytest.fixture
def seat(tmp_path: Path) -> Iterator[Seat]:
    seat = Seat(make_sandbox(tmp_path / "machine"))
    yield seat
    seat.close()


def test_quitting_gives_the_terminal_back(seat: Seat) -> None:
    seat.read_until(b"No boot images found")
    os.write(seat.master, b"q")
    seat.read_until(NORMAL_SCREEN)
    assert seat.process.wait(PATIENCE) == 0
    assert termios.tcgetattr(seat.slave) == seat.attributes


def test_a_kernel_without_sockets_is_enough(tmp_path: Path) -> None:
    seat = Seat(make_sandbox(tmp_path / "machine"), NO_SOCKETS)
    try:
        seat.read_until(b"No boot images found")
        os.write(seat.master, b"q")
        seat.read_until(NORMAL_SCREEN)
        assert seat.process.wait(PATIENCE) == 0
    finally:
        seat.close()


def test_being_told_to_end_gives_the_terminal_back(seat: Seat) -> None:
    seat.read_until(b"No boot images found")
    seat.process.send_signal(signal.SIGTERM)
    seat.read_until(NORMAL_SCREEN)
    assert seat.process.wait(PATIENCE) == 0
    assert termios.tcgetattr(seat.slave) == seat.attributes


def test_a_lost_connection_ends_it(seat: Seat) -> None:
    seat.read_until(b"No boot images found")
    os.close(seat.slave)
    os.close(seat.master)
    seat.slave = seat.master = -1
    seat.process.send_signal(signal.SIGHUP)
    assert seat.process.wait(PATIENCE) == 0


def test_a_lost_connection_without_a_signal_ends_it_too(seat: Seat) -> None:
    seat.read_until(b"No boot images found")
    os.close(seat.slave)
    os.close(seat.master)
    seat.slave = seat.master = -1
    assert seat.process.wait(PATIENCE) == 0


def test_a_terminal_without_line_drawing_gets_ascii_only(tmp_path: Path) -> None:
    seat = Seat(make_sandbox(tmp_path / "machine"), TERM="vt220", LC_ALL="C")
    try:
        seat.read_until(b"No boot images found")
        os.write(seat.master, b"?")
        seat.read_until(b"all keys")
        drawn, seat.seen = seat.seen, b""
        os.write(seat.master, b"\r")
        seat.read_until(b"Looked in")
        os.write(seat.master, b"q")
        seat.read_until(NORMAL_SCREEN)
        assert seat.process.wait(PATIENCE) == 0
        drawn += seat.seen
        assert drawn.isascii()
        assert b"\x1b[?1000h" not in drawn, "asked for mouse reports"
    finally:
        seat.close()


def test_what_the_terminal_can_show(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("locale.getlocale", lambda *_: ("C", "UTF-8"))
    xterm = read_terminal({"TERM": "xterm-256color"})
    assert (xterm.usable, xterm.ascii, xterm.mouse, xterm.theme) == (True, False, True, "night")
    assert read_terminal({"TERM": "linux"}).mouse is False
    vt220 = read_terminal({"TERM": "vt220"})
    assert (vt220.ascii, vt220.mouse, vt220.theme) == (True, False, "mono")
    plain = {"TERM": "xterm", "NO_COLOR": "1"}
    assert read_terminal(plain).theme == "mono"
    assert read_terminal({**plain, "WARMBOOT_THEME": "safe"}).theme == "safe"
    for nothing in ({}, {"TERM": ""}, {"TERM": "dumb"}):
        assert not read_terminal(nothing).usable
    monkeypatch.setattr("locale.getlocale", lambda *_: ("C", "ISO-8859-1"))
    assert read_terminal({"TERM": "xterm"}).ascii


def test_without_a_terminal_the_commands_are_named(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "warmboot.tui.cli", "--root", str(tmp_path)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "TERM": "dumb"},
        timeout=PATIENCE,
    )
    assert (done.returncode, done.stdout) == (2, "")
    for command in ("list", "stage", "exec"):
        assert command in done.stderr
