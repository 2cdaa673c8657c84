"""Restarting: what is spared, when it happens, and what is refused."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from support.answers import check
from support.command import Call
from support.cost import seconds
from support.files import loaded

from warmboot.core.bounded import bounded
from warmboot.core.errors import ExitCode, Refused, WrongArgument
from warmboot.core.host.hardware import read_watchdogs
from warmboot.core.host.state import process_start
from warmboot.core.host.systemd import SKIP_AUTO_KEXEC, reboot_is_kexec
from warmboot.core.record.report import redact
from warmboot.core.restart import schedule, shutdown
from warmboot.core.sandbox.builders.bzimage import build_bzimage
from warmboot.core.sandbox.machine import SimulatedMachine, write_machine
from warmboot.core.sandbox.marker import write_marker
from warmboot.core.sandbox.simulator import Simulator
from warmboot.tui.cli import main

LIMIT = 60.0  # seconds, for a process that starts and ends; measured alone: 1


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "machine"
    root.mkdir()
    write_marker(root)
    write_machine(root, SimulatedMachine("x86_64", "6.1.0-running", "root=/dev/vda2 ro"))
    (root / "boot/vmlinuz-6.12.1").write_bytes(build_bzimage("6.12.1"))
    return root


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.05)


def test_what_something_else_staged_is_refused_unless_told(root: Path, call: Call) -> None:
    call("stage", "vmlinuz-6.12.1")
    (root / "var/lib/warmboot/journal.jsonl").unlink()
    code, answer = call("exec", "--yes")
    assert code == ExitCode.BLOCKED
    assert "--whatever-is-staged" in answer["error"]["hint"]
    assert loaded(root) == "1"
    code, answer = call("exec", "--yes", "--whatever-is-staged")
    assert (code, answer["release"], answer["way"]) == (ExitCode.OK, "6.12.1", "simulated")


def test_unloading_nothing_costs_no_load(root: Path, call: Call) -> None:
    limit = root / "proc/sys/kernel/kexec_load_limit_reboot"
    limit.write_text("1\n")
    assert call("unload")[0] == ExitCode.NOTHING_STAGED
    assert limit.read_text() == "1\n"


def test_status_tells_what_the_last_restart_did(root: Path, call: Call) -> None:
    call("stage", "vmlinuz-6.12.1")
    call("exec", "--yes")
    last = call("status")[1]["last_restart"]
    assert (last["arrived"], last["before"]) == (True, "6.1.0-running")
    assert 0 <= last["away"] < LIMIT
    (root / "proc/cmdline").write_text("something else\n")
    assert call("status")[1]["last_restart"]["arrived"] is False


def test_who_may_not_read_the_journal_is_told_so(
    root: Path, call: Call, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    call("stage", "vmlinuz-6.12.1")
    real = os.open

    def forbidden(path: Any, flags: int, *more: Any, **others: Any) -> int:
        if os.path.basename(path) in ("journal.jsonl", "countdown.json", "lock"):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, flags, *more, **others)

    monkeypatch.setattr(os, "open", forbidden)
    status = call("status")[1]
    assert (status["staged"], status["what"], status["readable"]) == (True, None, False)
    assert main(["--root", str(root), "status"]) == ExitCode.OK
    said = capsys.readouterr().out
    assert "a kernel; root can see which" in said
    assert "something else" not in said


def test_the_kernel_log_stands_beside_a_refusal(
    root: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "dev").mkdir()
    os.mkfifo(root / "dev/kmsg")
    # Below a simulated root only regular files are opened; on a machine this one is a device.
    monkeypatch.setattr(
        "warmboot.core.host.kmsg.open_for_reading",
        lambda path: os.open(str(path), os.O_RDONLY | os.O_NONBLOCK),
    )

    def refuse(_: Simulator, __: object) -> None:
        with (root / "dev/kmsg").open("wb", buffering=0) as pipe:
            pipe.write(b"3,9,9,-;PEFILE: Unsigned PE binary\n")
        raise Refused("no", errno=61)

    monkeypatch.setattr(Simulator, "load", refuse)
    code, answer = call("stage", "vmlinuz-6.12.1")
    assert code == ExitCode.REFUSED
    assert answer["error"]["kernel_log"] == ["PEFILE: Unsigned PE binary"]
    lines = (root / "var/lib/warmboot/journal.jsonl").read_text().splitlines()
    last = json.loads(lines[-1])
    assert (last["event"], last["step"], last["errno"]) == ("refused", "staging", 61)
    assert call("status")[1]["interrupted"] is None


def test_a_set_restart_waits_on_its_own_and_happens(root: Path, call: Call) -> None:
    call("stage", "vmlinuz-6.12.1")
    code, answer = call("exec", "--yes", "--in", "2")
    assert code == ExitCode.OK
    waiter = answer["countdown"]["pid"]
    assert os.getsid(waiter) != os.getsid(0)
    os.kill(waiter, signal.SIGHUP)
    assert call("status")[1]["countdown"]["id"] == answer["countdown"]["id"]
    until(lambda: loaded(root) == "0")
    until(lambda: not Path(f"/proc/{waiter}").exists())
    status = call("status")[1]
    assert status["countdown"] is None
    assert (status["host"]["release"], status["last_restart"]["arrived"]) == ("6.12.1", True)


def test_a_set_restart_can_be_cancelled_and_there_is_one(root: Path, call: Call) -> None:
    assert call("exec", "--cancel")[0] == ExitCode.NOT_FOUND
    call("stage", "vmlinuz-6.12.1")
    _, answer = call("exec", "--yes", "--in", "10m")
    assert call("exec", "--yes", "--in", "5m")[0] == ExitCode.BLOCKED
    code, ended = call("exec", "--cancel")
    assert (code, ended["cancelled"]["id"]) == (ExitCode.OK, answer["countdown"]["id"])
    waiter = answer["countdown"]["pid"]
    until(lambda: process_start(waiter) != answer["countdown"]["started"])
    assert loaded(root) == "1"
    assert sorted(path.name for path in (root / "run/warmboot").iterdir()) == ["lock"]


def test_a_due_restart_does_not_start_what_was_staged_since(root: Path, call: Call) -> None:
    call("stage", "vmlinuz-6.12.1")
    _, answer = call("exec", "--yes", "--in", "10m")
    call("stage", "vmlinuz-6.12.1", "--append", "other")
    code, error = call("exec", "--yes", "--due", answer["countdown"]["id"])
    assert code == ExitCode.SYSTEM
    assert "changed" in error["error"]["message"]
    assert loaded(root) == "1"
    assert call("exec", "--yes", "--due", "no-such")[0] == ExitCode.NOT_FOUND
    until(lambda: not Path(f"/proc/{answer['countdown']['pid']}").exists())


@pytest.mark.parametrize(
    ("text", "seconds"), [("10", 10), ("90s", 90), ("10m", 600), (" 2h ", 7200)]
)
def test_delays(text: str, seconds: int) -> None:
    assert schedule.parse_delay(text) == seconds


@pytest.mark.parametrize("text", ["", "-1", "1d", "1.5", "٣", "9" * 20, "999999h", "10 m"])
def test_what_is_no_delay(text: str) -> None:
    with pytest.raises(WrongArgument):
        schedule.parse_delay(text)


def test_times_of_day_are_the_next_and_dates_are_to_come() -> None:
    now = datetime(2026, 11, 23, 12, 0, 0).timestamp()
    assert schedule.parse_time("12:30", now) == now + 1800
    assert schedule.parse_time("11:00", now) == now + 23 * 3600
    assert schedule.parse_time("2026-11-24 12:00", now) == now + 86400
    for text in ("25:00", "noon", "2026-11-22 12:00", "2036-01-01 00:00", "", "12:60"):
        with pytest.raises(WrongArgument):
            schedule.parse_time(text, now)


def fake(proc: Path, pid: int, parent: int, group: int, flags: int = 0, argv: str = "x") -> None:
    (proc / str(pid)).mkdir(parents=True)
    (proc / str(pid) / "stat").write_text(f"{pid} (a) b)) S {parent} {group} 1 0 -1 {flags} 0\n")
    (proc / str(pid) / "cmdline").write_text(argv + "\0")


def test_who_is_ended_and_who_is_spared(tmp_path: Path) -> None:
    fake(tmp_path, 1, 0, 1)
    fake(tmp_path, 2, 0, 0, 0x00200000)
    fake(tmp_path, 10, 1, 10)  # sshd
    fake(tmp_path, 11, 10, 11)  # this session's sshd
    fake(tmp_path, 12, 11, 12)  # shell
    fake(tmp_path, 13, 12, 13)  # warmboot
    fake(tmp_path, 14, 12, 13)  # | tee
    fake(tmp_path, 20, 1, 20, argv="@iscsid")
    fake(tmp_path, 30, 1, 30)  # a database
    fake(tmp_path, 31, 10, 31)  # another session
    (tmp_path / "40").mkdir()
    (tmp_path / "40/stat").write_text("40 (zombie) Z 1 40 1 0 -1 0")
    assert shutdown.doomed(shutdown.read_processes(tmp_path), 13) == [30, 31]


def test_processes_are_asked_first_and_then_made_to_end() -> None:
    stubborn = "import signal; signal.signal(15, signal.SIG_IGN); print(1, flush=True)"
    programs = (f"{stubborn}; signal.pause()", "print(1, flush=True); input()")
    running = [
        subprocess.Popen(
            [sys.executable, "-c", text], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        for text in programs
    ]
    for process in running:
        assert process.stdout is not None
        process.stdout.readline()

    def find() -> list[int]:
        return [process.pid for process in running if process.poll() is None]

    assert shutdown.end_processes(find, term_seconds=1.0, kill_seconds=LIMIT) == ()
    assert [process.wait() for process in running] == [-signal.SIGKILL, -signal.SIGTERM]
    for process in running:
        for stream in (process.stdin, process.stdout):
            assert stream is not None
            stream.close()


def test_only_writable_file_systems_with_data_are_unmounted() -> None:
    text = (
        "20 1 8:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw\n"
        "21 20 0:5 / /proc rw - proc proc rw\n"
        "22 20 8:2 / /mnt/a\\040b rw - xfs /dev/vdb rw\n"
        "23 20 8:3 / /ro ro - iso9660 /dev/sr0 ro\n"
        "damaged\n"
    )
    assert shutdown.mount_points(text) == ["/", "/mnt/a b"]


def hang() -> bool:
    time.sleep(LIMIT)
    return True


def test_a_step_that_hangs_is_given_up_in_time() -> None:
    """As umount(2) of a dead NFS server does; the child that waits is left behind."""
    before = time.monotonic()
    assert bounded(hang, 0.2) is None
    assert time.monotonic() - before < LIMIT / 2
    assert bounded(lambda: True, LIMIT) is True
    assert bounded(lambda: False, LIMIT) is False


def test_what_hangs_is_not_unmounted_and_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounts = "31 1 0:5 / /srv/dead rw - nfs4 a:/x rw\n32 1 0:6 / /srv/alive rw - ext4 /dev/b rw\n"
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/mountinfo").write_text(mounts)
    answers = {b"/srv/dead": None, b"/srv/alive": True}
    monkeypatch.setattr(shutdown, "end_processes", lambda find: ())
    monkeypatch.setattr(shutdown, "sync_disks", lambda: True)
    monkeypatch.setattr(shutdown, "_MOUNT_SECONDS", 0.2)

    class Libc:
        @staticmethod
        def umount2(target: bytes, flags: int) -> int:
            if answers[target] is None:
                time.sleep(LIMIT)
            return 0

    monkeypatch.setattr(shutdown, "_libc", Libc)
    ended = shutdown.end_everything(tmp_path / "proc")
    assert (ended.unmounted, ended.hung, ended.unsynced) == (("/srv/alive",), ("/srv/dead",), False)
    log = tmp_path / "kmsg"
    shutdown.tell(ended, log)
    assert log.read_text() == "<4>warmboot: /srv/dead did not answer and stays mounted\n"


def test_watchdogs_are_shown_and_left(root: Path, call: Call) -> None:
    dog = root / "sys/class/watchdog/watchdog0"
    dog.mkdir(parents=True)
    for name, text in (("state", "active"), ("identity", "iTCO_wdt"), ("timeout", "30")):
        (dog / name).write_text(text + "\n")
    (found,) = read_watchdogs(root)
    assert (found.armed, found.timeout, found.identity) == (True, 30, "iTCO_wdt")
    assert call("status")[1]["watchdogs"][0]["armed"] is True


@pytest.mark.parametrize(("version", "answer"), [("252", False), ("257", True), ("261", True)])
def test_a_reboot_that_is_a_kexec_is_said(root: Path, version: str, answer: bool) -> None:
    folder = root / "usr/lib/x86_64-linux-gnu/systemd"
    folder.mkdir(parents=True)
    (folder / f"libsystemd-shared-{version}.so").touch()
    assert reboot_is_kexec(root, systemd=True, staged=True) is answer
    assert reboot_is_kexec(root, systemd=True, staged=False) is False
    assert reboot_is_kexec(root, systemd=False, staged=True) is False


@pytest.mark.parametrize(("content", "answer"), [(SKIP_AUTO_KEXEC, True), ("ELF", False)])
def test_systemctl_itself_says_what_it_does(root: Path, content: str, answer: bool) -> None:
    program = root / "usr/bin/systemctl"
    program.parent.mkdir(parents=True, exist_ok=True)
    program.write_text(content)
    (root / "usr/lib/systemd").mkdir(parents=True)
    (root / f"usr/lib/systemd/libsystemd-shared-{'252' if answer else '261'}.so").touch()
    assert reboot_is_kexec(root, systemd=True, staged=True) is answer


def test_a_report_holds_evidence_and_no_secrets(
    root: Path, call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSH_CONNECTION", "198.51.100.7 50000 192.0.2.2 22")
    secret = "rd.luks.key=/hidden/key token=hidden netroot=iscsi:u:hidden@192.0.2.9::::x"
    call("stage", "vmlinuz-6.12.1", "--append", secret)
    target = tmp_path / "report.json"
    code, _ = call("report", "vmlinuz-6.12.1", "-o", str(target))
    assert code == ExitCode.OK
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    text = target.read_text()
    assert "hidden" not in text
    for address in ("198.51.100.7", "192.0.2.17", "192.0.2.40"):
        assert address not in text
    content = json.loads(text)
    check(content)
    assert content["plan"]["strategy"]
    assert content["status"]["staged"] is True
    assert [line["event"] for line in content["journal"]] == ["staging", "staged"]
    assert call("report", "-o", str(tmp_path / "missing/report"))[0] == ExitCode.SYSTEM
    assert not list(tmp_path.glob(".report*"))


def test_redaction_keeps_what_is_no_secret() -> None:
    line = "root=UUID=1 rd.luks.uuid=2 vconsole.keymap=us quiet console=ttyS0,115200 ip=dhcp"
    assert redact(line) == line
    assert redact('a.password="two words" x') == "a.password=(redacted) x"
    line = "vmlinuz root=/dev/sda2 crashkernel=256M@16M mem=1G nr_cpus=2 -- (redacted)"
    assert redact(line) == line


@pytest.mark.parametrize(
    "word",
    [
        "rootpw=S", "pass=S", "apikey=S", "authkey=S", "passkey=S", "pin=S", "ima_hmac=S",
        'dm-mod.create="crypt,,0,rw,0 100 crypt aes-xts S 0 /dev/a"', "url=http://h/?sig=S",
        "root=live:http://h/x?jwt=S", '"x.password=two S"', 'password="unbalanced S',
        'password=a"b S"', 'root="x S"', "root=a?S", "http://u:S@host/", "iscsi:u:S@192.0.2.1::x",
        "quiet -- S", "-- --password S", 'console=" pin=S"', "rootflags=key=S", "UNHEARD.of=S",
        "root=password=S", "ip=@S", "Ro-Ot=password=S", "systemd.set_credential=a:S",
    ],
)  # fmt: skip
def test_whatever_is_not_known_to_be_harmless_is_not_shown(word: str) -> None:
    for line in (word, f"quiet {word}", f"x root=/dev/a {word} end", f'Command line: "{word} x'):
        assert "S" not in redact(line).replace("UNHEARD", ""), line


def test_redaction_takes_time_in_proportion_to_the_text() -> None:
    for part in ("a=", "x://", "a.key" * 3, '"', "=", "-- ", "http://u@", " ", "a=b ", "key" * 9):
        short, long = (part * (size // len(part)) for size in (50_000, 400_000))
        bound = min(2.0, 1.0 + 20 * seconds(partial(redact, short), 0))
        assert seconds(partial(redact, long), bound) <= bound, part
