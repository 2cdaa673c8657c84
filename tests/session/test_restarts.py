"""What a restart waits for."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from support.command import Call

from warmboot.core.errors import ExitCode
from warmboot.core.session import open_session

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


@pytest.mark.parametrize("asked", [True, False])
@pytest.mark.parametrize("more", [(), ("--trial", "10m")])
def test_where_nobody_reads_it_is_done_or_not_but_not_said_to_be(
    sandbox: Path, call: Call, more: tuple[str, ...], asked: bool
) -> None:
    """A question that nobody sees is not answered; what was confirmed needs no reader."""
    call("stage", "--default")
    read, write = os.pipe()
    os.close(read)
    ours, terminal = pty.openpty()
    command = [sys.executable, "-m", "warmboot.tui.cli", "--root", str(sandbox), "exec", *more]
    command += [] if asked else ["--yes"]
    try:
        done = subprocess.run(
            command, stdin=terminal, stdout=write, stderr=subprocess.PIPE, check=False, timeout=120
        )
    finally:
        for fd in (write, ours, terminal):
            os.close(fd)
    assert done.returncode == (ExitCode.UNCONFIRMED if asked else ExitCode.OK), done.stderr
    assert (open_session(sandbox).host.release == DEFAULT) is not asked
