"""Ending processes and unmounting, before a jump without a service manager."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from warmboot.core.bounded import bounded
from warmboot.core.errors import Refused
from warmboot.core.record.lock import only_one
from warmboot.core.restart import execute, shutdown
from warmboot.core.restart.execute import RestartMethod, carry_out
from warmboot.core.restart.shutdown import Ended
from warmboot.core.sandbox.simulator import Simulator

LIMIT = 60.0  # seconds, for a process that starts and ends; measured alone: 1


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


def test_without_room_for_a_process_a_step_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a service whose TasksMax= is reached: what ends the system goes on to the jump."""

    def full() -> int:
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    monkeypatch.setattr(os, "fork", full)
    assert bounded(lambda: True, LIMIT) is None


def test_what_is_left_behind_holds_no_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Such a process cannot be killed; nor would who stands by learn that warmboot is gone."""
    left: list[int] = []

    def hang() -> bool:
        time.sleep(LIMIT)
        return True

    monkeypatch.setattr("warmboot.core.bounded._kill", left.append)
    try:
        with only_one(tmp_path, "warmboot exec"):
            assert bounded(hang, 0.2) is None
        with only_one(tmp_path, "warmboot exec"):
            assert len(left) == 1
    finally:
        for pid in left:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


@pytest.mark.parametrize("method", [RestartMethod.PROCESSES, RestartMethod.AT_ONCE])
def test_where_the_jump_is_refused_and_nothing_runs_any_more_it_goes_through_firmware(
    monkeypatch: pytest.MonkeyPatch, method: RestartMethod
) -> None:
    steps: list[str] = []

    def end() -> Ended:
        steps.append("end")
        return Ended((), (), (), ())

    class Kernel(Simulator):
        def execute(self) -> None:
            steps.append("jump")
            raise Refused("The restart was refused", errno=errno.EBUSY)

    monkeypatch.setattr(shutdown, "end_everything", end)
    monkeypatch.setattr(shutdown, "say", steps.append)
    monkeypatch.setattr(execute, "reboot_through_firmware", lambda: steps.append("firmware"))
    with pytest.raises(Refused):
        carry_out(method, Kernel(Path("/nowhere")), lambda: steps.append("last"))
    said = "The restart was refused. It restarts through firmware."
    through = ["end", "last", "jump", said, "firmware"]
    assert steps == (through if method is RestartMethod.PROCESSES else ["last", "jump"])


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
    log.touch()
    shutdown.tell(ended, log)
    assert log.read_text() == "<4>warmboot: /srv/dead did not answer and stays mounted\n"
