"""Waiting for a machine: which answers count, and what ends it."""

from __future__ import annotations

import itertools
import json
import sys
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warmboot.core.errors import NotBack, WrongArgument
from warmboot.core.record import arrival
from warmboot.core.record.arrival import Seen, by_command, seen_in, wait_until_back

OLD = Seen("old", "6.1.0", None, "", None, pending=False)
GOING = OLD._replace(pending=True)
NEW = Seen("new", "6.12.1", True, "as staged", 40.0, pending=False)


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let time pass by sleeping only."""
    clock = itertools.count()
    monkeypatch.setattr(time, "monotonic", lambda: float(next(clock)))
    monkeypatch.setattr(time, "sleep", lambda _: None)


def answers(*seen: Seen | None) -> Iterator[Seen | None]:
    return itertools.chain(seen, itertools.repeat(seen[-1]))


@pytest.mark.parametrize(
    ("boot", "told"),
    [
        (None, (GOING, None, None, NEW)),
        ("old", (OLD, OLD, None, NEW)),
        ("old", (NEW,)),
        (None, (NEW,)),
        (None, (None, NEW)),
    ],
)
def test_the_first_answer_of_another_boot_is_the_machine_back(
    boot: str | None, told: tuple[Seen | None, ...]
) -> None:
    told_one_by_one = answers(*told)
    assert wait_until_back(lambda _: next(told_one_by_one), 1000, boot) == NEW


@pytest.mark.parametrize("told", [None, OLD])
def test_a_machine_that_does_not_come_back_ends_it(told: Seen | None) -> None:
    with pytest.raises(NotBack) as caught:
        wait_until_back(lambda _: told, 50, "old")
    assert ("6.1.0" in caught.value.message) is (told is not None)


class Slow:
    """A machine that works on all questions at once, also on those that nobody waits for."""

    def __init__(self, each: float) -> None:
        self.each = each
        self.now = 0.0
        self.left: list[float] = []

    def work(self, seconds: float, *, until_answered: bool = False) -> bool:
        """Let time pass; returns whether the last question is answered."""
        end = self.now + seconds
        while self.left and self.now < end:
            step = min(min(self.left) * len(self.left), end - self.now)
            self.now += step
            self.left = [left - step / len(self.left) for left in self.left]
            if until_answered and self.left[-1] < 1e-6:
                return True
            self.left = [left for left in self.left if left >= 1e-6]
        self.now = max(self.now, end)
        return False

    def ask(self, seconds: float) -> Seen | None:
        self.left.append(self.each)
        return NEW if self.work(seconds, until_answered=True) else None


@given(st.floats(0.1, 100.0))
def test_a_slow_machine_is_not_asked_to_death(each: float) -> None:
    machine = Slow(each)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "monotonic", lambda: machine.now)
        patch.setattr(time, "sleep", machine.work)
        assert wait_until_back(machine.ask, 600.0, "old") == NEW


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(
                    ["command", "host", "last_restart", "release", "boot_id", "attempt"]
                ),
                inner,
            )
        ),
    )
)
def test_whatever_a_machine_answers_is_read_or_none(value: object) -> None:
    answer = json.dumps(value).encode()
    seen = seen_in(answer)
    assert seen is None or isinstance(seen.release, str)


def test_a_command_s_answer_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.undo()
    told = {"command": "status", "host": {"release": "6.1.0", "boot_id": "old"}}
    ask = by_command([sys.executable, "-c", f"print({json.dumps(told)!r})"])
    assert ask(30.0) == Seen(
        "old", "6.1.0", None, "no restart by warmboot is on record", None, False
    )
    assert by_command(["/bin/sleep", "60"])(0.05) is None
    assert by_command(["/bin/false"])(30.0) is None


def test_an_endless_answer_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.setattr(arrival, "_LONGEST", 1 << 17)
    assert by_command(["/usr/bin/yes"])(30.0) is None


def test_a_command_that_is_not_there_is_said() -> None:
    with pytest.raises(WrongArgument):
        by_command(["/no/such/program"])(1.0)
