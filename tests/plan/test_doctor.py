"""``warmboot doctor`` and ``stage --force`` on a simulated machine."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.command import Call
from support.files import put
from support.machines import lock

from warmboot.core.errors import ExitCode
from warmboot.core.host.jobs import parse_jobs
from warmboot.core.plan.checks.registry import all_checks
from warmboot.tui.cli import main


def verdicts(answer: dict[str, Any]) -> dict[str, str]:
    return {finding["check"]: finding["verdict"] for finding in answer["findings"]}


def test_doctor_without_an_entry_checks_the_machine_only(call: Call) -> None:
    code, answer = call("doctor")
    assert code == ExitCode.OK
    found = verdicts(answer)
    assert found["privilege"] == "pass"
    assert found["sessions"] == "warn"
    assert "architecture" not in found
    assert set(found) | set(answer["not_run"]) == {check.id for check in all_checks()}
    assert not set(found) & set(answer["not_run"])


def test_doctor_with_an_entry_checks_its_plan_too(call: Call) -> None:
    code, answer = call("doctor", "vmlinuz-6.12.57-amd64")
    assert code == ExitCode.BLOCKED
    found = verdicts(answer)
    assert found["architecture"] == found["route"] == "fail"
    assert call("doctor", "warmboot-7")[0] == ExitCode.OK
    assert call("doctor", "no-such-entry")[0] == ExitCode.NOT_FOUND


def test_doctor_takes_a_kernel_by_its_path(sandbox: Path, call: Call) -> None:
    code, answer = call("doctor", "--kernel", str(sandbox / "boot/vmlinuz-6.6.119-lts"))
    assert code == ExitCode.OK
    assert verdicts(answer)["initrd"] == "warn"


def test_doctor_for_people_says_what_to_do(
    sandbox: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lock(sandbox, "var/lib/dpkg/lock-frontend")
    assert main(["--root", str(sandbox), "doctor"]) == ExitCode.BLOCKED
    shown = capsys.readouterr().out
    assert "FAIL  package-manager" in shown
    assert "Wait until it has finished." in shown
    assert shown.endswith("1 failed. To stage all the same: --force package-manager.\n")
    put(sandbox, "proc/sys/kernel/kexec_load_disabled", "1\n")
    assert main(["--root", str(sandbox), "doctor"]) == ExitCode.BLOCKED
    shown = capsys.readouterr().out
    assert shown.endswith("2 failed. Staging is blocked.\n")
    assert max(map(len, shown.splitlines())) <= 100


def test_doctor_tries_nothing_and_uses_up_no_load(sandbox: Path, call: Call) -> None:
    put(sandbox, "proc/sys/kernel/kexec_load_limit_reboot", "2\n")
    before = {path: path.lstat().st_mtime_ns for path in sandbox.rglob("*")}
    call("doctor")
    call("doctor", "warmboot-7")
    assert {path: path.lstat().st_mtime_ns for path in sandbox.rglob("*")} == before


def test_a_fail_blocks_staging_until_it_is_forced_by_name(sandbox: Path, call: Call) -> None:
    lock(sandbox, "var/lib/dpkg/lock-frontend")
    code, answer = call("stage", "warmboot-7")
    assert code == ExitCode.BLOCKED
    assert "--force package-manager" in answer["error"]["hint"]
    assert call("stage", "warmboot-7", "--force", "memory")[0] == ExitCode.BLOCKED
    code, answer = call("stage", "warmboot-7", "--force", "package-manager")
    assert code == ExitCode.OK
    assert answer["plan"]["forced"] == ["package-manager"]
    assert (sandbox / "sys/kernel/kexec_loaded").read_text() == "1\n"


@pytest.mark.parametrize("name", ["privilege", "memroy", "", "all", "*"])
def test_what_cannot_be_forced_is_a_wrong_argument(sandbox: Path, call: Call, name: str) -> None:
    code, answer = call("stage", "warmboot-7", "--force", name)
    assert code == ExitCode.USAGE
    assert answer["error"]["hint"]
    assert (sandbox / "sys/kernel/kexec_loaded").read_text() == "0\n"


def test_staging_names_what_was_forced(sandbox: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lock(sandbox, "var/lib/dpkg/lock-frontend")
    arguments = ["stage", "warmboot-7", "--dry-run", "--force", "package-manager"]
    assert main(["--root", str(sandbox), *arguments]) == ExitCode.OK
    assert "FORCED package-manager" in capsys.readouterr().out


def test_systemd_s_answer_about_jobs() -> None:
    rows = [
        {"job": 1, "unit": "apt-daily.service", "type": "start", "state": "running"},
        {"job": 2, "unit": "b.target", "type": "start", "state": "waiting"},
    ]
    job, waiting = parse_jobs(json.dumps(rows))
    assert (job.unit, job.type, job.state) == ("apt-daily.service", "start", "running")
    assert waiting.state == "waiting"
    for answer in ("", "No jobs running.", "{}", "[1, null]", "[" * 100_000, "\xff"):
        assert parse_jobs(answer) == ()


def test_listing_does_not_wait_for_the_checks_of_the_surroundings() -> None:
    code = (
        "import sys, warmboot.tui.commands.list\n"
        "slow = ('host.surroundings', 'checks.registry', 'checks.around', 'psutil')\n"
        "sys.exit(any(name.endswith(slow) for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
