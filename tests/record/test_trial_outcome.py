"""What the lines of a journal say of a trial, whatever order its ends come in."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from support.machines import make_machine

from warmboot.core.host import read_host
from warmboot.core.plan.trial.trial import CONFIRMED, Mark
from warmboot.core.record.journal import Line
from warmboot.core.record.trial_outcome import Cause, TrialState, ending_of_trial, last_trial

ID = "0a1b2c3d"
EXECUTING: Line = {"event": "executing", "at": 100.0, "boot_id": "old", "trial": ID}
ENDS: dict[str, Line] = {
    "expired": {"event": "expired", "trial": ID, "at": 160},
    "confirmed": {"event": "confirmed", "trial": ID, "at": 160, "by": "health check"},
    "reverting": {"event": "reverting", "trial": ID, "at": 160, "uid": 0},
    "not reverted": {"event": "failed", "step": "reverting", "at": 161},
    "another's": {"event": "confirmed", "trial": "ffffffff", "at": 162},
}


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_machine(tmp_path_factory.mktemp("outcome"))


def expected(names: tuple[str, ...]) -> str | None:
    """What ends it, one line after the other: the first end counts, an attempt that failed not."""
    ended: list[str] = []
    for name in names:
        if name == "not reverted":
            ended = [one for one in ended if one != "reverting"]
        elif name != "another's":
            ended.append(name)
    return ended[0] if ended else None


@pytest.mark.parametrize("names", list(itertools.permutations(ENDS, 3)), ids="-".join)
def test_the_first_end_counts(machine: Path, names: tuple[str, ...]) -> None:
    lines = [EXECUTING, *(ENDS[name] for name in names)]
    outcome, ended = last_trial(lines, read_host(machine)), expected(names)
    said = ending_of_trial(lines)
    if ended == "confirmed":
        assert outcome is None, "a later start by hand is no coming back"
        assert said == "on trial, confirmed by health check"
        return
    assert outcome is not None
    assert outcome.state is TrialState.RETURNED
    causes = {"expired": Cause.DEAD_MAN, "reverting": Cause.ASKED, None: Cause.UNKNOWN}
    assert outcome.cause is causes[ended]
    assert said is not None
    assert "confirmed by" not in said


@pytest.mark.parametrize("how", ["", "health check", "by hand", ID, "\x1b[2J"])
def test_without_a_line_the_note_in_run_tells(tmp_path: Path, how: str) -> None:
    root = make_machine(tmp_path)
    (root / "proc/cmdline").write_text(Mark(ID, 60, None, (), 0).word() + "\n")
    note = root / CONFIRMED.lstrip("/")
    note.parent.mkdir(parents=True, exist_ok=True)
    note.write_text(f"{ID} {how}\n" if how else f"{ID}\n")
    outcome = last_trial((), read_host(root))
    assert outcome is not None
    assert outcome.state is TrialState.CONFIRMED
    assert outcome.text == f"confirmed by {outcome.by}"
    assert outcome.text.isprintable()
