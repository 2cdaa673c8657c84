"""How long a restart takes, by the restarts that came up and by firmware's record; or unknown."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.command import Call
from support.files import put
from support.machines import make_machine

from warmboot.core.host import read_host
from warmboot.core.record.forecast import Forecast, read_forecast
from warmboot.core.record.history import Deed, Ending, Step
from warmboot.tui.present.forecast_text import away_text, forecast_items, short_time

FPDT = "sys/firmware/acpi/fpdt/boot/exitbootservice_end_ns"
EXECUTED = "sys/firmware/efi/efivars/LoaderTimeExecUSec-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_machine(tmp_path_factory.mktemp("forecast"))


steps = st.builds(
    Step,
    st.just(Deed.RESTART),
    st.just(1.0),
    st.sampled_from(list(Ending)),
    st.just("text"),
    away=st.none() | st.floats(0, 3600),
)


@given(st.lists(steps, max_size=9))
def test_only_restarts_that_came_up_count_and_the_last_three_of_them(
    machine: Path, history: list[Step]
) -> None:
    found = read_forecast(history, read_host(machine))
    known = [s.away for s in history if s.ending is Ending.ARRIVED and s.away is not None]
    assert list(found.kexec) == known[-3:]
    text = away_text(found)
    assert text.startswith("not known") is (not known)
    assert [item.name for item in forecast_items(found)] == [
        "By kexec", "All started", "By firmware"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("nanoseconds", "microseconds", "seconds"),
    [
        (None, None, None),
        ("61500000000", None, 61.5),
        (None, "61500000", 61.5),
        ("61500000000", "7", 61.5),
        ("0", "61500000", 61.5),
        ("-5", None, None),
        ("nonsense", "12e3", None),
        ("9" * 19, None, None),
        (None, "9" * 30, None),
        (None, "\u0663", None),
    ],
)
def test_firmware_s_own_record_tells_what_it_took(
    tmp_path: Path, nanoseconds: str | None, microseconds: str | None, seconds: float | None
) -> None:
    root = make_machine(tmp_path)
    if nanoseconds is not None:
        put(root, FPDT, nanoseconds + "\n")
    if microseconds is not None:
        put(root, EXECUTED, b"\6\0\0\0" + (microseconds + "\0").encode("utf-16-le"))
    found = read_forecast((), read_host(root))
    assert found.firmware == (None if seconds is None else pytest.approx(seconds))
    assert ("firmware" in away_text(found)) is (seconds is not None)


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        ((0, "FinishTimestampMonotonic=23456789\n"), 23.456789),
        ((0, "FinishTimestampMonotonic=0\n"), None),
        ((0, "Other=5\n"), None),
        ((0, ""), None),
        ((1, "FinishTimestampMonotonic=23456789\n"), None),
        (None, None),
    ],
)
def test_systemd_tells_when_it_had_started_everything(
    machine: Path, monkeypatch: pytest.MonkeyPatch, answer: object, seconds: float | None
) -> None:
    monkeypatch.setattr("warmboot.core.record.forecast.systemctl", lambda *_: answer)
    simulated = read_host(machine)
    assert read_forecast((), simulated).startup is None, "another machine's systemd is not asked"
    real = replace(simulated, prefix=Path("/"), systemd=True)
    found = read_forecast((), real)
    assert found.startup == (None if seconds is None else pytest.approx(seconds))
    assert read_forecast((), replace(real, systemd=False)).startup is None


def test_compare_tells_it(call: Call) -> None:
    _, answer = call("compare", "warmboot-6.17.8-sandbox")
    assert answer["forecast"] == {"kexec": [], "startup": None, "firmware": None}


@given(st.none() | st.floats(0.1, 3600), st.integers(60, 86400))
def test_a_trial_that_is_over_too_early_is_warned_of(startup: float | None, seconds: int) -> None:
    said = short_time(Forecast(startup=startup), seconds)
    assert (said is not None) is (startup is not None and startup >= seconds)


def test_what_is_known_is_said_in_words() -> None:
    assert away_text(Forecast((21.0, 24.0), 34.0, 61.0)) == (
        "the last 2 restarts took 21 s, 24 s until the new kernel started; the running "
        "system had started everything 34 s after its kernel; firmware would take 1 min 1 s more"
    )
