"""Restarts and unloading ended by a signal at any step: what is staged is there, and it is said."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from support.interruption import LIMIT, SOFT, WAIT, signalled
from support.machines import make_sandbox

from warmboot.core.errors import ExitCode
from warmboot.core.host.state import process_start
from warmboot.core.record.lock import only_one, read_holder
from warmboot.core.restart import schedule
from warmboot.core.restart.schedule import Countdown, make, read_countdown
from warmboot.core.sandbox.builders.bzimage import build_bzimage
from warmboot.core.session import open_session
from warmboot.core.session.status import Status
from warmboot.tui.cli import main

RUNNING, STAGED = "6.1.0", "6.12.1-new"
KERNEL = "warmboot.core.sandbox.simulator Simulator"
APPEND = "warmboot.core.record.journal Journal.append"
RESTARTS = "warmboot.core.session.restarts Restarts"
UNLOADING = "warmboot.core.session.staging unload"
COUNTDOWN = "warmboot.core.restart.schedule"
NOTED = {"run/warmboot/lock", "run/warmboot/countdown.json", "run/warmboot"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = make_sandbox(tmp_path / "machine", "x86_64", release=RUNNING)
    (root / "boot/vmlinuz-new").write_bytes(build_bzimage(STAGED))
    assert main(["--root", str(root), "stage", "--kernel", str(root / "boot/vmlinuz-new")]) == 0
    return root


def run(root: Path, *arguments: str) -> int:
    return main(["--root", str(root), *arguments])


def inject(root: Path, point: str, number: signal.Signals, *arguments: str) -> int:
    """Run a command that gets a signal, and check what holds for all of them."""
    there = set(root.rglob("*"))
    done = signalled(point, number, ["--root", str(root), *arguments])
    new = {str(path.relative_to(root)) for path in set(root.rglob("*")) - there}
    assert new <= {*NOTED, ".warmboot-kernel/booted.json"}, "something was left behind"
    assert read_holder(root) is None
    with only_one(root, "the test"):
        pass
    return done.returncode


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.05)


def still_staged(status: Status) -> bool:
    return status.staged is True and status.what is not None and status.what.release == STAGED


def ends(waiter: Countdown) -> None:
    """Wait for the waiting process to end: where nothing is set, it does so by itself."""
    assert waiter.pid is not None
    pid = waiter.pid
    until(lambda: process_start(pid) != waiter.started)


RESTART = {
    f"before {RESTARTS}.execute": "nothing",
    f"before {APPEND}(executing)": "nothing",
    f"after {APPEND}(executing)": "interrupted",
    f"before {KERNEL}.execute": "interrupted",
    f"after {KERNEL}.execute": "restarted",
    f"before {APPEND}(executed)": "restarted",
    f"after {APPEND}(executed)": "restarted",
}


def check_restart(root: Path, became: str) -> None:
    status = open_session(root).status()
    if became == "restarted":
        assert (status.staged, status.attempt) == (False, None)
        assert status.last_restart is not None
        assert status.last_restart.arrived
        return
    assert still_staged(status)
    assert (status.last_restart, status.interrupted) == (None, None)
    assert (status.attempt and status.attempt.event) == (
        "executing" if became == "interrupted" else None
    )
    assert run(root, "exec", "--yes") == ExitCode.OK
    assert open_session(root).host.release == STAGED


@pytest.mark.parametrize("now", [[], ["--now"]], ids=["services", "now"])
@pytest.mark.parametrize("point", RESTART)
def test_a_restart_that_is_killed(root: Path, point: str, now: list[str]) -> None:
    assert inject(root, point, signal.SIGKILL, "exec", "--yes", *now) == -signal.SIGKILL
    check_restart(root, RESTART[point])


@pytest.mark.parametrize("number", SOFT, ids=lambda n: n.name)
@pytest.mark.parametrize("point", [f"before {RESTARTS}.execute", f"after {APPEND}(executing)"])
def test_a_restart_that_is_told_to_end(root: Path, point: str, number: signal.Signals) -> None:
    begun = "append" in point
    code = inject(root, point, number, "exec", "--yes")
    assert code == (ExitCode.OK if begun else ExitCode.CANCELLED)
    check_restart(root, "restarted" if begun else "nothing")


@pytest.mark.parametrize("number", SOFT, ids=lambda n: n.name)
@pytest.mark.parametrize("form", [[], ["--json"]], ids=["text", "json"])
def test_what_ends_the_process_once_the_restart_goes_on_cancels_nothing(
    root: Path, number: signal.Signals, form: list[str]
) -> None:
    """As systemd does it, on a slow machine before the answer is written."""
    there = ["--root", str(root), "exec", "--yes", *form]
    done = signalled("before warmboot.core.session.session Session.refreshed", number, there)
    assert done.returncode == ExitCode.OK
    assert "cancelled" not in done.stderr
    assert STAGED in done.stdout
    check_restart(root, "restarted")


ANSWERS = "warmboot.tui.present.answers"


def test_what_ends_the_process_once_it_has_done_its_work_cancels_nothing(root: Path) -> None:
    kernel = str(root / "boot/vmlinuz-new")
    for number in SOFT:
        for words, set_then in ((["--in", "10m", "--yes"], True), (["--cancel"], False)):
            point = f"before {ANSWERS}.exec exec_answer"
            assert inject(root, point, number, "exec", "--json", *words) == ExitCode.OK
            assert (open_session(root).status().countdown is not None) == set_then
        for name, words in (("unload", []), ("stage", ["--kernel", kernel])):
            point = f"before {ANSWERS}.{name} {name}_answer"
            assert inject(root, point, number, name, "--json", *words) == ExitCode.OK
            assert open_session(root).status().staged is (name == "stage")


UNLOAD = {
    f"before {UNLOADING}": "nothing",
    f"before {APPEND}(unloading)": "nothing",
    f"after {APPEND}(unloading)": "interrupted",
    f"before {KERNEL}.unload": "interrupted",
    f"after {KERNEL}.unload": "unloaded",
    f"before {APPEND}(unloaded)": "unloaded",
    f"after {APPEND}(unloaded)": "unloaded",
}


@pytest.mark.parametrize("point", UNLOAD)
def test_an_unload_that_is_killed(root: Path, point: str) -> None:
    assert inject(root, point, signal.SIGKILL, "unload") == -signal.SIGKILL
    status = open_session(root).status()
    if UNLOAD[point] == "unloaded":
        assert (status.staged, status.what, status.interrupted) == (False, None, None)
        assert run(root, "unload") == ExitCode.NOTHING_STAGED
        return
    assert status.staged is True
    interrupted = UNLOAD[point] == "interrupted"
    assert status.interrupted == ("unloading" if interrupted else None)
    assert still_staged(status) is not interrupted
    assert run(root, "unload") == ExitCode.OK
    assert open_session(root).status().interrupted is None


@pytest.mark.parametrize("number", SOFT, ids=lambda n: n.name)
@pytest.mark.parametrize("point", [f"before {UNLOADING}", f"after {APPEND}(unloading)"])
def test_an_unload_that_is_told_to_end(root: Path, point: str, number: signal.Signals) -> None:
    begun = "append" in point
    code = inject(root, point, number, "unload")
    assert code == (ExitCode.OK if begun else ExitCode.CANCELLED)
    status = open_session(root).status()
    assert (status.staged, status.interrupted) == (not begun, None)


SET = {
    "before warmboot.core.session.restarts Restarts.set": "nothing",
    f"before {APPEND}(setting)": "nothing",
    f"after {APPEND}(setting)": "lost",
    f"before {COUNTDOWN} _write": "lost",
    f"after {COUNTDOWN} _write": "lost",
    f"before {COUNTDOWN} _run": "lost",
    f"after {COUNTDOWN} _run": "set",
    f"before {APPEND}(set)": "set",
    f"after {APPEND}(set)": "set",
}


@pytest.mark.parametrize("point", SET)
def test_setting_a_restart_that_is_killed(root: Path, point: str) -> None:
    assert inject(root, point, signal.SIGKILL, "exec", "--yes", "--in", "10m") == -signal.SIGKILL
    status = open_session(root).status()
    assert still_staged(status)
    if SET[point] == "set":
        assert status.attempt is None
        assert status.countdown is not None
        assert run(root, "exec", "--cancel") == ExitCode.OK
        ends(status.countdown)
        return
    assert status.countdown is None
    assert (status.attempt is not None) is (SET[point] == "lost")
    assert run(root, "exec", "--yes", "--in", "10m") == ExitCode.OK
    made = open_session(root).status()
    assert made.countdown is not None
    assert made.attempt is None
    assert run(root, "exec", "--cancel") == ExitCode.OK
    ends(made.countdown)
    assert [path.name for path in (root / "run/warmboot").iterdir()] == ["lock"]


@pytest.mark.parametrize("number", SOFT, ids=lambda n: n.name)
@pytest.mark.parametrize(
    "point", ["before warmboot.core.session.restarts Restarts.set", f"after {COUNTDOWN} _run"]
)
def test_setting_a_restart_that_is_told_to_end(
    root: Path, point: str, number: signal.Signals
) -> None:
    begun = point.startswith("after")
    code = inject(root, point, number, "exec", "--yes", "--in", "10m")
    assert code == (ExitCode.OK if begun else ExitCode.CANCELLED)
    found = open_session(root).status().countdown
    assert (found is not None) is begun
    if found is not None:
        assert run(root, "exec", "--cancel") == ExitCode.OK
        ends(found)


@pytest.fixture
def waiting(root: Path) -> Countdown:
    """A restart that is set and waited for."""
    assert run(root, "exec", "--yes", "--in", "10m") == ExitCode.OK
    found = read_countdown(root)
    assert found is not None
    return found


CANCEL = {
    f"before {COUNTDOWN} cancel": "set",
    f"before {COUNTDOWN} _remove": "set",
    f"after {COUNTDOWN} _remove": "lost",
    f"before {APPEND}(cancelled)": "lost",
    f"after {APPEND}(cancelled)": "cancelled",
}


@pytest.mark.parametrize("point", CANCEL)
def test_cancelling_that_is_killed(root: Path, waiting: Countdown, point: str) -> None:
    assert inject(root, point, signal.SIGKILL, "exec", "--cancel") == -signal.SIGKILL
    status = open_session(root).status()
    assert still_staged(status)
    is_set = CANCEL[point] == "set"
    assert (status.countdown is not None) is is_set
    assert (status.attempt is not None) is (CANCEL[point] == "lost")
    assert run(root, "exec", "--cancel") == (ExitCode.OK if is_set else ExitCode.NOT_FOUND)
    ends(waiting)
    assert run(root, "exec", "--yes", "--due", waiting.id) == ExitCode.NOT_FOUND
    assert still_staged(open_session(root).status())


@pytest.mark.parametrize("number", SOFT, ids=lambda n: n.name)
def test_cancelling_that_is_told_to_end(
    root: Path, waiting: Countdown, number: signal.Signals
) -> None:
    assert inject(root, f"after {COUNTDOWN} _remove", number, "exec", "--cancel") == ExitCode.OK
    status = open_session(root).status()
    assert (status.countdown, status.attempt) == (None, None)
    ends(waiting)


DUE = {
    f"before {COUNTDOWN} claim": "set",
    f"before {COUNTDOWN} _remove": "set",
    f"after {COUNTDOWN} claim": "lost",
    f"before {APPEND}(executing)": "lost",
    f"after {APPEND}(executing)": "interrupted",
    f"after {KERNEL}.execute": "restarted",
    f"after {APPEND}(executed)": "restarted",
}


@pytest.mark.parametrize("point", DUE)
def test_a_restart_that_is_due_and_killed(root: Path, waiting: Countdown, point: str) -> None:
    code = inject(root, point, signal.SIGKILL, "exec", "--yes", "--due", waiting.id)
    assert code == -signal.SIGKILL
    status = open_session(root).status()
    if DUE[point] == "set":
        assert status.countdown == waiting
        assert run(root, "exec", "--cancel") == ExitCode.OK
    elif DUE[point] == "lost":
        assert still_staged(status)
        assert status.attempt is not None
        assert status.attempt.event == "set"
    else:
        check_restart(root, DUE[point])
    ends(waiting)


@pytest.mark.parametrize("number", SOFT, ids=lambda n: n.name)
def test_a_restart_that_is_due_and_told_to_end(
    root: Path, waiting: Countdown, number: signal.Signals
) -> None:
    point = f"after {COUNTDOWN} claim"
    assert inject(root, point, number, "exec", "--yes", "--due", waiting.id) == ExitCode.OK
    check_restart(root, "restarted")
    ends(waiting)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=lambda n: n.name)
def test_a_waiter_that_ends_is_missed(
    root: Path, waiting: Countdown, number: signal.Signals, capsys: pytest.CaptureFixture[str]
) -> None:
    assert waiting.pid is not None
    os.kill(waiting.pid, number)
    ends(waiting)
    status = open_session(root).status()
    assert still_staged(status)
    assert status.countdown is None
    assert status.attempt is not None
    assert "nothing is waiting for it" in status.attempt.text
    assert run(root, "status") == ExitCode.OK
    assert "nothing is waiting for it" in capsys.readouterr().out
    assert run(root, "exec", "--cancel") == ExitCode.NOT_FOUND
    assert run(root, "exec", "--yes") == ExitCode.OK


@pytest.mark.parametrize(
    "point",
    [f"before {COUNTDOWN} note_process", f"after {COUNTDOWN} note_process", "before os execv"],
)
def test_a_waiter_that_is_killed_at_each_step(root: Path, point: str) -> None:
    """It is its grandchild that waits, as where it is started: see countdown."""
    wanted = make(0.0, None, None)
    schedule._write(root, wanted)
    done = signalled(point, signal.SIGKILL, [str(root), wanted.id, "0", "/bin/false"], WAIT)
    assert done.returncode == (0 if "execv" in point else 1)
    until(lambda: read_countdown(root) is None)
    assert run(root, "exec", "--cancel") == ExitCode.NOT_FOUND
    assert still_staged(open_session(root).status())
