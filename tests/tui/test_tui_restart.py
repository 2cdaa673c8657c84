"""Restarting and unloading on the screen: each asks first, a restart for the name."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.person import HOST, sit_down

ENTRY = "Warmboot Linux 7 (6.17)"


async def test_a_restart_is_set_for_later_and_cancelled(sandbox: Path) -> None:
    async with sit_down(sandbox) as person:
        await person.stage(ENTRY)
        await person.press("x")
        await person.see(f"Type {HOST}")
        await person.write(f"{HOST} in 9h")
        await person.press("enter")
        await person.see("Restart scheduled", "z cancels it")
        await person.press("enter")
        await person.see("RESTART at ", "z Cancel restart")
        await person.press("z")
        await person.see("The restart is cancelled")
        await person.press("enter")
        await person.see("STAGED 6.17.8-sandbox")


async def test_a_restart_needs_the_name_of_the_machine(sandbox: Path) -> None:
    async with sit_down(sandbox) as person:
        await person.stage(ENTRY)
        await person.press("x")
        await person.see(
            f"simulated machine {HOST}",
            "Into    6.17.8-sandbox",
            "an uptime of 12 d",
            "login sessions",
            "root on pts/0 from 192.0.2.17",
            f"Type {HOST}, or {HOST} in 10m for later",
            "Line    root=/dev/vda2",
        )
        await person.press("x", "enter")
        await person.see("not this machine's name")
        await person.press("backspace")
        await person.write(HOST[:-1])
        await person.press("enter")
        assert person.is_loaded()
        await person.write(HOST[-1])
        await person.press("enter")
        await person.see("now runs 6.17.8-sandbox", "OK")
        await person.press("enter")
        await person.see("runs 6.17.8-sandbox")
        await person.see_no("STAGED")
        assert not person.is_loaded()
        await person.judged(ENTRY, "runs")


async def test_escape_leaves_the_restart_alone(sandbox: Path) -> None:
    async with sit_down(sandbox) as person:
        await person.stage(ENTRY)
        await person.press("x")
        await person.see(f"Type {HOST}")
        await person.write(HOST)
        await person.press("escape")
        await person.see_no(f"Type {HOST}")
        assert person.is_loaded()


async def test_unload_asks_first(sandbox: Path) -> None:
    async with sit_down(sandbox) as person:
        await person.see("Enter Plan", "zboot, zstd")
        await person.press("u")
        await person.see("Nothing is staged.")
        await person.press("enter")
        await person.stage(ENTRY)
        await person.press("u", "enter")
        await person.see("STAGED")
        assert person.is_loaded()
        await person.press("u", "right", "enter")
        await person.see_no("STAGED")
        assert not person.is_loaded()


@pytest.mark.parametrize("key", ["q", "ctrl+q", "ctrl+c"])
async def test_leaving_with_something_staged_asks(sandbox: Path, key: str) -> None:
    async with sit_down(sandbox) as person:
        await person.stage(ENTRY)
        await person.press(key)
        await person.see("Still staged: 6.17.8-sandbox", "Quit", "Unload and quit")
        await person.press("enter")
        await person.see_no("Unload and quit")
        await person.press(key, "right", "right", "enter")
        await person.wait(lambda: not person.app.is_running, "the end")
    assert not person.is_loaded()
