"""Doctor, history, log and the restart box: each answers its question, on every size."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from support.command import Call
from support.person import HOST, PATIENCE, Person, sit_down
from textual.containers import VerticalScroll
from textual.widgets import Input

from warmboot.core import debug
from warmboot.core.errors import WarmbootError
from warmboot.core.progress import Phase, Progress
from warmboot.core.record.forecast import Forecast
from warmboot.tui.present.forecast_text import away_text
from warmboot.tui.screens.dialogs import again_text

ENTRY = "warmboot-6.17.8-sandbox.conf"
OTHER = "warmboot-6.12.57-sandbox.conf"


async def ready(person: Person) -> None:
    await person.see("? Help", "Kernel")


async def test_doctor_explains_the_worst_first_and_looks_again(sandbox: Path) -> None:
    switch = sandbox / "proc/sys/kernel/kexec_load_disabled"
    switch.write_text("1\n")
    async with sit_down(sandbox, size=(120, 30)) as person:
        await ready(person)
        await person.press("d")
        await person.see("1 stands in the way, 1 to know", ">FAIL kexec-enabled")
        await person.see("Is kexec switched on?", "Only a reboot through firmware")
        rows = [line for line in person.lines if " FAIL " in line or " WARN " in line]
        assert "kexec-enabled" in person.text.split("WARN sessions")[0], rows
        switch.write_text("0\n")
        await person.press("r")
        await person.see("Nothing stands in the way, 1 to know", ">WARN sessions")
        await person.see_no("kexec-enabled")
        await person.press("down", "enter")
        await person.see("kexec is not switched off", "Enter folds them")


async def test_history_tells_each_step_and_shows_its_record(sandbox: Path, call: Call) -> None:
    async with sit_down(sandbox) as person:
        await ready(person)
        await person.press("h")
        await person.see("Nothing is recorded yet", "Esc Back")
    assert call("stage", ENTRY)[0] == call("exec", "--yes")[0] == call("stage", OTHER)[0] == 0
    async with sit_down(sandbox) as person:
        await ready(person)
        await person.press("h")
        await person.see("Away: the last restart took 0.0 s", "stage     6.12.57-sandbox  done")
        newest = person.line_with(">")
        assert "6.12.57-sandbox" in newest
        await person.press("down", "enter")
        await person.see(
            "6.12.57-sandbox > 6.17.8-sandbox",
            "came up: release and command line are those that were staged",
            "What was staged",
            "In the journal",
            '"event": "executing"',
        )
        await person.press("escape", "escape")
        await ready(person)


async def test_only_who_may_read_the_journal_sees_it(
    sandbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("warmboot.core.record.journal.Journal.readable", lambda _: False)
    async with sit_down(sandbox) as person:
        await ready(person)
        await person.press("h")
        await person.see("The journal belongs to root")


async def test_the_log_has_the_lines_of_this_session(sandbox: Path) -> None:
    (sandbox / "dev").mkdir(exist_ok=True)
    log = sandbox / "dev/kmsg"
    log.write_text("6,1,5,-;before\n")
    async with sit_down(sandbox, size=(120, 40)) as person:
        await ready(person)
        with log.open("a") as file:
            file.write("4,2,6,-;kexec_file: \x1b[2J something new\n")
        await person.press("l")
        await person.see("checks: took")
        await person.press("home")
        await person.see(
            "The kernel's log since", "kexec_file: \\x1b[2J something new", "What warmboot did"
        )
        assert "before" not in person.text
        with log.open("a") as file:
            file.write("4,3,7,-;later\n")
        await person.press("r", "home")
        await person.see("later")
    assert debug.kept() == ()


@pytest.mark.parametrize("size", [(60, 15), (80, 24), (40, 15), (200, 50)])
async def test_the_restart_box_shows_everything_and_the_field(
    sandbox: Path, call: Call, size: tuple[int, int]
) -> None:
    words = " ".join(f"word{number}=x" for number in range(90))
    line = ("--append", f"single {words} last=1", "--force", "remote-login")
    assert call("stage", ENTRY, *line)[0] == 0
    async with sit_down(sandbox, size=size) as person:
        await ready(person)
        await person.press("x")
        await person.see("FAIL remote-login", "Name")
        screen = person.app.screen
        field = screen.query_one(Input)
        text = screen.query_one(".scrolled VerticalScroll", VerticalScroll)
        if text.max_scroll_y:
            await person.see("scroll with Up, Down")
        for widget in (field, screen.query_one("#ask")):
            assert screen.region.contains_region(widget.region)
            assert widget.region.area
        seen = set()
        for _ in range(60):
            seen |= set(person.text.split())
            await person.press("pagedown")
        wanted = {"single", "last=1", "ansible", "Away", "Back", "Ends", "How"}
        assert wanted <= seen
        assert {f"word{number}=x" for number in range(90)} <= seen
        await person.write(HOST)
        assert field.value == HOST
        await person.press("escape")


@pytest.mark.parametrize(
    ("key", "asked", "said"),
    [
        ("y", "Keep 6.17.8-sandbox on", "stays in 6.17.8-sandbox. Nothing restarts it any more."),
        ("b", "Go back from 6.17.8-sandbox?", "now runs 6.12.57-sandbox"),
    ],
)
async def test_a_trial_is_ended_by_a_key_and_a_question(
    sandbox: Path, key: str, asked: str, said: str
) -> None:
    async with sit_down(sandbox, size=(120, 40)) as person:
        await person.plan("Warmboot Linux 7 (6.17)")
        await person.press("t")
        await person.see("on trial", "Type")
        await person.write(HOST)
        await person.press("enter")
        await person.see("now runs 6.17.8-sandbox")
        await person.press("enter")
        await person.see("y keeps it, b goes back now. It goes back by itself at ")
        await person.see("y Keep  b Go back")
        await person.press("q")
        await person.see("Still on trial", "not confirmed yet", "Stay here")
        await person.press("enter")
        await person.see_no("Stay here")
        await person.press(key)
        await person.see(asked)
        await person.press("enter")  # the harmless answer
        await person.see("y keeps it, b goes back")
        await person.press(key)
        await person.see(asked)
        await person.press("right", "enter")
        await person.see(said)
        await person.press("enter")
        await person.see_no("keeps it, b goes back")
        await person.press("y")
        await person.see("No system is on trial here")


async def test_a_restart_on_trial_says_what_brings_the_machine_back(sandbox: Path) -> None:
    async with sit_down(sandbox, size=(120, 40)) as person:
        await person.plan("Warmboot Linux 7 (6.17)")
        await person.press("t")
        await person.see(
            f"Restart the simulated machine {HOST} on trial",
            "warmboot confirm, typed within 10 min, keeps it",
            "Not covered",
            "LoaderEntryOneShot",
            "Dead-man timer",
        )
        await person.write(f"{HOST} in 10m")
        await person.press("enter")
        await person.see("A restart on trial is for now")
        await person.press(*["backspace"] * len(" in 10m"), "enter")
        await person.see("now runs 6.17.8-sandbox")
        await person.press("enter")
        await person.see("is on trial", "y keeps it, b goes back")


async def test_a_trial_that_cannot_be_is_refused_with_the_reason(sandbox: Path) -> None:
    async with sit_down(sandbox) as person:
        await ready(person)
        await person.press("t")
        await person.see("Nothing is staged")


async def test_staging_shows_each_phase_and_no_share_where_none_is_known(
    sandbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = threading.Semaphore(0)
    reports = (
        Progress(Phase.UNPACK, 1 << 20, 4 << 20, 2 << 20),
        Progress(Phase.CHECK, 0, 0),
        Progress(Phase.DIGEST, 4 << 20, 4 << 20),
        Progress(Phase.LOAD, 0, 0),
    )

    def slow(*arguments: object) -> object:
        for one in reports:
            arguments[2](one)  # type: ignore[operator]
            assert steps.acquire(timeout=PATIENCE)
        raise WarmbootError("this is as far as it goes")

    monkeypatch.setattr("warmboot.tui.screens.staging.stage", slow)
    async with sit_down(sandbox) as person:
        await person.plan("Warmboot Linux 7 (6.17)")
        await person.press("s")
        await person.see("now   Unpacking the kernel", "[###---------]  25% 2.0 MiB", "Esc cancels")
        steps.release()
        await person.see("done  Unpacking the kernel", "now   Checking the copies")
        assert "%" not in person.line_with("now   Checking")
        steps.release()
        await person.see("now   Computing digests", "100%")
        steps.release()
        await person.see("now   Handing over to the kernel", "cannot be cancelled")
        assert "%" not in person.text
        steps.release()
        await person.see("Not staged", "as far as it goes")


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        (None, "at any time"),
        (-1, "at any time"),
        (0, "it refuses this, too"),
        (1, "nothing can be staged then"),
        (5, "one of the 5"),
    ],
)
def test_where_loads_are_counted_nothing_is_promised(limit: int | None, said: str) -> None:
    assert said in again_text(limit)
    assert (limit is None or limit < 0) == ("any time" in again_text(limit))


def test_without_a_record_no_time_is_promised() -> None:
    assert away_text(Forecast()).startswith("not known")
