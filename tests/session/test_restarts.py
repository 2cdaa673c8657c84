"""What a restart waits for."""

from __future__ import annotations

import errno
import io
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from support.command import Call

from warmboot.core.errors import ExitCode
from warmboot.core.session import open_session
from warmboot.tui.cli import main

DEFAULT = "6.17.8-sandbox"


WAYS = [(), ("--trial", "10m"), ("--in", "10m"), ("--whatever-is-staged",)]


@pytest.mark.parametrize("way", WAYS)
def test_a_system_on_trial_is_not_left_before_it_is_confirmed(
    sandbox: Path, call: Call, way: tuple[str, ...]
) -> None:
    """Its watchdog counts on through the next jump, and would reset a system that knows nothing."""
    call("stage", "--default")
    assert call("exec", "--yes", "--trial", "10m")[0] == ExitCode.OK
    assert open_session(sandbox).host.release == DEFAULT
    call("stage", "--default")
    code, answer = call("exec", "--yes", *way)
    assert code == ExitCode.BLOCKED
    assert "on trial itself" in answer["error"]["message"]
    assert open_session(sandbox).status().countdown is None
    assert call("confirm")[0] == ExitCode.OK
    assert call("exec", "--yes")[0] == ExitCode.OK


class HungUp(io.StringIO):
    """A terminal that is gone after some writes, as when the line drops."""

    def __init__(self, left: int) -> None:
        super().__init__()
        self.left = left

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self.left -= 1
        if self.left < 0:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return super().write(text)


def test_a_line_that_drops_while_it_is_staged_does_not_have_the_journal_say_otherwise(
    sandbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The call is made, and then its progress cannot be drawn any more."""
    for number in range(40):
        terminal = HungUp(number)
        monkeypatch.setattr(sys, "stderr", terminal)
        assert main(["--root", str(sandbox), "stage", "--default"]) == ExitCode.OK
        status = open_session(sandbox).status()
        assert status.what is not None
        assert status.what.release == DEFAULT
        if terminal.left >= 0:
            return
        main(["--root", str(sandbox), "unload"])
    pytest.fail("it wrote without an end")


def test_a_failure_that_nobody_reads_of_is_one_all_the_same(sandbox: Path) -> None:
    assert unread(sandbox, "exec", "--yes") == ExitCode.NOTHING_STAGED


@pytest.mark.parametrize("asked", [True, False])
@pytest.mark.parametrize("more", [(), ("--trial", "10m")])
def test_where_nobody_reads_it_is_done_or_not_but_not_said_to_be(
    sandbox: Path, more: tuple[str, ...], asked: bool
) -> None:
    """A question that nobody sees is not answered; what was confirmed needs no reader."""
    assert unread(sandbox, "stage", "--default") == ExitCode.OK
    assert open_session(sandbox).status().staged
    code = unread(sandbox, "exec", *more, *([] if asked else ["--yes"]))
    assert code == (ExitCode.UNCONFIRMED if asked else ExitCode.OK)
    assert (open_session(sandbox).host.release == DEFAULT) is not asked


def unread(root: Path, *words: str) -> int:
    """Run a command on a terminal, the reader of its output gone; return its exit code."""
    read, write = os.pipe()
    os.close(read)
    ours, terminal = pty.openpty()
    command = [sys.executable, "-m", "warmboot.tui.cli", "--root", str(root), *words]
    try:
        return subprocess.run(
            command, stdin=terminal, stdout=write, stderr=write, check=False, timeout=120
        ).returncode
    finally:
        for fd in (write, ours, terminal):
            os.close(fd)
