"""The full-screen program: from a plan to a staged kernel, or not."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from support.person import PATIENCE, sit_down

from warmboot.core.load.loader import LoadRequest
from warmboot.core.plan.planner import OpenPlan
from warmboot.core.progress import Cancel, Report
from warmboot.core.sandbox.simulator import Simulator
from warmboot.core.session import Session
from warmboot.tui.screens.messages import StageDone
from warmboot.tui.screens.staging import StagingScreen
from warmboot.tui.screens.workers import stage as real_stage

ENTRY = "Warmboot Linux 7 (6.17)"


async def test_a_refusal_comes_with_its_hint_and_keeps_the_command_line(
    sandbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        # What changes between the plan and the call: another hand switched kexec off.
        (sandbox / "proc/sys/kernel/kexec_load_disabled").write_text("1\n")

    monkeypatch.setattr("warmboot.core.session.staging.check", refuse)
    async with sit_down(sandbox) as person:
        await person.plan(ENTRY)
        await person.press("e")
        await person.write(" kept=1")
        await person.press("f2")
        await person.see("Not staged", "EPERM", "used up: warmboot status")
        await person.press("enter")
        await person.see("kept=1", "Esc Back")
        assert not person.is_loaded()


async def test_a_damaged_kernel_is_never_staged(sandbox: Path) -> None:
    async with sit_down(sandbox) as person:
        await person.see("Kernel")
        await person.press("n", "ctrl+u")
        await person.write(f"{sandbox}/boot/vmlinuz-5.10.99-damaged")
        await person.press("enter")
        await person.see("PLAN", "Given by path")
        await person.press("s")
        await person.see("Not staged", "damaged")
        assert not person.is_loaded()


async def test_a_kernel_that_is_known_to_be_damaged_is_not_planned(sandbox: Path) -> None:
    async with sit_down(sandbox) as person:
        await person.choose("Linux 5.10.99-damaged")
        await person.judged("Linux 5.10.99-damaged", "no: damaged")
        await person.press("enter")
        await person.see("This entry cannot be used", "payload is damaged", "r looks again")


@pytest.mark.parametrize("key", ["s", "t"])
async def test_what_keeps_it_from_being_staged_is_said_where_one_asks_for_it(
    sandbox: Path, key: str
) -> None:
    async with sit_down(sandbox) as person:
        await person.plan("Linux 6.19.0-rc1")
        await person.press(key)
        await person.see("Not staged", "1 check stands in the way: root-drivers", "f overrules")
        await person.press("enter", "escape")
        await person.plan("Linux 6.12.57-amd64")
        await person.press(key)
        await person.see("Not staged", "cannot be overruled")
        await person.press("enter", "f")
        await person.see("Not forced", "cannot be overruled")
        await person.press("enter", "escape", "home")
        await person.plan(ENTRY)
        await person.press("f")
        await person.see("No check fails")
        assert not person.is_loaded()


async def test_another_kernel_than_the_one_shown_is_not_staged(
    sandbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with sit_down(sandbox) as person:
        await person.see("unpacked")
        await person.plan(ENTRY)
        real = StagingScreen.__init__

        def other(self: StagingScreen, session: Session, opened: OpenPlan, seen: str) -> None:
            assert len(seen) == 64
            real(self, session, opened, "0" * 64)

        monkeypatch.setattr(StagingScreen, "__init__", other)
        await person.press("s")
        await person.see("Not staged", "not the one that was looked at")
        assert not person.is_loaded()


async def test_a_cut_off_initrd_is_not_staged(sandbox: Path) -> None:
    initrd = sandbox / "boot/initrd.img-6.17.8-sandbox"
    initrd.write_bytes(initrd.read_bytes()[:-900])
    async with sit_down(sandbox) as person:
        await person.plan(ENTRY)
        await person.press("s")
        await person.see("Not staged", "initrd.img-6.17.8-sandbox is", "damaged")
        assert not person.is_loaded()


async def test_cancelling_leaves_nothing_staged(
    sandbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started, asked = threading.Event(), threading.Event()

    def slow(
        session: Session, opened: OpenPlan, report: Report, cancel: Cancel, seen: str | None
    ) -> StageDone:
        started.set()
        asked.wait(PATIENCE)
        return real_stage(session, opened, report, cancel, seen)

    monkeypatch.setattr("warmboot.tui.screens.staging.stage", slow)
    async with sit_down(sandbox) as person:
        await person.plan(ENTRY)
        await person.press("s")
        await person.wait(started.is_set, "staging to begin")
        await person.see("Esc cancels", "SIMULATED")
        await person.press("escape")
        asked.set()
        await person.see("Cancelled. Nothing was changed.")
        assert not person.is_loaded()
        await person.press("enter")
        await person.see("Esc Back")


async def test_the_call_itself_cannot_be_cancelled(
    sandbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside, go_on = threading.Event(), threading.Event()
    real = Simulator.load

    def slow(self: Simulator, request: LoadRequest) -> None:
        inside.set()
        go_on.wait(PATIENCE)
        real(self, request)

    monkeypatch.setattr(Simulator, "load", slow)
    async with sit_down(sandbox) as person:
        await person.plan(ENTRY)
        await person.press("s")
        await person.wait(inside.is_set, "the call")
        await person.see("this step cannot be cancelled")
        await person.press("escape")
        await person.see("Too late to cancel")
        go_on.set()
        await person.see("is staged")
        assert person.is_loaded()


async def test_files_are_closed_when_the_plan_is_left(sandbox: Path) -> None:
    async with sit_down(sandbox) as person:
        await person.plan(ENTRY)

        def held() -> list[str]:
            links = [path for path in Path("/proc/self/fd").iterdir() if path.is_symlink()]
            names = [str(link.readlink()) for link in links if link.exists()]
            return [name for name in names if name.startswith(str(sandbox))]

        assert held()
        await person.press("escape")
        await person.see("Enter Plan")
        await person.wait(lambda: not held(), "closed files")
