"""What scripts and fleets rely on: nothing is done twice, digests hold, exit codes tell."""

from __future__ import annotations

from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from support.command import Call, caller

from warmboot.core.errors import ExitCode
from warmboot.core.sandbox.tree import create_sandbox
from warmboot.tui.cli import main

LIMIT = "proc/sys/kernel/kexec_load_limit_reboot"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    create_sandbox(tmp_path / "machine")
    return tmp_path / "machine"


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], root: Path) -> Call:
    return caller(capsys, root)


def test_staging_twice_asks_the_kernel_once(root: Path, call: Call) -> None:
    (root / LIMIT).write_text("1")
    code, first = call("stage", "--default", "--if-needed")
    assert (code, first["changed"], (root / LIMIT).read_text().strip()) == (0, True, "0")
    code, second = call("stage", "--default", "--if-needed")
    assert (code, second["changed"]) == (0, False)
    assert second["digest"] == first["digest"] == second["staged"]["plan"]
    code, _ = call("stage", "--default", "--if-needed", "--append", "quiet2")
    assert code == ExitCode.BLOCKED  # another plan, and no load left


def test_a_plan_s_digest_is_that_of_all_the_kernel_is_given(root: Path, call: Call) -> None:
    def digest(*options: str) -> str:
        return str(call("stage", "--default", "--dry-run", *options)[1]["digest"])

    plain = digest()
    assert plain == digest()
    without = digest("--no-initrd", "--force", "root-drivers")
    others = [digest("--append", "a"), without, digest("--loader", "load")]
    with next((root / "boot").glob("initrd.img-6.17*")).open("ab") as initrd:
        initrd.write(bytes(512))
    others.append(digest())
    assert len({plain, *others}) == 5


def test_another_plan_than_the_expected_one_is_not_staged(call: Call) -> None:
    _, plan = call("stage", "--default", "--dry-run")
    code, _ = call("stage", "--default", "--expect", plan["digest"], "--append", "x")
    assert code == ExitCode.BLOCKED
    assert call("status")[1]["staged"] is False
    code, staged = call("stage", "--default", "--expect", plan["digest"].upper())
    assert (code, staged["digest"]) == (0, plan["digest"])


def test_what_was_unloaded_or_replaced_is_staged_anew(call: Call) -> None:
    call("stage", "--default", "--if-needed")
    call("unload")
    assert call("stage", "--default", "--if-needed")[1]["changed"] is True
    call("stage", "--running")
    assert call("stage", "--default", "--if-needed")[1]["changed"] is True


def test_quiet_staging_prints_nothing(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--root", str(root), "stage", "--default", "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")


def test_the_previous_kernel_is_found_by_the_last_restart(call: Call) -> None:
    assert call("stage", "--previous")[0] == ExitCode.NOT_FOUND
    before = call("status")[1]["host"]["release"]
    call("stage", "--default")
    call("exec", "--yes")
    assert call("status")[1]["host"]["release"] != before
    assert call("stage", "--previous")[1]["staged"]["release"] == before


def test_exit_codes_tell_scripts_what_there_is(call: Call, tmp_path: Path, root: Path) -> None:
    assert call("unload")[0] == ExitCode.NOTHING_STAGED
    code, answer = call("needs-restart")
    assert (code, answer["needed"]) == (ExitCode.RESTART_NEEDED, True)
    call("stage", "--default")
    (root / LIMIT).write_text("0")
    code, refused = call("unload")
    assert code == ExitCode.BLOCKED
    assert "root" not in refused["error"]["hint"]
    call("exec", "--yes")
    assert call("wait")[0] == 0
    assert call("wait", "--release", "1.2.3")[0] == ExitCode.ELSEWHERE
    assert call("wait", "--boot", "other")[0] == 0
    empty = tmp_path / "empty"
    empty.mkdir()
    assert call("--root", str(empty), "list")[0] == ExitCode.NOT_FOUND


def test_metrics_are_what_prometheus_reads(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "proc/sys/kernel/osrelease").write_text('6.1 "quoted" \\ back\n')
    main(["--root", str(root), "stage", "--default"])
    capsys.readouterr()
    assert main(["--root", str(root), "status", "--format", "prometheus"]) == 0
    families = {f.name: f for f in text_string_to_metric_families(capsys.readouterr().out)}
    assert families["warmboot_staged"].samples[0].value == 1
    info = families["warmboot_info"].samples[0]
    assert info.labels["release"] == '6.1 "quoted" \\ back'
    assert all(family.documentation and family.type == "gauge" for family in families.values())
    assert main(["--root", str(root), "--json", "status", "--format", "prometheus"]) == 2
