"""What stands by while a trial is armed: it waits for warmboot's end and that of its programs."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from support.command import Call
from support.trials import ONE_SHOT

from warmboot.core import programs
from warmboot.core.errors import ExitCode, WarmbootError
from warmboot.core.plan.trial.trial import OneShot
from warmboot.core.record.journal import Journal
from warmboot.core.restart.trial.guard import guarded
from warmboot.core.session import open_session

LIMIT = 120.0  # seconds; measured alone: 3
ARMED = {"one_shot": ["LoaderEntryOneShot=old.conf"]}
#: Arms, and ends as its last argument says; a program of its own is then still at work.
ARMING = """
import os, signal, sys
from pathlib import Path
from warmboot.core.programs import run
from warmboot.core.restart.trial.guard import guarded
root, one_shot, how = sys.argv[1:]
with guarded(Path(root)):
    late = 'kill -9 "$PPID"; sleep 2; echo late >"$0"; : >"$0.done"'
    words = late if how == "killed" else 'echo set >"$0"'
    run(["/bin/sh", "-c", words, one_shot], 60)
"""


def arm(root: Path, how: str) -> int:
    session = open_session(root)
    Journal(root).append("arming", session.host.boot_id, trial="0a1b2c3d", trial_plan=ARMED)
    words = [sys.executable, "-c", ARMING, str(root), str(root / ONE_SHOT), how]
    # Its error output ends with what stands by.
    done = subprocess.run(words, stderr=subprocess.PIPE, timeout=LIMIT, check=False)
    assert done.stderr == b""
    return done.returncode


def test_what_a_program_of_its_own_set_late_is_taken_back_too(sandbox: Path) -> None:
    assert arm(sandbox, "killed") == -signal.SIGKILL
    late = sandbox / f"{ONE_SHOT}.done"
    deadline = time.monotonic() + LIMIT
    while not late.exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert not (sandbox / ONE_SHOT).exists()
    assert open_session(sandbox).status().left_over == ()


def test_on_an_end_that_is_well_it_does_nothing(sandbox: Path) -> None:
    assert arm(sandbox, "well") == 0
    assert (sandbox / ONE_SHOT).exists()
    assert open_session(sandbox).status().left_over == (OneShot.LOADER_ENTRY.value,)


def test_a_restart_is_cancelled_though_what_is_left_of_a_trial_stays(
    sandbox: Path, monkeypatch: pytest.MonkeyPatch, call: Call
) -> None:
    call("stage", "--default")
    assert call("exec", "--yes", "--in", "10m")[0] == ExitCode.OK
    assert arm(sandbox, "well") == 0

    def read_only(*_: object) -> bool:
        raise WarmbootError("LoaderEntryOneShot could not be taken back: Read-only file system")

    monkeypatch.setattr("warmboot.core.session.trials.take_back", read_only)
    code, answer = call("exec", "--cancel")
    assert code == ExitCode.SYSTEM
    assert "LoaderEntryOneShot" in answer["error"]["message"]
    assert "is cancelled" in answer["error"]["hint"]
    assert open_session(sandbox).status().countdown is None
    monkeypatch.undo()
    assert call("exec", "--cancel")[0] == ExitCode.OK
    assert open_session(sandbox).status().left_over == ()


def test_where_nothing_can_stand_by_nothing_is_tried(
    sandbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    with pytest.raises(WarmbootError, match="Nothing can stand by"), guarded(sandbox):
        pytest.fail("it went on")
    assert programs._KEPT_OPEN == []


@pytest.mark.parametrize("program", ["/bin/false", "/bin/echo"])
def test_one_that_does_not_start_is_noticed(
    sandbox: Path, monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    """As in the Debian package, where Python did not find the module."""
    monkeypatch.setattr(sys, "executable", program)
    with pytest.raises(WarmbootError, match="process does not start"), guarded(sandbox):
        pytest.fail("it went on")
    assert programs._KEPT_OPEN == []


def test_one_that_was_killed_itself_is_no_reason_to_fail(
    sandbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[subprocess.Popen[bytes]] = []
    real = subprocess.Popen

    def start(*words: Any, **how: Any) -> subprocess.Popen[bytes]:
        started.append(real(*words, **how))
        return started[-1]

    monkeypatch.setattr(subprocess, "Popen", start)
    with guarded(sandbox):
        assert len(programs._KEPT_OPEN) == 1
        started[0].kill()
        started[0].wait()
    assert programs._KEPT_OPEN == []
