"""The plan: the editor, its words, what is pasted, and the questions for paths."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.person import PATIENCE, Person, sit_down
from support.pictures import settled
from textual import events

from warmboot.core.boot.cmdline import Change, compare, parse
from warmboot.core.boot.known_words import KNOWN_WORDS, completions, known_word
from warmboot.core.boot.presets import built_in
from warmboot.core.plan import boot_files
from warmboot.core.progress import Cancel
from warmboot.core.session import Session
from warmboot.core.session.paths import complete_path
from warmboot.core.session.status import Status
from warmboot.core.text import shared_beginning
from warmboot.tui.present.cmdline_text import difference
from warmboot.tui.present.layout import wrap
from warmboot.tui.screens.ask import there_text
from warmboot.tui.widgets.editor import CommandLineEditor

ENTRY = "Warmboot Linux 7 (6.17)"
OPTIONS = "root=/dev/vda2 ro console=ttyAMA0 quiet"


async def edit(person: Person) -> CommandLineEditor:
    await person.plan(ENTRY)
    await person.press("e")
    await person.see("F2 Stage")
    return person.app.screen.query_one(CommandLineEditor)


async def test_typing_goes_on_at_the_end_also_behind_a_preset(sandbox: Path) -> None:
    async with sit_down(sandbox) as person:
        editor = await edit(person)
        assert editor.cursor_location == (0, len(OPTIONS))
        await person.press("escape", "3", "3", "e")
        await person.write(" x")
        assert editor.text == f"{OPTIONS} nomodeset x"


@pytest.mark.parametrize("key", ["escape", "q"])
async def test_the_reading_of_an_initrd_is_broken_off(
    sandbox: Path, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    """However large it is: this one has no end."""
    begun, ended = threading.Event(), threading.Event()

    def read(_: object, *, cancel: Cancel) -> None:
        begun.set()
        try:
            while True:
                cancel.check()
                time.sleep(0.01)
        finally:
            ended.set()

    async with sit_down(sandbox) as person:
        await person.choose(ENTRY)
        await settled(person)
        monkeypatch.setattr(boot_files, "read_contents", read)
        await person.press("enter")
        await person.wait(begun.is_set, "the reading")
        await person.press(key)
        await person.wait(ended.is_set, "its end")
        assert "PLAN" not in person.text
        if key == "escape":
            monkeypatch.undo()
            await person.plan(ENTRY)


async def test_a_paste_arrives_once_and_on_one_line(sandbox: Path) -> None:
    async with sit_down(sandbox) as person:
        editor = await edit(person)
        person.app.screen.post_message(events.Paste(" panic=30\n\x1b[2J oops=panic"))
        await person.see("oops=panic")
        assert editor.text == f"{OPTIONS} panic=30 \\x1b[2J oops=panic"


async def test_in_another_size_no_letter_is_lost(sandbox: Path) -> None:
    """As high as before, and yet wrapped in other places."""
    async with sit_down(sandbox, size=(100, 40)) as person:
        editor = await edit(person)
        letters = "".join(chr(ord("a") + number % 26) for number in range(250))
        editor.insert(f" {letters}")
        for width in (99, 100, 98, 80, 67):
            await person.pilot.resize_terminal(width, 40)
            await person.wait(
                lambda: "".join(
                    editor.render_line(y).text.strip() for y in range(editor.size.height)
                ).endswith(letters),
                f"all letters in {width} columns",
            )
            rows = [line.strip() for line in person.lines]
            assert letters in "".join(rows[editor.region.y : editor.region.bottom])


async def test_words_are_explained_and_completed(sandbox: Path) -> None:
    async with sit_down(sandbox, size=(120, 40)) as person:
        editor = await edit(person)
        await person.write(" pani")
        await person.see("Tab panic=  seconds until", "panic_on_warn=")
        await person.press("tab")
        assert editor.text == f"{OPTIONS} panic"
        await person.press("tab")
        assert editor.text == f"{OPTIONS} panic="
        await person.see("= seconds until a kernel that panicked restarts", "kernel-parameters.txt")
        await person.write("30")
        await person.see("a panic resets it after 30 s")
        await person.write(" zz")
        await person.press("tab")
        assert editor.text == f"{OPTIONS} panic=30 zz"


async def test_lint_speaks_while_one_types_and_undo_takes_it_back(sandbox: Path) -> None:
    async with sit_down(sandbox) as person:
        editor = await edit(person)
        await person.write(" single")
        await person.see("FAIL remote-login", "1 stands in the way")
        await person.press("escape", "f")
        await person.see("Go on despite a check")
        await person.press("escape", "u")
        await person.see("Nothing stands in the way")
        assert editor.text == OPTIONS
        await person.press("2", "2")
        await person.see("init=/bin/sh")
        await person.press("e", "ctrl+z")
        await person.see_no("init=/bin/sh")
        assert editor.text == OPTIONS


@pytest.mark.parametrize("size", [(60, 15), (40, 15), (80, 24), (200, 50)])
async def test_every_size_shows_where_one_is_and_what_is_typed(
    sandbox: Path, size: tuple[int, int]
) -> None:
    async with sit_down(sandbox, size=size) as person:
        await person.see("Enter Plan", "Warmboot Li")
        await person.press("enter")
        await person.see("choose > PLAN")
        await person.press("e")
        await person.write(" abc")
        await person.see("abc")
        region = person.app.screen.query_one(CommandLineEditor).region
        assert person.app.screen.region.contains_region(region)
        await person.press("escape", "1")
        await person.see("Enter or 1 puts it in")


async def test_paths_complete_and_show_what_is_there(sandbox: Path) -> None:
    (sandbox / "boot/a b").mkdir()
    async with sit_down(sandbox) as person:
        await person.see("Enter Plan", "Kernel")
        await person.press("n")
        await person.see("Another kernel")
        await person.write(f"{sandbox}/boot/vm"[1:])
        await person.see("vmlinuz-6.6.119-lts")
        await person.press("tab")
        await person.see("/boot/vmlinuz-")
        await person.write("9")
        await person.see("Nothing there starts with that")
        await person.press("escape")
        await person.plan(ENTRY)
        await person.press("i")
        await person.see("Tab completes")
        await person.press("ctrl+u")
        await person.write(f"{sandbox}/boot/a")
        await person.see("a b/")
        await person.press("tab")
        await person.see("a b/'")


# What the screens are made of --------------------------------------------------------------


def test_every_known_word_is_a_word_with_a_line_and_a_source() -> None:
    assert len(KNOWN_WORDS) > 80
    for name, word in KNOWN_WORDS.items():
        assert known_word(f"{name}1" if name.endswith("=") else name) == word
        assert word in completions(name[:2], limit=100)
        assert len(word.text) < 90
        assert word.text[-1] != "."
        assert word.source
    for preset in built_in("x86_64"):
        for text in (*preset.add, *preset.remove):
            assert known_word(text), text


@given(st.text(max_size=40))
def test_completions_go_on_with_what_was_typed(begun: str) -> None:
    for word in completions(begun):
        assert word.name.replace("-", "_").startswith(begun.replace("-", "_"))
    known = known_word(begun)
    assert known is None or parse(begun)


@given(st.lists(st.text("ab/", max_size=6)))
def test_the_shared_beginning_is_the_longest(names: list[str]) -> None:
    found = shared_beginning(names)
    assert all(name.startswith(found) for name in names)
    longer = {name[: len(found) + 1] for name in names}
    assert len(longer) != 1 or found in names


SOME = ("ro", "quiet", "a=1", "a=2", "b=x", "console=tty0", "single")
WORDS = st.lists(st.sampled_from(SOME), max_size=6)


@given(WORDS, WORDS, st.integers(20, 100))
def test_the_difference_names_each_word_that_differs(
    new: list[str], old: list[str], width: int
) -> None:
    line, running = " ".join(new), " ".join(old)
    text = " ".join("".join(piece for piece, _ in one) for one in difference(line, running, width))
    changes = [one for one in compare(running, line) if one.change is not Change.SAME]
    for one in changes:
        mark = {Change.ADDED: "+", Change.REMOVED: "-", Change.CHANGED: "~"}[one.change]
        assert f"{mark}{one.new or one.old}" in text
    assert changes or text == "as the running one"
    for pieces in difference(line, running, width):
        assert sum(len(piece) for piece, _ in pieces) <= width


def test_what_is_there_for_a_path(tmp_path: Path) -> None:
    for name in ("initrd-1", "initrd-22", "other", ".hidden", "bad\x1bname"):
        (tmp_path / name).touch()
    (tmp_path / "initrds").mkdir()
    found = complete_path(f"{tmp_path}/in")
    assert found.names == ("initrd-1", "initrd-22", "initrds/")
    assert found.longest == f"{tmp_path}/initrd"
    assert complete_path(f"{tmp_path}/").names == ("initrd-1", "initrd-22", "initrds/", "other")
    assert complete_path(f"{tmp_path}/.h").names == (".hidden",)
    for nothing in ("", "x", f"{tmp_path}/none/x", "/\0/", f"{tmp_path}/other/"):
        assert complete_path(nothing).names == ()
        assert complete_path(nothing).longest == nothing


@given(st.lists(st.text("abc", min_size=1, max_size=30)), st.integers(20, 100))
def test_names_stand_in_columns_and_none_is_lost_in_silence(names: list[str], width: int) -> None:
    lines = there_text(names, width).splitlines()
    assert len(lines) <= 5
    assert all(len(line) <= max(width, 30) for line in lines)
    shown = sum(len(line.split()) for line in lines if not line.startswith("and "))
    left = next((int(line.split()[1]) for line in lines if line.startswith("and ")), 0)
    assert not names or shown + left == len(names)


@pytest.mark.parametrize(
    ("key", "then"), [("enter", "PLAN"), ("d", "checks passed"), ("c", "[2 Compare]")]
)
async def test_a_key_that_comes_before_the_machine_is_read_waits_for_it(
    sandbox: Path, monkeypatch: pytest.MonkeyPatch, key: str, then: str
) -> None:
    pressed, status = threading.Event(), Session.status

    def slow(session: Session) -> Status:
        pressed.wait(PATIENCE)
        return status(session)

    monkeypatch.setattr(Session, "status", slow)
    async with sit_down(sandbox) as person:
        await person.see("> Warmboot Linux 7 (6.17)")
        await person.press(key)
        pressed.set()
        await person.see(then)


@given(
    st.lists(st.text(alphabet="ab/-,", min_size=1, max_size=30), min_size=1, max_size=12),
    st.lists(st.booleans(), min_size=12, max_size=12),
    st.integers(8, 60),
)
def test_lines_end_where_items_do(words: list[str], apart: list[bool], width: int) -> None:
    """What stands between two blanks is on one line where a line has room for it."""
    blanks = ["  " if one else " " for one in apart]
    text = "".join(f"{blank}{word}" for blank, word in zip(blanks, words, strict=False)).strip()
    found = wrap(text, width)
    assert all(len(line) <= width for line in found)
    assert "".join("".join(found).split()) == "".join(text.split())
    for item in text.split("  "):
        assert len(item) > width or any(item in line for line in found)
