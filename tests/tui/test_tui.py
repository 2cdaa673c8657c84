"""The full-screen program: what is listed, what is said of it, and what is safe to show."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from support.command import Call
from support.machines import make_sandbox
from support.person import UTF8, sit_down
from textual.strip import Strip

from warmboot.core.boot.listed_entry import ListedEntry
from warmboot.core.progress import Cancel
from warmboot.core.session import Session
from warmboot.tui.present.verdict import Known
from warmboot.tui.screens.workers import read_entry
from warmboot.tui.widgets.entry_list import EntryList

SMALL, LARGE = (80, 24), (160, 48)


def with_something_to_know(sandbox: Path) -> None:
    """Have the entry of Linux 6.17 say something that an operator should know."""
    entry = sandbox / "boot/loader/entries/warmboot-6.17.8-sandbox.conf"
    entry.write_text(entry.read_text().replace("options ", "options resume=/dev/nowhere "))


async def test_entries_and_their_verdicts(sandbox: Path) -> None:
    with_something_to_know(sandbox)
    async with sit_down(sandbox) as person:
        await person.see("Warmboot Linux 7 (6.17)", "6.17.8-sandbox", "zboot, zstd")
        assert "sandbox  arm64" in person.lines[0]
        assert "runs 6.12.57-sandbox, up 12 d" in person.lines[0]
        await person.judged("Warmboot Linux 7 (6.12)", "ready runs")
        await person.judged("Warmboot Linux 7 (6.17)", "ready, 1 to know default")
        await person.judged("Linux 6.19.0-rc1", "no: lacks root driver")
        await person.judged("Linux 6.12.57-amd64", "no: for x86-64")
        await person.judged("Linux 5.10.99-damaged", "no: damaged")
        await person.see("resume=")
        for title in ("Linux 6.19.0-rc1", "Linux 6.12.57-amd64", "Linux 5.10.99-damaged"):
            assert person.says(title) in " ".join(person.line_with(title).split())
        await person.choose("Linux 6.12.57-amd64")
        await person.see("Cannot start", "it is for x86-64, this machine is arm64", "bzImage")
        assert "firmware would start: Warmboot Linux 7 (6.17)" in person.text
        assert "staged: nothing" in person.text


async def test_unpacking_tells_more_in_the_background(sandbox: Path) -> None:
    async with sit_down(sandbox, size=LARGE) as person:
        await person.see("Fits", "root ext4")
        await person.choose("Linux 6.19.0-rc1")
        await person.see("all checks passed", "Banner", "Linux version 6.19.0-rc1")
        await person.see("There is no initrd")
        await person.choose("Linux 5.10.99-damaged")
        await person.see("Damaged ")


async def test_a_verdict_counts_what_doctor_says_of_the_entry(sandbox: Path, call: Call) -> None:
    (sandbox / "proc/sys/kernel/kexec_load_disabled").write_text("1\n")
    async with sit_down(sandbox) as person:
        await person.judged("Warmboot Linux 7 (6.17)", "no: kexec is off")
        await person.judged("Linux 6.12.57-amd64", "no: for x86-64")
        await person.see("In the way: kexec is switched off")
    code, answer = call("doctor", "warmboot-6.17.8-sandbox")
    assert code == 6
    fails = [one["check"] for one in answer["findings"] if one["verdict"] == "fail"]
    assert fails == ["kexec-enabled"]


async def test_each_kernel_is_read_once_the_chosen_one_first(
    sandbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []

    def counted(session: Session, row: ListedEntry, cancel: Cancel) -> Known:
        read.append(row.entry.id)
        return read_entry(session, row, cancel)

    monkeypatch.setattr("warmboot.tui.screens.details.read_entry", counted)
    async with sit_down(sandbox) as person:
        await person.see("6.1 MiB unpacked")
        await person.judged("Linux 5.10.99-damaged", "no: damaged")
        await person.press("down", "up")
        await person.press("r")
        await person.see("6.1 MiB unpacked")
    assert read[0] == "warmboot-6.17.8-sandbox.conf"
    assert len(read) == len(set(read)) == 9


async def test_a_key_draws_the_two_lines_it_changes(
    sandbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with sit_down(sandbox) as person:
        await person.judged("Linux 5.10.99-damaged", "no: damaged")
        entries = person.app.screen.query_one(EntryList)
        drawn: list[int] = []
        real = EntryList.render_line

        def counted(self: EntryList, y: int) -> Strip:
            drawn.append(y)
            return real(self, y)

        monkeypatch.setattr(EntryList, "render_line", counted)
        await person.press("down")
        assert entries.row is not None
        assert entries.row.entry.running
        assert set(drawn) == {1, 2}


async def test_on_a_slow_line_details_wait_for_a_key(sandbox: Path) -> None:
    async with sit_down(sandbox, terminal=replace(UTF8, slow=True)) as person:
        await person.see("Space shows the details")
        await person.judged("Linux 5.10.99-damaged", "no: damaged")
        assert "vmlinuz" not in person.text
        await person.press("space")
        await person.see("vmlinuz-6.17.8-sandbox")
        await person.press("down")
        await person.see("Space shows the details")


@pytest.mark.parametrize(
    ("keys", "place"),
    [
        (("down", "j"), 2),
        (("end", "k", "up"), -3),
        (("G", "g"), 0),
        (("pagedown",), -1),
        (("end", "pageup"), 0),
    ],
)
async def test_keys_that_move(sandbox: Path, keys: tuple[str, ...], place: int) -> None:
    async with sit_down(sandbox, size=(80, 24)) as person:
        await person.see("Enter Plan", "Kernel")
        entries = person.app.screen.query_one(EntryList)
        await person.press(*keys)
        assert entries.row == entries.rows[place]
        assert person.line_with(">").startswith(f"> {entries.rows[place].entry.title[:8]}")


@pytest.mark.parametrize("size", [(40, 15), (60, 15), (80, 24), (200, 50)])
async def test_the_answer_is_in_sight_at_every_size(sandbox: Path, size: tuple[int, int]) -> None:
    with_something_to_know(sandbox)
    async with sit_down(sandbox, size=size) as person:
        await person.see("Enter Plan", "staged: nothing", "? Help")
        await person.judged("Warmboot Linux 7 (6.17)", "ready, 1 to know")
        await person.see("ready, 1 to know")
        await person.press("end")
        await person.see("no: damaged")
        assert any(one.startswith("> ") and "no: damaged" in one for one in person.lines)
        await person.press("home")
        await person.see("6.12.57-sand")
        assert all(len(line) <= size[0] for line in person.lines)


async def test_only_entries_with_certain_words(sandbox: Path) -> None:
    async with sit_down(sandbox) as person:
        await person.see("Linux 6.19.0-rc1", "/ Find")
        await person.press("slash")
        await person.see("Show only", "Esc Show all")
        await person.write("6.19 rc1 q")  # q is a letter here
        await person.see("0 of ")
        await person.press("backspace", "backspace")
        await person.see("1 of ")
        assert "Warmboot Linux 7 (6.12)" not in person.text
        await person.press("enter", "enter")
        await person.see("Esc Back", "Linux 6.19.0-rc1")
        await person.press("escape")
        await person.see("1 of ")
        await person.press("escape")
        await person.see("Warmboot Linux 7 (6.12)")
        await person.see_no("Show only")


async def test_an_image_that_changed_since_it_was_listed(sandbox: Path) -> None:
    async with sit_down(sandbox) as person:
        await person.choose("Linux 6.6.119-lts")
        await person.see("vmlinuz-6.6.119-lts  Image")
        await person.judged("Linux 6.6.119-lts", "ready")
        entries = person.app.screen.query_one(EntryList)
        listed = entries.row
        kernel = sandbox / "boot/vmlinuz-6.6.119-lts"
        kernel.write_bytes(kernel.read_bytes())
        await person.press("enter")
        await person.see("changed since it was listed", "r looks again")
        await person.press("escape", "r")
        await person.see_no("changed since")
        await person.wait(
            lambda: entries.row != listed and entries.row and entries.row.read, "it read anew"
        )
        await person.judged("Linux 6.6.119-lts", "ready")
        await person.press("enter")
        await person.see("Esc Back")


async def test_the_machine_is_checked_and_evidence_written(sandbox: Path) -> None:
    async with sit_down(sandbox, size=LARGE) as person:
        await person.see("Enter Plan", "Kernel")
        await person.press("d")
        await person.see("checks passed: Enter shows them", "WARN sessions", "Esc Back")
        await person.press("escape", "f10")
        await person.see("Evidence written", "Read it before")
    assert list((sandbox / "var/lib/warmboot").glob("report-*.json"))


async def test_refresh_finds_what_came_and_what_went(sandbox: Path) -> None:
    async with sit_down(sandbox) as person:
        await person.see("Linux 6.6.119-lts")
        (sandbox / "boot/vmlinuz-6.6.119-lts").rename(sandbox / "boot/vmlinuz-6.6.120-lts")
        await person.press("r")
        await person.see("Linux 6.6.120-lts")
        assert "6.6.119" not in person.text


async def test_no_images_says_where_was_looked(tmp_path: Path) -> None:
    root = make_sandbox(tmp_path / "m")
    async with sit_down(root) as person:
        await person.see("No boot images found")
        for place in ("/boot/loader/entries", "/boot/efi/EFI/Linux", "/usr/lib/modules"):
            assert "not there" in person.line_with(place)
        assert "--root DIR" in person.text
        assert "n plans any kernel by its path" in person.text
        assert "SIMULATED" in person.lines[0]
        await person.press("enter", "i", "c", "x", "escape", "q")
        await person.wait(lambda: not person.app.is_running, "the end")


async def test_a_root_that_is_not_there(tmp_path: Path) -> None:
    async with sit_down(tmp_path / "nowhere") as person:
        await person.see("is not a directory", "OK")
        await person.press("enter", "q")
        await person.wait(lambda: not person.app.is_running, "the end")


async def test_unprivileged_may_look_at_everything(sandbox: Path) -> None:
    (sandbox / "proc/self/status").write_text("CapEff:\t0000000000000000\n")
    async with sit_down(sandbox) as person:
        await person.see("Not root", "unpacked")
        await person.judged("Warmboot Linux 7 (6.17)", "ready")
        await person.plan("Warmboot Linux 7 (6.17)")
        await person.see("This user may not load kernels", "sudo warmboot")
        await person.press("s")
        assert not person.is_loaded()


async def test_names_from_files_cannot_steer_the_terminal(tmp_path: Path) -> None:
    root = make_sandbox(tmp_path / "m", name="\x1b[2Jho[red]st")
    entries = root / "boot/loader/entries"
    entries.mkdir(parents=True)
    (root / "boot/\x1b]0;k[b]").write_bytes(b"MZ")
    (entries / "a[blink].conf").write_text(
        "title \x1b[31m[bold]evil[/]\u202e\n"
        "version [@click=app.quit]1[/]\n"
        "linux /\x1b]0;k[b]\n"
        "options quiet \x9b1m[reverse]x[/reverse]\n"
    )
    for size in (SMALL, LARGE):
        async with sit_down(root, size=size) as person:
            await person.see("\\x1b[31m[bold]evil[/]\\u202e", "[@click=app.quit]1[/]")
            assert "\\x1b[2Jho[red]st" in person.lines[0]
            await person.press("i")
            await person.see("\\x1b]0;k[b]", "\\x9b1m[reverse]x[/reverse]", "Esc Back")
            assert not set(person.text) & {"\x1b", "\x9b", "\u202e"}


async def test_every_width_from_80_on_has_room_for_titles_and_versions(sandbox: Path) -> None:
    async with sit_down(sandbox) as person:
        await person.judged("Warmboot Linux 7 (6.17)", "ready")
        for width in (80, 99, 100, 119, 120, 140, 200):
            await person.pilot.resize_terminal(width, 30)
            await person.wait(lambda width=width: person.app.screen.size.width == width, "its size")  # type: ignore[misc]
            await person.wait(
                lambda: any(
                    line.startswith("> ")
                    and "Warmboot Linux 7 (6.17)" in line
                    and "6.17.8-sandbox " in line
                    for line in person.lines
                ),
                f"the title and the version at {width} columns",
            )
            assert any("Linux 6.12.57-loong64 " in line for line in person.lines)
