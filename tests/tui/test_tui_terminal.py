"""The full-screen program on a terminal of its own: how it starts, and how it ends."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import termios
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.emulator import PATIENCE, Emulator, emulate
from support.machines import make_sandbox

from warmboot.tui.terminal import read_terminal

NORMAL_SCREEN = b"\x1b[?1049l"
# As on a kernel without CONFIG_NET: not one socket can be made.
NO_SOCKETS = """
import socket
def refuse(*_, **__):
    raise OSError(38, "Function not implemented")
socket.socketpair = refuse
socket.socket.__init__ = refuse
"""


@pytest.fixture
def emulator(tmp_path: Path) -> Iterator[Emulator]:
    with emulate(make_sandbox(tmp_path / "machine")) as emulator:
        yield emulator


def quit_and_wait(emulator: Emulator) -> None:
    emulator.see("No boot images found", "n plans any kernel by its path")
    emulator.press("q")
    assert emulator.wait_for_end() == 0
    assert NORMAL_SCREEN in emulator.seen


def test_quitting_gives_the_terminal_back(emulator: Emulator) -> None:
    quit_and_wait(emulator)
    assert termios.tcgetattr(emulator.slave) == emulator.attributes


def test_a_kernel_without_sockets_is_enough(tmp_path: Path) -> None:
    with emulate(make_sandbox(tmp_path / "machine"), before=NO_SOCKETS) as emulator:
        quit_and_wait(emulator)


def test_being_told_to_end_gives_the_terminal_back(emulator: Emulator) -> None:
    emulator.see("No boot images found")
    emulator.process.send_signal(signal.SIGTERM)
    assert emulator.wait_for_end() == 0
    assert NORMAL_SCREEN in emulator.seen
    assert termios.tcgetattr(emulator.slave) == emulator.attributes


@pytest.mark.parametrize("told", [True, False], ids=["with SIGHUP", "without a signal"])
def test_a_lost_connection_ends_it(emulator: Emulator, told: bool) -> None:
    emulator.see("No boot images found")
    emulator.hang_up()
    if told:
        emulator.process.send_signal(signal.SIGHUP)
    assert emulator.process.wait(PATIENCE) == 0


def test_a_terminal_without_line_drawing_gets_ascii_only(tmp_path: Path) -> None:
    root = make_sandbox(tmp_path / "machine")
    with emulate(root, TERM="vt220", LC_ALL="C") as emulator:
        emulator.see("No boot images found")
        emulator.press("?")
        emulator.see("arrows")
        emulator.press("enter")
        emulator.see("Looked in")
        quit_and_wait(emulator)
        assert emulator.seen.isascii()
        modes = set(re.findall(rb"\x1b\[[?<>=][^a-z]*[a-z]", emulator.seen))
        assert modes == {
            b"\x1b[?%s" % m for m in (b"25l", b"25h", b"7l", b"7h", b"1049h", b"1049l")
        }


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


def test_the_first_screen_waits_for_the_code_of_no_other() -> None:
    late = ["plan.checks.registry", "plan.planner", "record.report"]
    late = [f"warmboot.core.{name}" for name in late] + ["warmboot.tui.screens.plan"]
    code = f"import sys, warmboot.tui.app; sys.exit(bool({set(late)!r} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


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
