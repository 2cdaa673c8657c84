"""The full-screen program: a plan, and what is changed in it before it is staged."""

from __future__ import annotations

from pathlib import Path

from support.person import sit_down

from warmboot.tui.screens.staging import StagingScreen
from warmboot.tui.widgets.editor import CommandLineEditor

ENTRY = "Warmboot Linux 7 (6.17)"
OPTIONS = "root=/dev/vda2 ro console=ttyAMA0 quiet"


async def test_the_plan_says_what_will_happen(sandbox: Path) -> None:
    async with sit_down(sandbox, size=(160, 48)) as person:
        await person.plan(ENTRY)
        for text in (
            "choose > PLAN > stage > restart",
            "Nothing stands in the way, 1 to know, ",
            "Kernel   /boot/vmlinuz-6.17.8-sandbox  zboot, arm64",
            "Initrd   /boot/initrd.img-6.17.8-sandbox",
            OPTIONS,
            "bytes used, from the entry",
            "as the running one",
            "Way      simulated kexec_file_load(2); unpacked here",
            "nothing resets it after a panic",
            "not known, as no restart by warmboot has come up yet",
        ):
            assert text in person.text
        assert "Unpack its zstd payload" not in person.text
        await person.press("w")
        await person.see("Unpack its zstd payload into memory", "not as it is")
        await person.press("w")
        await person.see_no("not as it is")


async def test_every_check_of_a_plan_is_explained(sandbox: Path) -> None:
    async with sit_down(sandbox) as person:
        await person.plan(ENTRY)
        await person.press("v")
        await person.see(
            ">WARN sessions",
            " checks passed: Enter shows them",
            "Who else is logged in?",
            "/run/systemd/sessions",
            "a judgement of warmboot's own",
        )
        await person.press("down", "enter")
        await person.see("Enter folds them", "PASS kexec-enabled")
        await person.press("down", "down", "down", "down")
        await person.see("Is kexec switched on?", "of the kernel: kexec_load_disabled")
        await person.press("escape")
        await person.see("PLAN", "s Stage")


async def test_stage_gives_the_simulated_kernel_what_was_planned(sandbox: Path) -> None:
    async with sit_down(sandbox) as person:
        await person.stage(ENTRY)
        assert person.is_loaded()
        assert person.kernel_has["release"] == "6.17.8-sandbox"
        assert person.kernel_has["cmdline"] == OPTIONS
        assert person.kernel_has["initrd_sha256"]
        await person.judged(ENTRY, "staged")
        assert OPTIONS in person.line_with("STAGED")
        assert person.lines[-1].startswith(" x Restart  u Unload")
        await person.press("enter")
        await person.see("WARN staged: Another kernel is staged already")


async def test_presets_go_in_and_out_by_one_key(sandbox: Path) -> None:
    async with sit_down(sandbox, size=(160, 48)) as person:
        await person.plan(ENTRY)
        await person.see("Presets  1 rescue  2 init-shell  3 nomodeset")
        await person.press("1")
        await person.see("Rescue: a root shell, few services", "the unit that systemd starts")
        await person.see("FAIL remote-login", "Enter or 1 puts it in")
        assert "systemd.unit" not in person.app.screen_stack[-2].query_one(CommandLineEditor).text
        await person.press("1")
        await person.see("1*rescue", "+systemd.unit=rescue.target", "FAIL remote-login")
        await person.press("1", "down", "down", "down", "down", "enter")
        await person.see("5*safety-net", "panic=30", "a panic resets it after 30 s")
        await person.press("1")
        await person.see("Enter or 1 takes it out")
        await person.press("1")
        await person.see("1 rescue")
        await person.see_no("systemd.unit=rescue.target")
        await person.press("u")
        await person.see("systemd.unit=rescue.target")
        await person.press("p", "escape", "1", "enter")
        await person.see_no("systemd.unit=rescue.target")
        await person.press("s")
        await person.see("is staged")
        assert "panic=30" in str(person.kernel_has["cmdline"])


async def test_a_failing_check_is_forced_by_its_name(sandbox: Path) -> None:
    (sandbox / "proc/meminfo").write_text("MemTotal: 90000 kB\nMemAvailable: 9000 kB\n")
    async with sit_down(sandbox, size=(160, 48)) as person:
        await person.plan(ENTRY)
        await person.see("1 stands in the way", "FAIL memory", "f overrules it")
        await person.press("f")
        await person.see("Go on despite a check")
        await person.write("memory")
        await person.press("enter")
        await person.see("FORCED memory", "Nothing stands in the way, 1 overruled")


async def test_another_initrd_or_none(sandbox: Path, tmp_path: Path) -> None:
    other = tmp_path / "my initrd"
    other.write_bytes((sandbox / "boot/initrd.img-6.12.57-sandbox").read_bytes())
    async with sit_down(sandbox, size=(160, 48)) as person:
        await person.plan(ENTRY)
        await person.press("i")
        await person.see("An empty line means no initrd", "initrd.img-6.17.8-sandbox")
        await person.press("ctrl+u")
        await person.write(f"'{other}'")
        await person.press("enter")
        await person.see("Initrd   /")
        await person.see_no("Initrd   /boot/initrd.img-6.17.8-sandbox")
        await person.press("i", "ctrl+u")
        await person.write("/not/there")
        await person.press("enter")
        await person.see("/not/there is not there")
        await person.press("escape", "i", "ctrl+u", "enter")
        await person.see("Initrd   none", "WARN initrd: There is no initrd", "root-drivers")
        await person.press("f")
        await person.see("Type the name of a check")
        await person.write("root-drivers")
        await person.press("enter")
        await person.see("FORCED root-drivers")
        await person.press("s")
        await person.see("is staged", "OK")
        assert person.kernel_has["initrd_sha256"] is None


async def test_a_kernel_given_by_its_path(sandbox: Path) -> None:
    kernel = sandbox / "boot/vmlinuz-6.6.119-lts"
    async with sit_down(sandbox, size=(160, 48)) as person:
        await person.see("Enter Plan", "Kernel")
        await person.press("n")
        await person.see("Another kernel")
        await person.press("backspace")
        await person.write(str(kernel))
        await person.press("enter")
        await person.see("Given by path", f"Kernel   {kernel}", "Initrd   none")
        await person.press("s")
        await person.see("6.6.119-lts is staged")
        assert person.kernel_has["release"] == "6.6.119-lts"


async def test_an_edited_command_line_is_the_one_that_is_staged(sandbox: Path) -> None:
    async with sit_down(sandbox) as person:
        await person.plan(ENTRY)
        await person.press("e")
        await person.see("F2 Stage  Tab Complete  Esc Back")
        assert "s Stage" not in person.text
        await person.write(" x=so?cq")
        await person.see("bytes used, typed", "+x=so?cq  and 4 words as running")
        await person.press("enter", "ctrl+s")
        await person.see("is staged")
        assert person.kernel_has["cmdline"] == f"{OPTIONS} x=so?cq"


async def test_original_and_running_command_lines_come_back(sandbox: Path) -> None:
    (sandbox / "proc/cmdline").write_text("BOOT_IMAGE=/x root=/dev/other\n")
    async with sit_down(sandbox) as person:
        await person.plan(ENTRY)
        await person.see("from the entry", "~root=/dev/vda2 (was root=/dev/other)")
        await person.press("e", "backspace", "backspace", "escape")
        await person.see("typed")
        await person.press("o")
        await person.see("from the entry")
        await person.press("r")
        await person.see("from the running kernel", "as the running one")
        assert "BOOT_IMAGE" not in person.text


async def test_a_long_command_line_hides_nothing_and_is_refused(sandbox: Path) -> None:
    entry = sandbox / "boot/loader/entries/warmboot-6.17.8-sandbox.conf"
    entry.write_text(entry.read_text().replace(OPTIONS, " ".join(["option=value"] * 200)))
    async with sit_down(sandbox) as person:
        await person.plan(ENTRY)
        await person.see("bytes long; the kernel takes 2048", "Shorten it.")
        await person.see("1 stands in the way", "FAIL command-line")
        await person.press("s", "f2")
        assert not isinstance(person.app.screen, StagingScreen)
        assert not person.is_loaded()


async def test_a_kernel_for_another_machine_cannot_be_staged(sandbox: Path) -> None:
    async with sit_down(sandbox) as person:
        await person.plan("Linux 6.12.57-amd64")
        await person.see("The image is for x86-64", "Choose a kernel built for this machine")
        await person.press("s")
        assert not isinstance(person.app.screen, StagingScreen)


async def test_terminal_codes_in_a_command_line_are_shown_and_staged_as_escapes(
    sandbox: Path,
) -> None:
    entry = sandbox / "boot/loader/entries/warmboot-6.17.8-sandbox.conf"
    entry.write_text(entry.read_text().replace(OPTIONS, "a=\x1b[2J[red]"))
    async with sit_down(sandbox) as person:
        await person.plan(ENTRY)
        await person.see("a=\\x1b[2J[red]")
        assert "\x1b" not in person.text
        await person.press("s")
        await person.see("is staged")
        assert person.kernel_has["cmdline"] == "a=\\x1b[2J[red]"
