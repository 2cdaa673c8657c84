"""The debug log: off and not even imported unless asked for, and telling when it is."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from warmboot.core import debug
from warmboot.core.errors import ExitCode, WrongArgument
from warmboot.tui.cli import main

QUICK = """
import sys
from warmboot.tui.cli import main
code = main(sys.argv[1:])
sys.exit(code or ("logging" in sys.modules and 99))
"""


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("WARMBOOT_DEBUG", raising=False)
    yield
    debug.switch_off()


@pytest.mark.parametrize("words", [("list",), ("status",), ("stage", "warmboot-7", "--dry-run")])
def test_logging_is_not_imported_unless_asked_for(sandbox: Path, words: tuple[str, ...]) -> None:
    command = [sys.executable, "-c", QUICK, "--root", str(sandbox), *words]
    assert subprocess.run(command, check=False, capture_output=True).returncode == 0


def test_nothing_is_logged_unless_asked_for(
    sandbox: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--root", str(sandbox), "--json", "list"]) == ExitCode.OK
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("words", [("--debug", "stage"), ("stage", "--debug")])
def test_a_stage_says_what_it_reads_decides_and_calls(
    sandbox: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    secret = "password=hunter2"
    arguments = [*words, "warmboot-7", "--append", secret, "--json"]
    assert main(["--root", str(sandbox), *arguments]) == ExitCode.OK
    log = capsys.readouterr().err
    for told in (
        "is a sandbox",
        "search for entries: took",
        "open /boot/efi/EFI/Linux/warmboot-7.efi",
        "image: UKI for arm64",
        "route: split into kernel and initrd, because",
        "loader: kexec_file_load(2), because",
        "check sessions: warn:",
        "journal: staging",
        "the call: took",
        "journal: staged",
    ):
        assert told in log
    assert re.search(r"open /boot/\S+ = -1 ENOENT", log)
    assert secret not in log


def test_a_refusal_is_logged_with_its_errno_and_where_it_was_raised(
    sandbox: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WARMBOOT_DEBUG", "1")
    image = sandbox / "boot/vmlinuz-6.6.119-lts"
    assert main(["--root", str(sandbox), "stage", "--kernel", f"{image}-none"]) == 3
    log = capsys.readouterr().err
    assert "NotFound" in log
    assert "Traceback" in log
    assert "boot_files.py" in log


def test_a_file_takes_the_log_and_only_its_owner_reads_it(
    sandbox: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = tmp_path / "log"
    monkeypatch.setenv("WARMBOOT_DEBUG", str(file))
    assert main(["--root", str(sandbox), "status", "--json"]) == ExitCode.OK
    assert capsys.readouterr().err == ""
    assert "status: took" in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    before = file.read_text()
    assert main(["--root", str(sandbox), "status", "--json"]) == ExitCode.OK
    assert file.read_text().startswith(before)


def test_no_log_goes_through_a_symbolic_link(
    sandbox: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "link").symlink_to("target")
    monkeypatch.setenv("WARMBOOT_DEBUG", str(tmp_path / "link"))
    assert main(["--root", str(sandbox), "status"]) == ExitCode.USAGE
    assert not (tmp_path / "target").exists()


def test_the_full_screen_program_logs_to_a_file_only(
    sandbox: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--root", str(sandbox), "--debug"]) == ExitCode.USAGE
    assert "WARMBOOT_DEBUG=" in capsys.readouterr().err


def test_what_files_hold_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    debug.switch_on(None)
    debug.debug("open %s", "/boot/\x1b[2J\u202e")
    debug.failure("open /boot/\x9b", OSError(2, os.strerror(2)))
    log = capsys.readouterr().err
    assert "\x1b" not in log
    assert "\\x1b[2J\\u202e" in log
    assert "= -1 ENOENT" in log
    with pytest.raises(WrongArgument):
        debug.switch_on(Path("/no such folder/log"))


def test_a_step_that_fails_says_how_long_it_took(capsys: pytest.CaptureFixture[str]) -> None:
    debug.switch_on(None)
    with pytest.raises(ZeroDivisionError), debug.step("sums"):
        raise ZeroDivisionError
    assert re.search(r"sums: ended by an error after \d+\.\d ms", capsys.readouterr().err)
