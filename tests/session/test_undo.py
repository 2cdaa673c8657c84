"""A restart on trial that fails or is killed on its way: nothing stays armed, or it is said."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.trials import ASKED, NEW, OLD, nothing_armed, stage

from warmboot.core.errors import Blocked, Refused, WarmbootError
from warmboot.core.plan.trial.trial import OneShot
from warmboot.core.record.leftover import MODULES, STAGED
from warmboot.core.session import open_session
from warmboot.core.session.undo import Undone


def test_what_is_left_for_a_trial_is_started_by_nothing_else(
    sandbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kill after staging for the trial: what is staged goes back unless it is confirmed."""
    session = stage(sandbox)
    monkeypatch.setattr("warmboot.core.session.trials.Undo.undo", lambda _: Undone((), ("all",)))
    monkeypatch.setattr("warmboot.core.session.restarts.carry_out", _fails)
    with pytest.raises(Refused):
        session.trials.execute(session.trials.plan(ASKED))
    session = open_session(sandbox)
    with pytest.raises(Blocked, match="restart on trial"):
        session.restarts.execute()
    monkeypatch.undo()
    session.trials.execute(session.trials.plan(ASKED))
    assert open_session(sandbox).host.release == NEW


def _fails(*_: object) -> None:
    raise Refused("The kernel refuses", errno=16)


def _breaks(*_: object, **__: object) -> None:
    raise WarmbootError("It broke", hint="A hint.")


@pytest.mark.parametrize(
    "place",
    [
        "warmboot.core.session.trials.stage_locked",
        "warmboot.core.sandbox.trial_host.SimulatedTrialHost.hold",
        "warmboot.core.session.trials.choose",
        "warmboot.core.session.trials.Trials._way_back",
        "warmboot.core.session.restarts.carry_out",
    ],
)
def test_what_fails_leaves_nothing_armed_and_says_so(
    sandbox: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    session = stage(sandbox)
    trial = session.trials.plan(ASKED)
    monkeypatch.setattr(place, _breaks)
    with pytest.raises(WarmbootError, match="It broke") as caught:
        session.trials.execute(trial)
    assert "Nothing is armed" in (caught.value.hint or "")
    assert nothing_armed(sandbox)
    monkeypatch.undo()
    session = open_session(sandbox)
    assert session.host.release == OLD
    assert session.status().left_over == ()
    assert session.status().trial is None


def test_what_cannot_be_taken_back_is_said(sandbox: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session = stage(sandbox)
    trial = session.trials.plan(ASKED)
    monkeypatch.setattr("warmboot.core.session.restarts.carry_out", _fails)
    monkeypatch.setattr("warmboot.core.session.trials.take_back", _breaks)
    with pytest.raises(Refused) as caught:
        session.trials.execute(trial)
    assert "Still armed: LoaderEntryOneShot" in (caught.value.hint or "")


def test_what_a_killed_one_left_is_said_and_taken_back(
    sandbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = stage(sandbox)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("warmboot.core.session.trials.Undo.undo", lambda _: Undone((), ("all",)))
    monkeypatch.setattr("warmboot.core.session.restarts.carry_out", killed)
    with pytest.raises(KeyboardInterrupt):
        session.trials.execute(session.trials.plan(ASKED))
    monkeypatch.undo()
    session = open_session(sandbox)
    left = (OneShot.LOADER_ENTRY.value, MODULES, STAGED)
    assert session.status().left_over == left
    assert session.trials.disarm() == left
    assert nothing_armed(sandbox)
    assert open_session(sandbox).status().staged is False
    assert session.trials.disarm() == ()
    assert open_session(sandbox).status().left_over == ()
