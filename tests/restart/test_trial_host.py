"""What a trial asks of the machine itself, with systemd's answers put in."""

from __future__ import annotations

import time

import pytest

from warmboot.core.errors import WarmbootError
from warmboot.core.plan.trial.trial import CHECK_UNIT, UNIT
from warmboot.core.restart.trial.host import RealTrialHost

Answer = tuple[int, str] | None
SYSTEMCTL = "warmboot.core.restart.trial.host.systemctl"


def answering(monkeypatch: pytest.MonkeyPatch, answers: dict[str, Answer]) -> list[str]:
    """Answer for systemctl by the words of its call; returns the calls that were made."""
    asked: list[str] = []

    def systemctl(*words: str, **_: object) -> Answer:
        asked.append(" ".join(words))
        return next((said for key, said in answers.items() if key in asked[-1]), (0, ""))

    monkeypatch.setattr(SYSTEMCTL, systemctl)
    return asked


def shown(state: str, limit: str, started: float) -> Answer:
    fields = f"ActiveState={state}\nRuntimeMaxUSec={limit}\n"
    return 0, f"{fields}ActiveEnterTimestampMonotonic={started * 1e6:.0f}\n"


@pytest.mark.parametrize(
    ("limit", "seconds"),
    [("1min", 60), ("10min", 600), ("1min 30s", 90), ("2h 5min 1s", 7501), ("1min 500ms", 60.5)],
)
def test_the_timer_ends_its_limit_after_its_start(
    monkeypatch: pytest.MonkeyPatch, limit: str, seconds: float
) -> None:
    now = time.clock_gettime(time.CLOCK_MONOTONIC)
    answering(monkeypatch, {"show": shown("active", limit, now - 20)})
    timer = RealTrialHost().timer()
    assert timer.active
    assert timer.ends == pytest.approx(time.time() + seconds - 20, abs=5)


@pytest.mark.parametrize(
    "answer",
    [shown("inactive", "1min", 5), shown("failed", "1min", 5)],
)
def test_without_an_active_unit_there_is_no_timer(
    monkeypatch: pytest.MonkeyPatch, answer: Answer
) -> None:
    answering(monkeypatch, {"show": answer})
    assert RealTrialHost().timer() == (False, None)


@pytest.mark.parametrize("answer", [None, (1, "no"), (0, "")], ids=["late", "no", "nothing"])
def test_a_systemd_that_does_not_answer_has_not_said_that_there_is_none(
    monkeypatch: pytest.MonkeyPatch, answer: Answer
) -> None:
    answering(monkeypatch, {"show": answer})
    assert RealTrialHost().timer() == (None, None)


def test_a_machine_that_is_slow_to_answer_is_waited_for_while_the_timer_is_stopped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waits: list[float] = []

    def systemctl(*words: str, timeout: float = 0.0) -> Answer:
        waits.append(timeout)
        return 0, "ActiveState=inactive\nResult=success\n" if words[0] == "show" else ""

    monkeypatch.setattr(SYSTEMCTL, systemctl)
    RealTrialHost().stop_timer()
    assert len(waits) == 3
    assert min(waits) >= 60


@pytest.mark.parametrize("limit", ["infinity", "", "soon", "3 fortnights"])
def test_a_limit_that_is_not_known_is_not_guessed(
    monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    answering(monkeypatch, {"show": shown("active", limit, 5)})
    assert RealTrialHost().timer() == (True, None)


def test_the_check_is_stopped_before_the_timer(monkeypatch: pytest.MonkeyPatch) -> None:
    missing = (5, f"Failed to stop {CHECK_UNIT}: Unit {CHECK_UNIT} not loaded.\n")
    answers: dict[str, Answer] = {
        f"stop {CHECK_UNIT}": missing,
        "show": (0, "ActiveState=inactive\nResult=success\n"),
    }
    asked = answering(monkeypatch, answers)
    RealTrialHost().stop_timer()
    assert asked[:2] == [f"stop {CHECK_UNIT}", f"stop {UNIT}"]


@pytest.mark.parametrize(
    "answers",
    [
        {f"stop {UNIT}": (1, "Access denied")},
        {f"stop {UNIT}": None},
        {"show": shown("active", "1min", 5)},
        {"show": None},
        {"show": (1, "Failed to connect to bus")},
        {"show": (0, "")},
    ],
    ids=["refused", "no answer", "still active", "gone", "no bus", "nothing"],
)
def test_a_timer_that_cannot_be_stopped_is_an_error(
    monkeypatch: pytest.MonkeyPatch, answers: dict[str, Answer]
) -> None:
    answering(monkeypatch, answers)
    with pytest.raises(WarmbootError, match=f"{UNIT} (could not be stopped|was told to stop, but)"):
        RealTrialHost().stop_timer()


@pytest.mark.parametrize("state", ["failed", "deactivating", "inactive"])
def test_a_timer_that_ran_out_in_that_moment_was_not_stopped(
    monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    """systemctl stop succeeds then, and systemd restarts the machine."""
    answering(monkeypatch, {"show": (0, f"ActiveState={state}\nResult=timeout\n")})
    with pytest.raises(WarmbootError, match="time was over"):
        RealTrialHost().stop_timer()
