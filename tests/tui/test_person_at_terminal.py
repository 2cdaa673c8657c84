"""What a person meets at a real terminal: pastes, other sizes, wide letters, a line that dies."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest
from support.emulator import Emulator, emulate
from support.files import put

REST = 0.5  # seconds of silence
READING = 1.5  # the same, while entries are read
PASTE = "\x1b[200~{}\x1b[201~"
OPTIONS = "root=/dev/vda2 ro console=ttyAMA0 quiet"
WIDE = "漢字カーネル 6.17 仮名"


def begin(emulator: Emulator) -> None:
    """Wait until all entries are read and judged."""
    emulator.see(">")
    while emulator.settle(READING):
        pass


def edit(emulator: Emulator) -> None:
    """Open the editor of the first entry's command line."""
    begin(emulator)
    for key in ("enter", "e"):
        emulator.press(key)
        emulator.settle(REST)


def test_a_paste_arrives_once(sandbox: Path) -> None:
    with emulate(sandbox) as emulator:
        edit(emulator)
        emulator.press("end", PASTE.format(" one=1 two=2\r"))
        emulator.see("one=1 two=2")
        emulator.settle(REST)
        editor = "".join(emulator.lines)
        assert editor.count("quiet one=1 two=2") == 1
        assert "one=1 two=2 one=1" not in editor


def test_resizing_while_typing_loses_nothing(sandbox: Path) -> None:
    sizes = [(60, 15), (200, 50), (40, 15), (100, 30), (80, 24)]
    with emulate(sandbox) as emulator:
        edit(emulator)
        emulator.press("end", " ")
        for size, letter in zip(sizes, "abcde", strict=True):
            emulator.press(letter * 2)
            emulator.resize(*size)
            emulator.press(letter)
        emulator.see("quiet aaabbbcccdddeee")
        emulator.settle(REST)
        emulator.draw_anew()


def test_wide_letters_keep_their_columns(sandbox: Path) -> None:
    entry = f"title {WIDE}\\nversion 6.17.8-sandbox\\nlinux /boot/vmlinuz-6.17.8-sandbox\\n"
    put(sandbox, "boot/loader/entries/wide.conf", entry.replace("\\n", "\n"))
    with emulate(sandbox) as emulator:
        begin(emulator)
        for key in ("down", "down", "up", "up"):
            emulator.press(key)
            emulator.settle(REST)
            assert WIDE in emulator.text
        emulator.draw_anew()


@pytest.mark.parametrize("size", [(60, 15), (40, 15)], ids=["60x15", "40x15"])
def test_small_terminals_do(sandbox: Path, size: tuple[int, int]) -> None:
    with emulate(sandbox, size=size) as emulator:
        edit(emulator)
        emulator.press("end", " tiny")
        emulator.see("tiny")
        emulator.press("escape")
        emulator.settle(REST)
        emulator.press("s")
        emulator.see("is staged")
        emulator.press("enter")
        emulator.settle(REST)
        emulator.press("x")
        emulator.see("Type")
        emulator.settle(REST)
        emulator.press("sandbox")
        emulator.wait(lambda: any("sandbox" in line for line in emulator.lines[-6:]), "the field")
        emulator.press("escape")
        emulator.settle(REST)
        emulator.press("q")
        emulator.settle(REST)
        assert emulator.process.poll() is None, "what is staged is mentioned before the end"


def test_a_line_that_takes_nothing_more_hangs_nothing(sandbox: Path) -> None:
    """Nobody reads for a while; then everything is there, and nothing but the last state."""
    with emulate(sandbox) as emulator:
        edit(emulator)
        emulator.press("end", " ")
        before = emulator.count
        for _ in range(30):
            emulator.press("x" * 20)
            time.sleep(0.05)
        emulator.see(f"{len(OPTIONS) + 602} of ")  # with a blank, and the zero behind it
        emulator.settle(REST)
        assert emulator.count - before <= 12_000
        assert "x" * 50 in emulator.text
        emulator.draw_anew()
        for key in ("escape", "escape", "q"):
            emulator.press(key)
            emulator.settle(REST)
        assert emulator.wait_for_end() == 0


def test_a_dead_line_ends_it_and_keeps_what_is_staged(sandbox: Path) -> None:
    with emulate(sandbox) as emulator:
        begin(emulator)
        emulator.press("enter")
        emulator.settle(REST)
        emulator.press("s")
        emulator.see("is staged")
        emulator.hang_up()
        assert emulator.process.wait(30) == 0
    assert (sandbox / "sys/kernel/kexec_loaded").read_text() == "1\n"


def test_stopped_and_continued_it_draws_everything_again(sandbox: Path) -> None:
    with emulate(sandbox) as emulator:
        begin(emulator)
        lines = emulator.lines
        for number in (signal.SIGTSTP, signal.SIGSTOP):
            emulator.process.send_signal(number)
            emulator.settle(REST)
            _, status = os.waitpid(emulator.process.pid, os.WUNTRACED)
            assert os.WIFSTOPPED(status)
            emulator.screen.reset()
            emulator.process.send_signal(signal.SIGCONT)
            emulator.wait(lambda: emulator.lines == lines, "the same screen again")
        emulator.press("q")
        assert emulator.wait_for_end() == 0
