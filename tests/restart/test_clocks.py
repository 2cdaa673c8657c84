"""A clock that is set: what waits goes on waiting, and what came later stays later."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from warmboot.core.record import journal as journal_module
from warmboot.core.record.journal import Journal
from warmboot.core.restart import schedule, waiter
from warmboot.core.restart.schedule import Countdown, Moment
from warmboot.core.session.restarts import Restarts


def test_a_delay_is_not_shortened_by_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    at = Restarts.when(None, "10m")
    assert isinstance(at, Moment)
    countdown = schedule.make(at, None, None)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 3600)
    assert 590 < countdown.left() <= 600
    monkeypatch.setattr(time, "time", lambda: now - 3600)
    assert 590 < countdown.left() <= 600


def test_a_time_of_the_clock_goes_by_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time()
    countdown = schedule.make(now + 600, None, None)
    monkeypatch.setattr(time, "time", lambda: now + 3600)
    assert countdown.left() < 0


def test_who_waits_goes_by_the_same_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock on the wall jumps by an hour and nothing is run; when it is due, it is."""
    (tmp_path / "run/warmboot").mkdir(parents=True)
    made = schedule.make(Moment.after(1000), None, None)
    schedule._write(tmp_path, made)
    seconds = schedule.since_boot()
    slept: list[float] = []

    def sleep(span: float) -> None:
        nonlocal seconds
        slept.append(span)
        seconds += 400

    ran: list[list[str]] = []

    def run(_: str, words: list[str]) -> int:
        ran.append(words)
        return 7

    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 3600)
    monkeypatch.setattr(time, "sleep", sleep)
    monkeypatch.setattr(schedule, "since_boot", lambda: seconds)
    monkeypatch.setattr(os, "execv", run)
    monkeypatch.setattr(os, "dup2", lambda *_: 0)
    monkeypatch.chdir(tmp_path)
    ready, told = os.pipe()
    assert waiter._wait(tmp_path, made.id, ["/bin/true"], told) == 7
    os.close(ready)
    assert (len(slept), ran) == (3, [["/bin/true"]])


def test_systemd_waits_for_a_delay_by_its_own_clock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "run/warmboot").mkdir(parents=True)
    ran: list[list[str]] = []
    monkeypatch.setattr(schedule, "_run", lambda command: ran.append(list(command)))
    for at in (Moment.after(2 * 86400), time.time() + 600):
        schedule._timer(tmp_path, schedule.make(at, None, None), ["/bin/true"])
    assert [next(w for w in words if w.startswith("--on-")).partition("=")[0] for words in ran] == [
        "--on-active",
        "--on-calendar",
    ]


def test_lines_stand_in_the_order_they_were_written_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two places, and a clock that is set back between every two lines."""
    journal = Journal(tmp_path)
    append = journal_module._append
    now = 2e9

    def full(path: Path, raw: bytes) -> None:
        if "/var/" in str(path):
            raise OSError(28, "No space left on device")
        append(path, raw)

    for number in range(9):
        now -= 1000
        monkeypatch.setattr(time, "time", lambda now=now: now)
        monkeypatch.setattr(journal_module, "_append", full if number % 3 == 1 else append)
        journal.append("note", "boot", number=number)
    assert [line["number"] for line in journal.lines()] == list(range(9))
    assert [line["seq"] for line in journal.lines()] == list(range(1, 10))


def test_numbers_go_on_where_a_file_was_put_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_module, "_ROTATE_AT", 400)
    journal = Journal(tmp_path)
    for _ in range(7):
        journal.append("note", "boot")
    numbers = [int(str(line["seq"])) for line in journal.lines()]
    assert numbers == sorted(numbers)
    assert numbers[-1] == 7


def test_lines_of_an_older_version_come_first(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.path.parent.mkdir(parents=True)
    old = [{"at": 5e9, "event": "note", "boot_id": None, "number": n} for n in range(3)]
    journal.path.write_text("".join(json.dumps(line) + "\n" for line in old))
    (tmp_path / "run/warmboot").mkdir(parents=True)
    (tmp_path / "run/warmboot/journal.jsonl").write_text(
        json.dumps({"seq": 1, "at": 1.0, "event": "note", "boot_id": None, "number": 3}) + "\n"
    )
    assert [line["number"] for line in journal.lines()] == [0, 1, 2, 3]


def test_a_countdown_of_an_older_version_is_understood(tmp_path: Path) -> None:
    place = tmp_path / "run/warmboot/countdown.json"
    place.parent.mkdir(parents=True)
    old = {"id": "a", "at": 4e9, "since": 1.0, "uid": 0, "pid": 1, "started": 2, "later": []}
    place.write_text(json.dumps(old))
    assert schedule.still_set(tmp_path, "a") == Countdown("a", 4e9, 1.0, 0, None, 1, 2)
