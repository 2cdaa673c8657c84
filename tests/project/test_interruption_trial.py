"""A restart on trial that is killed, or finds the disk full, at each step of arming it.

Either it is armed, and the machine has restarted, or it is not; what is left is said.
"""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from support.full_disk import Disk
from support.interruption import SOFT, signalled
from support.trials import CORE, ONE_SHOT

from warmboot.core.errors import ExitCode
from warmboot.core.host.hardware import read_watchdogs
from warmboot.core.record.lock import only_one, read_holder
from warmboot.core.record.trial_outcome import TrialState
from warmboot.core.session import Session, open_session
from warmboot.tui.cli import main

OLD, NEW = "6.12.57-sandbox", "6.17.8-sandbox"
TRIALS = "warmboot.core.session.trials"
DOG = "warmboot.core.sandbox.trial_host"
HOST = f"{DOG} SimulatedTrialHost"
APPEND = "warmboot.core.record.journal Journal.append"
KERNEL = "warmboot.core.sandbox.simulator Simulator"
EXEC = ("exec", "--trial", "10m", "--yes")


def run(root: Path, *arguments: str) -> int:
    return main(["--root", str(root), *arguments])


@pytest.fixture
def staged(sandbox: Path) -> Path:
    assert run(sandbox, "stage", f"warmboot-{NEW}.conf") == ExitCode.OK
    return sandbox


# What stands by has the error output open, of which this waits for the end.
def inject(root: Path, point: str, number: signal.Signals, *arguments: str) -> int:
    done = signalled(point, number, ["--root", str(root), *arguments])
    assert read_holder(root) is None
    with only_one(root, "the test"):
        pass
    return done.returncode


def restarted(root: Path) -> Session | None:
    """The session on the new system, which is on trial; None where the old one runs on."""
    session = open_session(root)
    if session.host.release == OLD:
        return None
    outcome = session.status().trial
    assert outcome is not None
    assert outcome.state is TrialState.PENDING
    assert (root / ONE_SHOT).exists()
    return session


def nothing_left(root: Path) -> None:
    """Nothing is armed, and a new trial begins and ends as if there had been none before."""
    session = open_session(root)
    assert [dog for dog in read_watchdogs(root) if dog.armed] == []
    assert not (root / ONE_SHOT).exists()
    assert (root / CORE).read_text() == "1\n"
    assert session.status().left_over == ()
    if not session.host.staged:
        assert run(root, "stage", f"warmboot-{NEW}.conf") == ExitCode.OK
    assert run(root, *EXEC) == ExitCode.OK
    new = restarted(root)
    assert new is not None
    new.trials.confirm()
    assert open_session(root).host.release == NEW


STEPS = {
    f"before {TRIALS} Trials.execute": "as before",
    f"after {APPEND}(arming)": "as before",
    f"before {APPEND}(staging)": "as before",
    f"after {KERNEL}.load": "taken back",
    f"after {TRIALS} stage_locked": "taken back",
    f"after {DOG} _take_out_core": "taken back",
    f"after {HOST}.hold": "taken back",
    f"before {TRIALS} choose": "taken back",
    f"after {TRIALS} choose": "taken back",
    f"after {APPEND}(executing)": "taken back",
    f"before {KERNEL}.execute": "taken back",
    f"after {KERNEL}.execute": "restarted",
    f"after {APPEND}(executed)": "restarted",
}


@pytest.mark.parametrize("point", STEPS)
def test_arming_that_is_killed_is_taken_back_by_what_stands_by(staged: Path, point: str) -> None:
    assert inject(staged, point, signal.SIGKILL, *EXEC) == -signal.SIGKILL
    session, became = restarted(staged), STEPS[point]
    assert (session is not None) is (became == "restarted")
    if session is not None:
        assert run(staged, "confirm") == ExitCode.OK
        assert open_session(staged).host.release == NEW
        return
    assert open_session(staged).status().staged is (became == "as before")
    assert run(staged, "exec", "--cancel") == ExitCode.NOT_FOUND
    nothing_left(staged)


def test_a_failure_that_is_killed_while_it_is_taken_back(staged: Path) -> None:
    """Its record stands before it is taken back: that alone does not say that nothing is left."""
    (staged / ONE_SHOT).mkdir()  # so that the choice fails
    point = f"after {APPEND}(failed)"
    assert inject(staged, point, signal.SIGKILL, *EXEC) == -signal.SIGKILL
    (staged / ONE_SHOT).rmdir()
    assert run(staged, "exec", "--cancel") in (ExitCode.OK, ExitCode.NOT_FOUND)
    assert open_session(staged).status().staged is False
    nothing_left(staged)


@pytest.mark.parametrize("number", SOFT, ids=lambda n: n.name)
@pytest.mark.parametrize("point", [f"before {TRIALS} Trials.execute", f"after {HOST}.hold"])
def test_arming_that_is_told_to_end_or_loses_its_line(
    staged: Path, point: str, number: signal.Signals
) -> None:
    begun = "hold" in point
    code = inject(staged, point, number, *EXEC)
    assert code == (ExitCode.OK if begun else ExitCode.CANCELLED)
    if begun:
        assert restarted(staged) is not None
    else:
        nothing_left(staged)


CONFIRM = {
    f"before {TRIALS} Trials.confirm": "on trial",
    f"after {APPEND}(confirming)": "on trial",
    f"after {HOST}.stop_watchdog": "on trial",
    f"after {HOST}.stop_timer": "stays",
    f"after {TRIALS} take_back": "stays",
    f"before {APPEND}(confirmed)": "stays",
    f"after {APPEND}(confirmed)": "stays",
}


@pytest.mark.parametrize("point", CONFIRM)
def test_confirming_that_is_killed_goes_on_or_goes_through(staged: Path, point: str) -> None:
    assert run(staged, *EXEC) == ExitCode.OK
    assert inject(staged, point, signal.SIGKILL, "confirm") == -signal.SIGKILL
    session = open_session(staged)
    timer = session.trial_host.timer()
    assert timer.active is (CONFIRM[point] == "on trial")
    outcome = session.status().trial
    assert outcome is not None
    if outcome.state is TrialState.PENDING:
        assert run(staged, "confirm") == ExitCode.OK
    assert not open_session(staged).trial_host.timer().active
    assert not (staged / ONE_SHOT).exists()


@pytest.mark.parametrize("number", SOFT, ids=lambda n: n.name)
@pytest.mark.parametrize("revert", [[], ["--revert"]], ids=["confirm", "revert"])
def test_what_ends_the_process_once_it_is_confirmed_or_taken_back_cancels_nothing(
    staged: Path, revert: list[str], number: signal.Signals
) -> None:
    assert run(staged, *EXEC) == ExitCode.OK
    there = ["--root", str(staged), "confirm", *revert]
    done = signalled("before warmboot.core.session.session Session.refreshed", number, there)
    assert done.returncode == ExitCode.OK
    assert "cancelled" not in done.stderr
    assert ("Confirmed: " in done.stdout) == (not revert)


def test_a_full_disk_at_each_write_of_arming(
    staged: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(1, 100):
        with pytest.MonkeyPatch.context() as patch:
            disk = Disk(patch, number, only=True)
            code = run(staged, *EXEC)
        said = capsys.readouterr().err
        if restarted(staged) is not None:
            assert code == ExitCode.OK
            if not disk.failed:
                return
            assert run(staged, "confirm", "--revert") == ExitCode.OK
        else:
            assert code == ExitCode.SYSTEM, disk.failed
            assert "No space left" in said
            status = open_session(staged).status()
            assert status.left_over == ()
            assert [dog for dog in read_watchdogs(staged) if dog.armed] == []
            assert not (staged / ONE_SHOT).exists()
            assert "Nothing is armed" in said or "Nothing was tried" in said or status.staged
        if not open_session(staged).host.staged:
            assert run(staged, "stage", f"warmboot-{NEW}.conf") == ExitCode.OK
    pytest.fail("it never came to an end")
