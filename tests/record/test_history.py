"""History: every step of the journal, how it ended, and what came of each restart."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.machines import make_machine

from warmboot.core.errors import ExitCode
from warmboot.core.host import read_host
from warmboot.core.plan.staged import Staged
from warmboot.core.record.history import Deed, Ending, Step, read_history
from warmboot.core.record.journal import Journal, Line
from warmboot.core.session import open_session

ENTRY = "warmboot-6.17.8-sandbox.conf"
WHAT = Staged("e", "/boot/k", (), "6.17.8", "root=/dev/vda1", "as it is", "test", None, 1.0, "b1")

RECORD = {**asdict(WHAT), "initrds": []}  # as it is read out of JSON


def line(event: str, at: float, boot: str = "b1", **fields: object) -> Line:
    return {"event": event, "at": at, "boot_id": boot, "release": "6.12.0", **fields}


def history(root: Path, *lines: Line) -> list[Step]:
    return list(read_history(lines, replace(read_host(root), boot_id="now")))


def endings(root: Path, *lines: Line) -> list[tuple[Deed, Ending]]:
    return [(step.deed, step.ending) for step in history(root, *lines)]


EXECUTING = line("executing", 100.0, staged=RECORD, running="6.12.0")


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    return make_machine(tmp_path)


def test_each_step_has_the_end_that_is_recorded(machine: Path) -> None:
    assert endings(
        machine,
        line("staging", 1.0),
        line("staged", 2.0, staged=RECORD),
        line("staging", 3.0),
        line("refused", 4.0, step="staging", message="EPERM"),
        line("unloading", 5.0),
        line("crash-staging", 6.0),
        line("crash-staged", 7.0, staged=RECORD),
        line("unloaded", 8.0),
        line("setting", 9.0),
        line("set", 9.5),
        line("cancelled", 9.6),
        line("failed", 9.7, step="executing", message="staged again since"),
        line("staging", 9.9),
    ) == [
        (Deed.STAGE, Ending.DONE),
        (Deed.STAGE, Ending.REFUSED),
        (Deed.UNLOAD, Ending.DONE),
        (Deed.CRASH_STAGE, Ending.DONE),
        (Deed.SCHEDULE, Ending.CANCELLED),
        (Deed.RESTART, Ending.FAILED),
        (Deed.STAGE, Ending.INTERRUPTED),
    ]


@pytest.mark.parametrize(
    ("after", "ending", "away"),
    [
        (line("staging", 300.0, "b2", release="6.17.8", booted=141.0), Ending.ARRIVED, 41.0),
        (line("staging", 300.0, "b2", release="6.12.0", booted=141.0), Ending.ELSEWHERE, 41.0),
        (line("staging", 300.0, "b2", release="6.17.8"), Ending.ARRIVED, None),
        (line("staging", 9e5, "b2", release="6.17.8", booted=8e5), Ending.ARRIVED, None),
        (line("staging", 300.0, "b2", release="6.17.8", booted=3.0), Ending.ARRIVED, None),
        (line("staging", 300.0, "b2", release=7, booted="x"), Ending.UNKNOWN, None),
    ],
)
def test_the_next_boot_tells_what_became_of_a_restart(
    machine: Path, after: Line, ending: Ending, away: float | None
) -> None:
    for before in ([EXECUTING], [EXECUTING, line("handed-over", 101.0)]):
        step = history(machine, *before, after)[0]
        assert (step.ending, step.away, step.before) == (ending, away, "6.12.0")
        assert list(step.record) == before


def test_a_restart_that_has_not_taken_place_yet(machine: Path) -> None:
    host = replace(read_host(machine), boot_id="b1")
    (step,) = read_history([EXECUTING], host)
    assert step.ending is Ending.INTERRUPTED
    (step,) = read_history([EXECUTING, line("handed-over", 101.0)], host)
    assert step.ending is Ending.UNDER_WAY
    (step,) = read_history([EXECUTING], replace(host, boot_id="now"))
    assert step.ending is Ending.ELSEWHERE, "told by what runs now"


def test_what_other_events_say_belongs_to_the_step_before(machine: Path) -> None:
    (step,) = history(machine, EXECUTING, line("armed", 101.0, "b1"))
    assert [one["event"] for one in step.record] == ["executing", "armed"]


EVENTS = st.sampled_from(
    ["staging", "staged", "unloading", "unloaded", "executing", "executed", "handed-over", "set",
     "setting", "cancelled", "refused", "failed", "note", "crash-staged"]
)  # fmt: skip
LINES = st.lists(
    st.fixed_dictionaries(
        {
            "event": EVENTS,
            "at": st.sampled_from([1.0, 9e9, -1.0, None]),
            "boot_id": st.sampled_from(["b1", "b2", "now", None]),
            "step": EVENTS,
            "release": st.sampled_from(["6.17.8", "\x1b[2J", 7]),
            "booted": st.sampled_from([2.0, float("nan"), "x", None]),
            "staged": st.sampled_from([RECORD, "x", None]),
            "message": st.sampled_from(["why", "\x1b[2J", 3]),
        }
    ),
    max_size=20,
)


@given(LINES)
def test_any_lines_are_told_once_each(lines: list[Line]) -> None:
    steps = read_history(lines, _HOST)
    told = [id(one) for step in steps for one in step.record]
    assert len(told) == len(set(told))
    assert all(step.text.isprintable() for step in steps)
    began = sum(one["event"] in ("staging", "unloading", "executing", "setting") for one in lines)
    assert len(steps) >= began


@pytest.fixture(scope="module", autouse=True)
def _a_host(tmp_path_factory: pytest.TempPathFactory) -> None:
    global _HOST  # noqa: PLW0603 - read once for all examples
    _HOST = replace(read_host(make_machine(tmp_path_factory.mktemp("host"))), boot_id="now")


_HOST: Any = None


def test_the_command_tells_it_and_the_journal_says_when_a_kernel_started(
    sandbox: Path, call: Callable[..., Any]
) -> None:
    assert call("history") == (0, {
        "schema": "warmboot/1", "command": "history", "simulated": True, "steps": [],
    })  # fmt: skip
    assert call("stage", ENTRY)[0] == call("exec", "--yes")[0] == 0
    for entry in ("warmboot-6.12.57-sandbox.conf", ENTRY):
        assert call("stage", entry)[0] == 0
    steps = call("history")[1]["steps"]
    assert [(one["deed"], one["ending"]) for one in steps] == [
        ("stage", "done"), ("restart", "came up"), ("stage", "done"), ("stage", "done"),
    ]  # fmt: skip
    assert steps[1]["before"] == "6.12.57-sandbox"
    assert steps[1]["staged"]["release"] == "6.17.8-sandbox"
    lines = Journal(sandbox).lines()
    assert {one["release"] for one in lines} == {"6.12.57-sandbox", "6.17.8-sandbox"}
    assert all(isinstance(one["booted"], float) for one in lines)
    assert [one["at"] for one in call("history", "-n", "2")[1]["steps"]] == [
        one["at"] for one in steps[-2:]
    ]
    assert call("history", "-n", "0")[1]["steps"] == []
    assert call("history", "-n", "x")[0] == ExitCode.USAGE
    assert open_session(sandbox).history()[1].ending is Ending.ARRIVED


def test_a_person_reads_a_line_for_each_step(
    sandbox: Path, call: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    from warmboot.tui.cli import main

    assert main(["--root", str(sandbox), "history"]) == 0
    assert capsys.readouterr().out == "Nothing is recorded yet.\n"
    assert call("stage", ENTRY)[0] == call("exec", "--yes")[0] == 0
    assert main(["--root", str(sandbox), "history"]) == 0
    staged, restart = capsys.readouterr().out.splitlines()
    assert "stage" in staged
    assert "6.12.57-sandbox > 6.17.8-sandbox" in restart
    assert "came up" in restart
    assert json.loads(Journal(sandbox).path.read_text().splitlines()[0])["event"] == "staging"
