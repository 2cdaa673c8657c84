"""What is left of a restart on trial that was interrupted: told from the journal alone."""

from __future__ import annotations

from typing import Any

import pytest

from warmboot.core.plan.trial.trial import OneShot
from warmboot.core.record.leftover import MODULES, STAGED, Leftover, read_leftover

BOOT = "b"
PLAN = {"one_shot": ["BootNext=0001", "next_entry=x"], "watchdog_modules": ["i6300esb"]}
ARMING = {"event": "arming", "trial_plan": PLAN}
STAGING = {"event": "staging", "request": {"entry": "new", "trial": "0a1b2c3d"}}
OTHER = {"event": "staging", "request": {"entry": "old"}}
EXECUTING = {"event": "executing"}
BEGUN = Leftover((OneShot.BOOT_NEXT, OneShot.GRUB), ("i6300esb",))


def failed(step: str, event: str = "failed") -> dict[str, Any]:
    return {"event": event, "step": step}


@pytest.mark.parametrize(
    ("events", "left"),
    [
        ([], Leftover()),
        ([STAGING, OTHER, EXECUTING], Leftover()),
        ([ARMING], BEGUN),
        ([ARMING, STAGING], BEGUN._replace(staged=True)),
        ([ARMING, STAGING, failed("arming")], BEGUN._replace(staged=True)),
        ([ARMING, STAGING, {"event": "unloaded"}], BEGUN),
        ([ARMING, STAGING, OTHER, {"event": "staged"}], BEGUN),
        ([ARMING, STAGING, EXECUTING], BEGUN._replace(staged=True, restarting=True)),
        ([ARMING, EXECUTING, failed("executing", "refused")], BEGUN),
        ([ARMING, STAGING, {"event": "disarmed"}], Leftover()),
        ([ARMING, STAGING, EXECUTING, {"event": "handed-over"}], Leftover()),
        ([ARMING, {"event": "disarmed"}, ARMING], BEGUN),
    ],
)
def test_it_is_what_was_begun_and_not_taken_back(
    events: list[dict[str, Any]], left: Leftover
) -> None:
    lines = [{"boot_id": BOOT, **event} for event in events]
    assert read_leftover(lines, BOOT) == left
    assert read_leftover(lines, "another") == Leftover()
    names = read_leftover(lines, BOOT).names
    assert (MODULES in names, STAGED in names) == (bool(left.modules), left.staged)


@pytest.mark.parametrize("plan", [None, 7, {}, {"one_shot": 5, "watchdog_modules": [7, None]}])
def test_a_damaged_record_is_no_reason_to_fail(plan: object) -> None:
    assert read_leftover([{"boot_id": BOOT, "event": "arming", "trial_plan": plan}], BOOT) == (
        Leftover()
    )
