"""What a session says of a trial that is under way."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from warmboot.core.plan.request import PlanRequest
from warmboot.core.plan.trial.trial import TrialRequest
from warmboot.core.restart.trial.host import Timer
from warmboot.core.sandbox.marker import TRIAL
from warmboot.core.session import open_session
from warmboot.tui.present.trial_text import outcome_facts


@pytest.mark.parametrize("late", [0, 120, 240])
@pytest.mark.parametrize("runs", [True, False])
def test_it_goes_back_when_the_first_of_timer_and_watchdog_ends(
    sandbox: Path, late: int, runs: bool
) -> None:
    """The watchdog counts from the jump on; a system that starts slowly begins its time later."""
    session = open_session(sandbox)
    asked = PlanRequest(entry="warmboot-6.17.8-sandbox.conf")
    with session.plan(asked) as opened, session.prepare(opened) as prepared:
        session.stage(prepared)
    session = open_session(sandbox)
    session.trials.execute(session.trials.plan(TrialRequest(600)))
    session = open_session(sandbox)
    path = sandbox / TRIAL
    state = json.loads(path.read_text())
    path.write_text(json.dumps({**state, "ends": state["ends"] + late, "stopped": not runs}))
    status = session.status()
    assert status.trial is not None
    assert status.trial.at is not None
    by_watchdog = status.trial.at + 600 + 180
    assert status.watchdog_at == by_watchdog
    first = min(state["ends"] + late, by_watchdog) if runs else by_watchdog
    assert status.goes_back_at == first
    mute = outcome_facts(status._replace(timer=Timer(None)))[1].value
    assert mute.startswith("systemd did not say whether its dead-man timer runs; its watchdog")
    said = outcome_facts(status)[1].value
    assert ("watchdog" in said) is (first == by_watchdog)
    session.trials.confirm()
    assert session.status().goes_back_at is None
