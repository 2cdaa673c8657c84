"""Restarts for later: who waits, who is told, and what a hostile folder or a shutdown changes."""

from __future__ import annotations

import os
import pty
import runpy
import shutil
import signal
import subprocess
import sys
import time
import tty
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.tools import ROOT

from warmboot.core import programs
from warmboot.core.errors import Blocked, ExitCode, WarmbootError
from warmboot.core.host.jobs import Job
from warmboot.core.host.state import process_start
from warmboot.core.record.lock import only_one
from warmboot.core.restart import execute, schedule
from warmboot.core.restart.broadcast import tell_everybody
from warmboot.core.restart.execute import RestartMethod, carry_out, end_by_systemd
from warmboot.core.restart.schedule import Countdown, read_countdown
from warmboot.core.sandbox.builders.bzimage import build_bzimage
from warmboot.core.sandbox.machine import SimulatedMachine, write_machine
from warmboot.core.sandbox.marker import write_marker
from warmboot.core.sandbox.simulator import Simulator
from warmboot.core.session import open_session
from warmboot.core.values import replace
from warmboot.tui.cli import main

LIMIT = 120.0  # seconds; measured alone: 2
WANTED = Countdown("a" * 32, at=4e9, since=1.0, uid=0)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "machine"
    root.mkdir()
    write_marker(root)
    write_machine(root, SimulatedMachine("x86_64", "6.1.0", "root=/dev/vda2 ro"))
    (root / "boot/vmlinuz-6.12.1").write_bytes(build_bzimage("6.12.1"))
    assert main(["--root", str(root), "stage", "vmlinuz-6.12.1"]) == ExitCode.OK
    return root


def test_modules_of_the_working_directory_are_not_run(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("json", "argparse", "warmboot"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('run from the working directory')")
    monkeypatch.chdir(tmp_path)
    assert main(["--root", str(root), "exec", "--yes", "--in", "10m"]) == ExitCode.OK
    assert main(["--root", str(root), "exec", "--cancel"]) == ExitCode.OK


def test_a_due_restart_that_finds_the_machine_busy_says_so(root: Path) -> None:
    assert main(["--root", str(root), "exec", "--yes", "--in", "10m"]) == ExitCode.OK
    found = read_countdown(root)
    assert found is not None
    with only_one(root, "warmboot stage"):
        code = main(["--root", str(root), "exec", "--yes", "--due", found.id])
    assert code == ExitCode.BLOCKED
    status = open_session(root).status()
    assert (status.staged, status.countdown) == (True, None)
    assert status.attempt is not None
    assert (status.attempt.event, "Another warmboot" in status.attempt.text) == ("failed", True)


def test_of_two_who_end_a_countdown_one_does(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert main(["--root", str(root), "exec", "--yes", "--in", "10m"]) == ExitCode.OK
    found = read_countdown(root)
    assert found is not None
    read = schedule.read_countdown

    def claimed_meanwhile(prefix: Path) -> Countdown | None:
        before = read(prefix)
        assert schedule.claim(prefix, found.id) == found
        return before

    monkeypatch.setattr(schedule, "read_countdown", claimed_meanwhile)
    assert main(["--root", str(root), "exec", "--cancel"]) == ExitCode.NOT_FOUND
    assert schedule.claim(root, found.id) is None


@pytest.mark.parametrize("number", [-1, 0, 1, None])
@pytest.mark.parametrize("known", [True, False])
def test_no_process_gets_a_signal_because_a_file_names_it(
    root: Path, monkeypatch: pytest.MonkeyPatch, number: int | None, known: bool
) -> None:
    """A file of another program's making may name any process, or (-1) all there are."""
    pid = os.getpid() if number is None else number
    started = process_start(pid) if known else None
    schedule._write(root, replace(WANTED, pid=pid, started=started))
    sent: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda pid, number: sent.append((pid, number)))
    assert (read_countdown(root) is None) is (started is None)
    main(["--root", str(root), "exec", "--cancel"])
    assert sent == []


@pytest.fixture
def systemd(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Make programs answer nothing; returns what was run."""
    ran: list[list[str]] = []
    monkeypatch.setattr(schedule, "_run", lambda command: ran.append(list(command)))
    return ran


def test_a_timer_left_behind_is_out_of_the_way(tmp_path: Path, systemd: list[list[str]]) -> None:
    (tmp_path / "run/warmboot").mkdir(parents=True)
    timer = tmp_path / "run/systemd/transient/warmboot-exec.timer"
    timer.parent.mkdir(parents=True)
    timer.touch()
    schedule._timer(tmp_path, WANTED, ["/bin/warmboot", "--root", "/mnt/$HOME"])
    assert systemd[0] == ["systemctl", "stop", "warmboot-exec.timer"]
    assert systemd[1][0] == "systemd-run"
    assert systemd[1][-1] == "/mnt/$$HOME"


def test_a_timer_that_cannot_be_made_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "run/warmboot").mkdir(parents=True)
    monkeypatch.setattr(schedule, "_process", schedule._timer)
    monkeypatch.setattr(programs, "FOLDERS", (str(tmp_path),))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(WarmbootError, match="systemd-run could not be run") as failure:
        schedule.begin(tmp_path, WANTED, ["/bin/warmboot"])
    assert failure.value.hint is not None
    assert list((tmp_path / "run/warmboot").iterdir()) == []


def test_one_that_is_set_is_not_replaced(root: Path) -> None:
    assert main(["--root", str(root), "exec", "--yes", "--in", "10m"]) == ExitCode.OK
    before = read_countdown(root)
    with pytest.raises(Blocked):
        schedule.begin(root, WANTED, ["/bin/false"])
    assert read_countdown(root) == before
    assert main(["--root", str(root), "exec", "--cancel"]) == ExitCode.OK


def by_kexec() -> tuple[Job, ...]:
    return carry_out(RestartMethod.SYSTEMD, Simulator(Path("/nowhere")))


def through_firmware() -> None:
    """As a trial is taken back."""
    end_by_systemd("reboot", "A hint.")


@pytest.mark.parametrize("end", [by_kexec, through_firmware])
def test_a_shutdown_that_goes_on_is_not_waited_for(
    end: Callable[[], object], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Without logind systemctl waits for it, loses systemd in the end, and then fails."""
    program = tmp_path / "systemctl"
    program.write_text('#!/bin/sh\ncase " $* " in *" --no-block "*) exit 0; esac\nexit 1\n')
    program.chmod(0o755)
    monkeypatch.setattr(execute, "find_program", lambda _: str(program))
    monkeypatch.setattr(execute, "read_jobs", lambda _: ())
    assert end() in ((), None)


@pytest.mark.parametrize("end", [by_kexec, through_firmware])
@pytest.mark.parametrize(
    ("code", "answer", "heard"),
    [
        (-signal.SIGTERM, (0, "SystemState=stopping\n"), True),
        (1, (0, "SystemState=stopping\n"), True),
        (-signal.SIGTERM, None, True),
        (-signal.SIGTERM, (1, "Failed to connect to system scope bus"), True),
        (-signal.SIGTERM, (0, "SystemState=running\n"), False),
        (1, (0, "SystemState=degraded\n"), False),
        (1, None, False),
    ],
)
def test_systemctl_ended_by_the_shutdown_it_asked_for_has_not_failed(
    code: int,
    answer: tuple[int, str] | None,
    heard: bool,
    end: Callable[[], object],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    jobs = (Job("kexec.target", "start", "waiting"),)

    def ended(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, code, "", "")

    monkeypatch.setattr(subprocess, "run", ended)
    monkeypatch.setattr(execute, "read_jobs", lambda _: jobs)
    monkeypatch.setattr(execute, "systemctl", lambda *_, **__: answer)
    if heard:
        assert end() in (jobs, None)
        return
    with pytest.raises(WarmbootError, match=r"systemctl (kexec|reboot) failed"):
        end()


@pytest.fixture
def no_wall(monkeypatch: pytest.MonkeyPatch) -> None:
    which: Callable[..., str | None] = shutil.which
    monkeypatch.setattr(
        shutil, "which", lambda name, **how: None if name == "wall" else which(name, **how)
    )


@pytest.mark.usefixtures("no_wall")
def test_without_wall_each_terminal_is_told() -> None:
    ours, theirs = pty.openpty()
    try:
        tty.setraw(theirs)
        terminal = os.ttyname(theirs).removeprefix("/dev/")
        tell_everybody("a \x1b[31mrestart", ["pts/no-such", "../etc/passwd", terminal])
        assert os.read(ours, 4096) == b"\r\na \\x1b[31mrestart\r\n"
    finally:
        os.close(ours)
        os.close(theirs)


def test_what_is_called_a_terminal_and_is_none_is_not_opened(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Opening a watchdog starts it, and closing it as a file has it reset the machine."""
    opened: list[str] = []
    monkeypatch.setattr("warmboot.core.restart.broadcast.find_program", lambda _: None)
    monkeypatch.setattr(
        "warmboot.core.restart.broadcast._write", lambda path, _: opened.append(str(path))
    )
    names = ["watchdog", "/dev/watchdog0", "pts/../watchdog", "null", ":0", "", "pts/1\0", "tty/x"]
    tell_everybody("a restart", [*names, "pts/3", "tty1", "ttyS0", "hvc0"])
    assert opened == ["/dev/pts/3", "/dev/tty1", "/dev/ttyS0", "/dev/hvc0"]


TELL = """
import sys
from warmboot.core import programs
from warmboot.core.restart.broadcast import tell_everybody
programs.FOLDERS = (sys.argv[1],)
tell_everybody("host restarts into /boot/\\u017eluk now.", ())
"""


def test_a_message_that_the_locale_has_no_letters_for_is_told_all_the_same(tmp_path: Path) -> None:
    wall = tmp_path / "wall"
    wall.write_text(f'#!/bin/sh\nwhile read -r line; do echo "$line"; done >{tmp_path}/told\n')
    wall.chmod(0o755)
    environment = {"LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0", "PATH": str(tmp_path)}
    command: list[str | Path] = [sys.executable, "-X", "utf8=0", "-c", TELL, tmp_path]
    subprocess.run(command, env=environment, check=True, timeout=LIMIT)
    assert (tmp_path / "told").read_text() == "host restarts into /boot/\\u017eluk now.\n"


def test_the_debian_package_waits_though_its_modules_are_in_a_folder_of_their_own(
    root: Path, tmp_path: Path
) -> None:
    """Its script looks there; what it starts by itself has to be told."""
    folder = tmp_path / "own"
    shutil.copytree(Path(programs.__file__).parents[1], folder / "warmboot")
    script = runpy.run_path(str(ROOT / "install/deb.py"))["_SCRIPT"]
    program = tmp_path / "program"
    program.write_text(script.replace("/usr/lib/warmboot", str(folder)))
    python = Path(sys.base_prefix) / "bin/python3"
    command: list[str | Path] = [python, "-I", program, "--root", root, "exec", "--yes", "--in=0"]
    subprocess.run(command, check=True, timeout=LIMIT)
    deadline = time.monotonic() + LIMIT
    while open_session(root).host.release != "6.12.1":
        assert time.monotonic() < deadline
        time.sleep(0.05)
