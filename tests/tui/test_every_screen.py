"""What holds on every screen: simulated is said, nothing is cut, help names each key."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support.person import ASCII, HOST, Person, sit_down

from warmboot.tui.actions import ACTIONS

SMALL, LARGE = (80, 24), (160, 48)


async def visit_every_screen(person: Person, look: Callable[[], None]) -> None:
    """Go through all screens as an operator would, and look at each."""
    await person.see("Enter Plan", "Unpacked" if person.app.size.width >= 100 else "unpacked")
    look()
    for key in ("i", "question_mark"):
        await person.press(key)
        await person.see_no("Enter Plan" if key == "i" else "no such text")
        look()
        await person.press("escape")
    await person.press("slash")
    await person.see("Show only")
    look()
    await person.press("escape")
    await person.plan("Warmboot Linux 7 (6.17)")
    look()
    await person.press("s")
    await person.see("is staged", "OK")
    look()
    await person.press("enter")
    await person.see("STAGED 6.17.8-sandbox")
    look()
    for key, seen in (("u", "Keep it staged"), ("x", f"Type {HOST}"), ("q", "Unload and quit")):
        await person.press(key)
        await person.see(seen)
        look()
        await person.press("escape")
        await person.see_no(seen)


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_simulated_and_uncut_on_every_screen(
    sandbox: Path, tmp_path: Path, size: tuple[int, int]
) -> None:
    async with sit_down(sandbox, size=size) as person:

        def look() -> None:
            assert "SIMULATED" in person.lines[0]
            screen = person.app.screen
            for widget in screen.query("Button, Input, .keys, #top, .title"):
                if all(node.display for node in widget.ancestors_with_self if node != screen.app):
                    region = widget.region
                    assert region.area > 0, f"{widget} has no room"
                    assert screen.region.contains_region(region), f"{widget} is cut"
            for keys in screen.query(".keys"):
                assert len(str(keys.render())) <= keys.content_size.width

        await visit_every_screen(person, look)


async def test_plain_letters_where_the_terminal_has_nothing_else(
    sandbox: Path, tmp_path: Path
) -> None:
    async with sit_down(sandbox, terminal=ASCII) as person:

        def look() -> None:
            assert person.text.isascii(), [c for c in person.text if not c.isascii()]

        await visit_every_screen(person, look)


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_help_names_every_key_and_mark(sandbox: Path, size: tuple[int, int]) -> None:
    async with sit_down(sandbox, size=size) as person:
        await person.see("Enter Plan", "Kernel")
        for key, screen, seen in (
            ("", "entries", "staged: what a restart"),
            ("d", "doctor", "stands in the way: nothing is staged"),
            ("h", "history", "systemd stops the services first"),
            ("l", "log", "look again"),
            ("enter", "plan", "what the word at the cursor does"),
        ):
            if key:
                await person.press(key)
                await person.see("Esc Back")
            await person.press("question_mark")
            await person.see("Keys", "arrows")
            wanted = [action.tip for action in ACTIONS if screen in action.screens]
            for text in (*wanted, seen):
                await person.press(*["pageup"] * 4)
                for _ in range(8):
                    if text not in person.text:
                        await person.press("down", "down", "down", "down")
                assert text in person.text
            await person.press("escape")
            await person.see_no("arrows")
            if key:
                await person.press("escape")
                await person.see("Enter Plan")


async def test_long_messages_scroll(sandbox: Path) -> None:
    (sandbox / "sys/kernel/kexec_loaded").write_text("1\n")
    for number in range(30):
        session = f"USER=user{number}\nCLASS=user\nSTATE=active\nTTY=pts/{number}\n"
        (sandbox / f"run/systemd/sessions/{number + 100}").write_text(session)
    async with sit_down(sandbox) as person:
        await person.see("STAGED a kernel not staged by warmboot")
        await person.press("x")
        await person.see("user9 on pts/9", f"Type {HOST}")
        assert "user29" not in person.text
        await person.press("pagedown", "pagedown", "pagedown")
        await person.see("user29", f"Type {HOST}")
