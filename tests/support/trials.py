"""Restarts on trial on a simulated machine: how a test has one begin, and looks what is armed."""

from __future__ import annotations

from pathlib import Path

from warmboot.core.host.hardware import read_watchdogs
from warmboot.core.plan.request import PlanRequest
from warmboot.core.plan.trial.trial import TrialRequest
from warmboot.core.session import Session, open_session

OLD, NEW = "6.12.57-sandbox", "6.17.8-sandbox"
ENTRY = f"warmboot-{NEW}.conf"
ASKED = TrialRequest(600)
CORE = "sys/module/watchdog/parameters/stop_on_reboot"
DOG = "sys/class/watchdog/watchdog0/state"
ONE_SHOT = "sys/firmware/efi/efivars/LoaderEntryOneShot-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"


def stage(root: Path, **request: object) -> Session:
    session = open_session(root)
    asked = PlanRequest(entry=ENTRY, **request)  # type: ignore[arg-type]
    with session.plan(asked) as opened, session.prepare(opened) as prepared:
        session.stage(prepared)
    return open_session(root)


def begin(root: Path, asked: TrialRequest = ASKED, **request: object) -> Session:
    session = stage(root, **request)
    session.trials.execute(session.trials.plan(asked))
    return open_session(root)


def nothing_armed(root: Path) -> bool:
    dogs = [dog for dog in read_watchdogs(root) if dog.armed]
    core = (root / CORE).read_text()
    return not dogs and not (root / ONE_SHOT).exists() and core == "1\n"
