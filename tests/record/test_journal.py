"""The journal and the lock: what is said of a machine is what happened on it."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from warmboot.core.errors import Blocked, WarmbootError
from warmboot.core.host import read_host
from warmboot.core.host.kmsg import NewKernelLines
from warmboot.core.plan.staged import Staged
from warmboot.core.record import journal as journal_module
from warmboot.core.record.journal import Journal
from warmboot.core.record.journald import FIELDS, encode, fields_of
from warmboot.core.record.lock import only_one, read_holder
from warmboot.core.record.outcome import Outcome, last_restart
from warmboot.core.sandbox.machine import SimulatedMachine, write_machine

ROOT = Path(__file__).parent.parent.parent


def current(journal: Journal, boot_id: str) -> Staged | None:
    known = journal.known(boot_id)
    return None if known.interrupted else known.staged


def staged(release: str = "6.12.1", boot_id: str = "boot-1") -> Staged:
    return Staged(
        entry="entry",
        kernel="/boot/vmlinuz",
        initrds=("/boot/initrd",),
        release=release,
        cmdline="root=/dev/vda1 ro",
        strategy="as it is",
        loader="test",
        sha256="0" * 64,
        at=1.0,
        boot_id=boot_id,
    )


def test_what_the_environment_says_does_not_hide_the_numbers_of_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The number of the last line is looked for in the file's end."""
    journal = Journal(tmp_path)
    for text in ("192.0.2.1 1 192.0.2.2 22", "x" * 100_000, "x" * 100_000):
        monkeypatch.setenv("SSH_CONNECTION", text)
        journal.append("staging", "boot-1")
    assert [line["seq"] for line in journal.lines()] == [1, 2, 3]


def test_lines_are_private_whole_and_name_who(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUDO_UID", "1000")
    monkeypatch.setenv("SSH_CONNECTION", "192.0.2.1 1 192.0.2.2 22")
    journal = Journal(tmp_path)
    assert journal.staged(staged(), initrd_sha256="ab") is None
    assert stat.S_IMODE(journal.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(journal.path.parent.stat().st_mode) == 0o700
    (line,) = journal.lines()
    assert (line["sudo_uid"], line["uid"]) == ("1000", os.getuid())
    assert str(line["ssh_connection"]).startswith("192.0.2.1")
    assert current(journal, "boot-1") == staged()
    assert current(journal, "boot-2") is None


def test_a_torn_last_line_costs_no_other_line(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.append("staging", "boot-1")
    with journal.path.open("ab") as file:
        file.write(b'{"event": "sta')
    journal.staged(staged())
    assert [line["event"] for line in journal.lines()] == ["staging", "staged"]


def test_old_files_are_kept_in_order_and_then_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_module, "_ROTATE_AT", 2000)
    journal = Journal(tmp_path)
    journal.staged(staged())
    for number in range(100):
        journal.append("note", "boot-1", number=number)
    numbers = [line["number"] for line in journal.lines()]
    assert numbers == list(range(100))[-len(numbers) :]
    assert 20 < len(numbers) < 60
    assert len(list(journal.path.parent.iterdir())) == 4


@pytest.mark.parametrize("end", ["refused", "failed"])
def test_a_refused_load_leaves_the_old_one_and_an_interrupted_one_is_not_sure(
    tmp_path: Path, end: str
) -> None:
    journal = Journal(tmp_path)
    journal.staged(staged("old"))
    journal.append("staging", "boot-1")
    known = journal.known("boot-1")
    assert known.interrupted is not None
    assert current(journal, "boot-1") is None
    journal.append(end, "boot-1", step="staging")
    assert current(journal, "boot-1") == staged("old")
    journal.append("unloading", "boot-1")
    journal.append("unloaded", "boot-1")
    assert journal.known("boot-1").staged is None
    assert journal.known("boot-1").interrupted is None


def test_a_full_disk_moves_the_record_below_run_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "var").write_text("in the way")
    journal = Journal(tmp_path)
    warning = journal.staged(staged())
    assert warning is not None
    assert "run/warmboot" in warning
    assert current(journal, "boot-1") == staged()
    (tmp_path / "run/warmboot/journal.jsonl").unlink()
    (tmp_path / "run/warmboot").rmdir()
    (tmp_path / "run/warmboot").write_text("in the way too")
    with pytest.raises(WarmbootError, match="nor could"):
        journal.staged(staged())


def test_a_line_written_in_part_is_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(tmp_path)
    journal.append("note", "boot-1")
    before = journal.path.read_bytes()
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, raw: write(fd, raw[:10]))
    with pytest.raises(WarmbootError):
        journal.staged(staged())
    assert journal.path.read_bytes() == before


def test_hostile_lines_are_passed_over(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.staged(staged())
    with journal.path.open("ab") as file:
        for line in (b"[" * 100_000, b"null", b'{"event": 3, "at": []}', b'"\xff"', b"\0"):
            file.write(line + b"\n")
        file.write(b'{"event": "staged", "boot_id": "boot-2", "staged": {"initrds": 3}}\n')
    assert current(journal, "boot-1") == staged()
    assert current(journal, "boot-2") is None


def test_the_lock_names_its_holder_and_goes_with_it(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from warmboot.core.record.lock import only_one\n"
        "with only_one(Path(sys.argv[1]), 'warmboot stage'):\n"
        "    print('held', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with (
            pytest.raises(Blocked, match=rf"warmboot stage \(process {other.pid}"),
            only_one(tmp_path, "mine"),
        ):
            pass
        holder = read_holder(tmp_path)
        assert holder is not None
        assert holder.pid == other.pid
        other.kill()
    with only_one(tmp_path, "mine"):
        pass
    assert read_holder(tmp_path) is None


def test_a_lock_let_go_after_a_failure_names_nobody(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), only_one(tmp_path, "mine"):
        raise ZeroDivisionError
    assert read_holder(tmp_path) is None
    another = {"pid": os.getpid(), "command": "warmboot stage", "since": 1.0, "started": 1}
    (tmp_path / "run/warmboot/lock").write_text(json.dumps(another))
    assert read_holder(tmp_path) is None, "a later process of the same number"


def test_new_kernel_log_lines_are_those_after_the_start(tmp_path: Path) -> None:
    (tmp_path / "dev").mkdir()
    os.mkfifo(tmp_path / "dev/kmsg")
    with NewKernelLines(tmp_path) as log:
        with (tmp_path / "dev/kmsg").open("wb", buffering=0) as pipe:
            pipe.write(b"6,1,5,-;kexec_file: bad \x1b[31mimage\n SUBSYSTEM=x\n")
            pipe.write(b"3,2,6,-;second\n")
        assert log.new_lines() == ("kexec_file: bad \\x1b[31mimage", "second")
    with NewKernelLines(tmp_path / "missing") as log:
        assert log.new_lines() == ()


def test_journald_gets_the_fields_that_the_manual_names() -> None:
    page = (ROOT / "man/warmboot.8").read_text()
    files = page.partition(".Sh FILES")[2].partition(".Sh ")[0]
    assert set(re.findall(r"WARMBOOT_\w+", files)) == set(FIELDS)
    line = {
        "way": "systemctl", "strategy": "direct", "step": "load", "errno": 12,
        "staged": {"kernel": "/boot/vmlinuz", "release": "6.12.1", "sha256": "ab"},
    }  # fmt: skip
    told = fields_of("load-failed", line)
    assert {name for name in told if name.startswith("WARMBOOT_")} == set(FIELDS)
    assert told["WARMBOOT_EVENT"] == "load-failed"
    assert told["SYSLOG_IDENTIFIER"] == "warmboot"
    assert {*fields_of("unload", {"staged": {"release": None}})} & {*FIELDS} == {"WARMBOOT_EVENT"}


def test_journald_gets_newlines_with_their_length() -> None:
    raw = encode({"MESSAGE": "one", "TEXT": "a\nb"})
    assert raw == b"MESSAGE=one\nTEXT\n\x03\0\0\0\0\0\0\0a\nb\n"


def arrived(root: Path, release: str, cmdline: str) -> Outcome | None:
    write_machine(root, SimulatedMachine("x86_64", release, "quiet"))
    (root / "proc/cmdline").write_text(cmdline + "\n")
    (root / "proc/stat").write_text("cpu 1 2\nbtime 1010\n")
    return last_restart(Journal(root).lines(), read_host(root))


def test_after_the_restart_it_is_known_what_became_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.time", lambda: 1000.0)
    journal = Journal(tmp_path)
    journal.append("executing", "boot-1", staged=asdict(staged()), running="6.1.0")
    good = arrived(tmp_path, "6.12.1", "root=/dev/vda1 ro")
    assert good is not None
    assert (good.arrived, good.before, good.away) == (True, "6.1.0", 10.0)
    other = arrived(tmp_path, "6.1.0", "root=/dev/vda1 ro")
    assert other is not None
    assert not other.arrived
    other = arrived(tmp_path, "6.12.1", "BOOT_IMAGE=/vmlinuz root=/dev/vda1 ro")
    assert other is not None
    assert not other.arrived
    journal.append("refused", "boot-1", step="executing")
    assert arrived(tmp_path, "6.12.1", "root=/dev/vda1 ro") is None


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999"])
@pytest.mark.parametrize("field", ["at", "seq", "staged", "more"])
def test_a_number_that_json_does_not_have_is_a_damaged_line(
    tmp_path: Path, number: str, field: str
) -> None:
    journal = Journal(tmp_path)
    journal.append("staging", "boot-1")
    with journal.path.open("a") as file:
        for value in (number, f'{{"a": [{number}]}}'):
            file.write(f'{{"event": "staged", "boot_id": "boot-1", "{field}": {value}}}\n')
    assert [line["event"] for line in journal.lines()] == ["staging"]
    assert journal.problem() == "2 lines of the journal cannot be read"
    json.dumps(journal.lines(), allow_nan=False)
