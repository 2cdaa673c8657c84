"""The screen of what is inside an entry: its tabs, and finding a line in them."""

from __future__ import annotations

from pathlib import Path

import pefile
import pytest
from support.person import Person, sit_down

from warmboot.core.progress import Cancel
from warmboot.core.session import open_session
from warmboot.tui.widgets.text_view import TextView

UNIFIED = "Warmboot Linux 7 (unified"


async def look_inside(person: Person, title: str, key: str = "i") -> TextView:
    await person.choose(title)
    await person.press(key)
    await person.see("Esc Back", "5 Checks")
    return person.app.screen.query_one(TextView)


async def test_details_in_groups(sandbox: Path) -> None:
    async with sit_down(sandbox, size=(160, 60)) as person:
        await look_inside(person, UNIFIED)
        headings = ("Kernel", "Initrd", "Command line", "Signature", "Boot entry", "File")
        await person.see("[1 Details]", "all checks passed")
        places = [
            next(n for n, line in enumerate(person.lines) if line == f" {one}") for one in headings
        ]
        assert places == sorted(places)
        assert person.text.index("SHA-256") > person.text.index(" File")
        await person.see("Found in        /boot/efi/EFI/Linux/warmboot-7.efi")
        await person.press("escape")
        await person.see("Enter Plan")


async def test_compared_with_what_runs(sandbox: Path) -> None:
    async with sit_down(sandbox) as person:
        await look_inside(person, UNIFIED, "c")
        await person.see("[2 Compare]", "6.12.57-sandbox", "6.18.2-uki", "Command line")


async def test_every_file_of_an_initrd(sandbox: Path) -> None:
    session = open_session(sandbox)
    entry = session.entry("warmboot-7.efi")
    (found,) = session.images.contents(entry, Cancel())
    names = found.initrd.segments[0].names
    assert len(names) == found.initrd.segments[0].members
    async with sit_down(sandbox, size=(120, 40)) as person:
        await look_inside(person, UNIFIED)
        await person.press("3")
        await person.see("[3 Initrd]", *names)
        await person.press("slash")
        await person.write("MODULES.dep")
        await person.see("1 of 1")
        assert "modules.dep" in person.line_with(">")
        await person.press("escape")
        await person.see("Esc Back")


async def test_every_header_and_section_as_pefile_has_them(sandbox: Path) -> None:
    image = sandbox / "boot/efi/EFI/Linux/warmboot-7.efi"
    session = open_session(sandbox)
    found = session.images.headers(session.entry("warmboot-7.efi"))
    theirs = pefile.PE(data=image.read_bytes(), fast_load=True)
    sections = [one.name for one in found.headers if one.name.startswith("Section ")]
    assert sections == [f"Section {one.Name.rstrip(bytes(1)).decode()}" for one in theirs.sections]
    assert list(found.warnings) == theirs.get_warnings()
    async with sit_down(sandbox) as person:
        view = await look_inside(person, UNIFIED)
        await person.press("left", "left")
        await person.see("[4 PE]", "e_magic", "none from pefile")
        await person.press("slash")
        await person.write("section")
        await person.see(f"of {sum('ection' in str(line) for line in view._lines)}")
        await person.press("enter", "n", "n", "N")
        await person.wait(lambda: ">" in person.text and "ection" in person.line_with(">"), "it")
        await person.press("end")
        await person.see("Section .linux")


async def test_what_the_checks_say_the_worst_first(sandbox: Path) -> None:
    async with sit_down(sandbox) as person:
        await look_inside(person, "Linux 6.12.57-amd64")
        await person.press("5")
        await person.see("in the way", "FAIL architecture", "Choose a kernel built for this")
        assert person.text.index("FAIL") < person.text.index("WARN")


@pytest.mark.parametrize("tab", ["1", "2", "3", "4", "5"])
async def test_what_cannot_be_shown_says_why(sandbox: Path, tab: str) -> None:
    """No tab ends without a word, whatever the entry is."""
    (sandbox / "boot/vmlinuz-0-broken").write_bytes(b"MZ" + bytes(100))
    async with sit_down(sandbox) as person:
        for title in ("Linux 6.6.119-lts", "Linux 0-broken"):
            view = await look_inside(person, title)
            await person.press(tab)
            await person.see_no("Reading")
            assert any(line for line in view._lines)
            await person.press("escape")
            await person.see("Enter Plan")


async def test_a_tab_that_is_left_while_it_is_read(sandbox: Path) -> None:
    async with sit_down(sandbox) as person:
        await look_inside(person, UNIFIED)
        await person.press("5", "4", "3", "2", "1", "right", "right")
        await person.see("[3 Initrd]", "usr/lib/modules")
