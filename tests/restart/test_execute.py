"""Restarting: what is spared, when it happens, and what is refused."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from support.command import Call
from support.files import loaded

from warmboot.core.errors import ExitCode, Refused, WrongArgument
from warmboot.core.host.hardware import read_watchdogs
from warmboot.core.host.state import process_start
from warmboot.core.host.systemd import SKIP_AUTO_KEXEC, reboot_is_kexec
from warmboot.core.restart import schedule
from warmboot.core.sandbox.builders.bzimage import build_bzimage
from warmboot.core.sandbox.machine import SimulatedMachine, write_machine
from warmboot.core.sandbox.marker import write_marker
from warmboot.core.sandbox.simulator import Simulator
from warmboot.tui.cli import main

LIMIT = 60.0  # seconds, for a process that starts and ends; measured alone: 1


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "machine"
    root.mkdir()
    write_marker(root)
    write_machine(root, SimulatedMachine("x86_64", "6.1.0-running", "root=/dev/vda2 ro"))
    (root / "boot/vmlinuz-6.12.1").write_bytes(build_bzimage("6.12.1"))
    return root


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.05)


def test_what_something_else_staged_is_refused_unless_told(root: Path, call: Call) -> None:
    call("stage", "vmlinuz-6.12.1")
    (root / "var/lib/warmboot/journal.jsonl").unlink()
    code, answer = call("exec", "--yes")
    assert code == ExitCode.BLOCKED
    assert "--whatever-is-staged" in answer["error"]["hint"]
    assert loaded(root) == "1"
    code, answer = call("exec", "--yes", "--whatever-is-staged")
    assert (code, answer["release"], answer["way"]) == (ExitCode.OK, "6.12.1", "simulated")


def test_unloading_nothing_costs_no_load(root: Path, call: Call) -> None:
    limit = root / "proc/sys/kernel/kexec_load_limit_reboot"
    limit.write_text("1\n")
    assert call("unload")[0] == ExitCode.NOTHING_STAGED
    assert limit.read_text() == "1\n"


def test_status_tells_what_the_last_restart_did(root: Path, call: Call) -> None:
    call("stage", "vmlinuz-6.12.1")
    call("exec", "--yes")
    last = call("status")[1]["last_restart"]
    assert (last["arrived"], last["before"]) == (True, "6.1.0-running")
    assert 0 <= last["away"] < LIMIT
    (root / "proc/cmdline").write_text("something else\n")
    assert call("status")[1]["last_restart"]["arrived"] is False


def test_who_may_not_read_the_journal_is_told_so(
    root: Path, call: Call, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    call("stage", "vmlinuz-6.12.1")
    real = os.open

    def forbidden(path: Any, flags: int, *more: Any, **others: Any) -> int:
        if os.path.basename(path) in ("journal.jsonl", "countdown.json", "lock"):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, flags, *more, **others)

    monkeypatch.setattr(os, "open", forbidden)
    status = call("status")[1]
    assert (status["staged"], status["what"], status["readable"]) == (True, None, False)
    assert main(["--root", str(root), "status"]) == ExitCode.OK
    said = capsys.readouterr().out
    assert "a kernel; root can see which" in said
    assert "something else" not in said


def test_the_kernel_log_stands_beside_a_refusal(
    root: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "dev").mkdir()
    os.mkfifo(root / "dev/kmsg")
    # Below a simulated root only regular files are opened; on a machine this one is a device.
    monkeypatch.setattr(
        "warmboot.core.host.kmsg.open_for_reading",
        lambda path: os.open(str(path), os.O_RDONLY | os.O_NONBLOCK),
    )

    def refuse(_: Simulator, __: object) -> None:
        with (root / "dev/kmsg").open("wb", buffering=0) as pipe:
            pipe.write(b"3,9,9,-;PEFILE: Unsigned PE binary\n")
        raise Refused("no", errno=61)

    monkeypatch.setattr(Simulator, "load", refuse)
    code, answer = call("stage", "vmlinuz-6.12.1")
    assert code == ExitCode.REFUSED
    assert answer["error"]["kernel_log"] == ["PEFILE: Unsigned PE binary"]
    lines = (root / "var/lib/warmboot/journal.jsonl").read_text().splitlines()
    last = json.loads(lines[-1])
    assert (last["event"], last["step"], last["errno"]) == ("refused", "staging", 61)
    assert call("status")[1]["interrupted"] is None


def test_a_set_restart_waits_on_its_own_and_happens(root: Path, call: Call) -> None:
    call("stage", "vmlinuz-6.12.1")
    code, answer = call("exec", "--yes", "--in", "2")
    assert code == ExitCode.OK
    waiter = answer["countdown"]["pid"]
    assert os.getsid(waiter) != os.getsid(0)
    os.kill(waiter, signal.SIGHUP)
    assert call("status")[1]["countdown"]["id"] == answer["countdown"]["id"]
    until(lambda: loaded(root) == "0")
    until(lambda: not Path(f"/proc/{waiter}").exists())
    status = call("status")[1]
    assert status["countdown"] is None
    assert (status["host"]["release"], status["last_restart"]["arrived"]) == ("6.12.1", True)


def test_a_set_restart_can_be_cancelled_and_there_is_one(root: Path, call: Call) -> None:
    assert call("exec", "--cancel")[0] == ExitCode.NOT_FOUND
    call("stage", "vmlinuz-6.12.1")
    _, answer = call("exec", "--yes", "--in", "10m")
    assert call("exec", "--yes", "--in", "5m")[0] == ExitCode.BLOCKED
    code, ended = call("exec", "--cancel")
    assert (code, ended["cancelled"]["id"]) == (ExitCode.OK, answer["countdown"]["id"])
    waiter = answer["countdown"]["pid"]
    until(lambda: process_start(waiter) != answer["countdown"]["started"])
    assert loaded(root) == "1"
    assert sorted(path.name for path in (root / "run/warmboot").iterdir()) == ["lock"]


def test_a_due_restart_does_not_start_what_was_staged_since(root: Path, call: Call) -> None:
    call("stage", "vmlinuz-6.12.1")
    _, answer = call("exec", "--yes", "--in", "10m")
    call("stage", "vmlinuz-6.12.1", "--append", "other")
    code, error = call("exec", "--yes", "--due", answer["countdown"]["id"])
    assert code == ExitCode.SYSTEM
    assert "changed" in error["error"]["message"]
    assert loaded(root) == "1"
    assert call("exec", "--yes", "--due", "no-such")[0] == ExitCode.NOT_FOUND
    until(lambda: not Path(f"/proc/{answer['countdown']['pid']}").exists())


@pytest.mark.parametrize(
    ("text", "seconds"), [("10", 10), ("90s", 90), ("10m", 600), (" 2h ", 7200)]
)
def test_delays(text: str, seconds: int) -> None:
    assert schedule.parse_delay(text) == seconds


@pytest.mark.parametrize("text", ["", "-1", "1d", "1.5", "٣", "9" * 20, "999999h", "10 m"])
def test_what_is_no_delay(text: str) -> None:
    with pytest.raises(WrongArgument):
        schedule.parse_delay(text)


def test_times_of_day_are_the_next_and_dates_are_to_come() -> None:
    now = datetime(2026, 11, 23, 12, 0, 0).timestamp()
    assert schedule.parse_time("12:30", now) == now + 1800
    assert schedule.parse_time("11:00", now) == now + 23 * 3600
    assert schedule.parse_time("2026-11-24 12:00", now) == now + 86400
    for text in ("25:00", "noon", "2026-11-22 12:00", "2036-01-01 00:00", "", "12:60"):
        with pytest.raises(WrongArgument):
            schedule.parse_time(text, now)


def test_watchdogs_are_shown_and_left(root: Path, call: Call) -> None:
    dog = root / "sys/class/watchdog/watchdog0"
    dog.mkdir(parents=True)
    for name, text in (("state", "active"), ("identity", "iTCO_wdt"), ("timeout", "30")):
        (dog / name).write_text(text + "\n")
    (found,) = read_watchdogs(root)
    assert (found.armed, found.timeout, found.identity) == (True, 30, "iTCO_wdt")
    assert call("status")[1]["watchdogs"][0]["armed"] is True


@pytest.mark.parametrize(("version", "answer"), [("252", False), ("257", True), ("261", True)])
def test_a_reboot_that_is_a_kexec_is_said(root: Path, version: str, answer: bool) -> None:
    folder = root / "usr/lib/x86_64-linux-gnu/systemd"
    folder.mkdir(parents=True)
    (folder / f"libsystemd-shared-{version}.so").touch()
    assert reboot_is_kexec(root, systemd=True, staged=True) is answer
    assert reboot_is_kexec(root, systemd=True, staged=False) is False
    assert reboot_is_kexec(root, systemd=False, staged=True) is False


@pytest.mark.parametrize(("content", "answer"), [(SKIP_AUTO_KEXEC, True), ("ELF", False)])
def test_systemctl_itself_says_what_it_does(root: Path, content: str, answer: bool) -> None:
    program = root / "usr/bin/systemctl"
    program.parent.mkdir(parents=True, exist_ok=True)
    program.write_text(content)
    (root / "usr/lib/systemd").mkdir(parents=True)
    (root / f"usr/lib/systemd/libsystemd-shared-{'252' if answer else '261'}.so").touch()
    assert reboot_is_kexec(root, systemd=True, staged=True) is answer
