"""The bytes that were judged are the bytes that the kernel gets, whoever writes to the files."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.machines import plan
from support.reading_kernel import KERNEL, Kernel, stage, write_root

from warmboot.core.errors import ExitCode, ImageError, WarmbootError
from warmboot.core.load import lease
from warmboot.core.load.loader import LoadRequest
from warmboot.core.load.prepared import Prepared
from warmboot.core.payload.follow import Follower, follow_file
from warmboot.core.payload.memfile import MemFile, is_sealed
from warmboot.core.payload.scan import KernelScanner
from warmboot.core.plan.checks.base import Verdict
from warmboot.core.plan.request import PlanRequest
from warmboot.core.sandbox.machine import SimulatedMachine, write_machine
from warmboot.core.session import open_session
from warmboot.tui.cli import main

ROUNDS = 200
#: Keeps both files mapped, and changes a byte of each as fast as it can; says so first.
WRITER = """
import mmap, sys
maps = []
for name in sys.argv[1:]:
    with open(name, "r+b") as file:
        maps.append(mmap.mmap(file.fileno(), 0))
print("writing", flush=True)
value = 0
while True:
    value = (value + 1) & 0xFF
    for one in maps:
        one[len(one) - 5000] = value
        one[len(one) // 2] = value
"""


@pytest.fixture(params=["tmpfs", "disk"])
def root(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """A machine whose files no lease can hold, so that they are copied."""
    monkeypatch.setattr(lease, "on_own_disk", lambda _: False)
    with contextlib.ExitStack() as held:
        root = tmp_path / "machine"
        if request.param == "tmpfs":
            root = Path(held.enter_context(tempfile.TemporaryDirectory(dir="/dev/shm"))) / "machine"
        write_root(root)
        yield root


def test_a_writer_with_the_files_mapped_changes_nothing_that_is_recorded(root: Path) -> None:
    """A page that is dirty already takes changes without a new time of the file."""
    files = [str(root / "boot/vmlinuz-6.12.1"), str(root / "boot/initrd.img-6.12.1")]
    refused, others, seen = 0, 0, set()
    command = [sys.executable, "-c", WRITER, *files]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE) as writer,
        contextlib.ExitStack() as ended,
    ):
        ended.callback(writer.kill)
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"writing\n"
        session, loader = open_session(root), Kernel()
        for _ in range(ROUNDS):
            try:
                recorded = stage(session, loader)
            except ImageError:  # the pages were written back, so the file has a new time
                refused += 1
                continue
            others += recorded != loader.got[-1]
            seen.add(recorded)
    assert others == 0
    assert refused < ROUNDS
    assert len(seen) > 1  # it did change them all the time


def test_the_digest_asked_for_is_that_of_the_bytes_handed_over(root: Path) -> None:
    good = hashlib.sha256(KERNEL).hexdigest()
    arguments = ["--root", str(root), "stage", "vmlinuz-6.12.1", "--sha256"]
    assert main([*arguments, good]) == ExitCode.OK
    assert main([*arguments, "0" * 64]) == ExitCode.BAD_IMAGE
    (root / "proc/meminfo").write_text("MemAvailable: 100 kB\n")
    assert main([*arguments, good]) == ExitCode.BLOCKED


def test_without_room_for_copies_the_plan_says_so_and_the_digest_is_not_known(root: Path) -> None:
    (root / "proc/meminfo").write_text("MemAvailable: 100 kB\n")
    session = open_session(root)
    request = PlanRequest(entry="vmlinuz-6.12.1", forced=("memory",))
    with session.plan(request) as opened, session.prepare(opened) as prepared:
        (said,) = (f for f in opened.plan.findings if f.check == "sealed")
        assert (said.verdict, opened.plan.sealed) == (Verdict.WARN, False)
        assert not is_sealed(prepared.request.kernel_fd)
        session.__dict__["loader"] = Kernel()
        staged, warning = session.stage(prepared)
    assert staged.sha256 is None
    assert warning is not None
    assert session.records()[-1]["initrd_sha256"] is None


def test_a_signed_kernel_goes_over_byte_by_byte_as_it_is(root: Path) -> None:
    session = open_session(root)
    with (
        session.plan(PlanRequest(entry="vmlinuz-6.12.1")) as opened,
        session.prepare(opened) as prepared,
    ):
        assert os.pread(prepared.request.kernel_fd, len(KERNEL) + 1, 0) == KERNEL
        assert is_sealed(prepared.request.kernel_fd)
        assert opened.plan.signature_kept


def test_where_ima_judges_the_file_itself_it_is_handed_over(tmp_path: Path) -> None:
    write_machine(tmp_path, SimulatedMachine("aarch64", "6.1.0", "quiet"))
    policy = tmp_path / "sys/kernel/security/ima/policy"
    policy.parent.mkdir(parents=True)
    policy.write_text("appraise func=KEXEC_KERNEL_CHECK appraise_type=imasig\n")
    assert not plan(tmp_path).sealed
    assert "IMA" in next(f.text for f in plan(tmp_path).findings if f.check == "sealed")


@pytest.mark.parametrize("fault", [MemoryError(), RuntimeError("odd"), SystemExit(0)])
def test_whatever_fails_in_the_other_thread_is_the_failure_of_the_whole(
    root: Path, fault: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise fault

    with MemFile("x") as memory:
        memory.write(b"x" * 1000)
        monkeypatch.setattr(KernelScanner, "feed", broken)
        follower = follow_file(memory.fd, banner=True)
        with pytest.raises(WarmbootError):
            follower.finish()
    before = open_session(root).records()
    monkeypatch.setattr(Follower, "_follow", broken)
    stage = ["--root", str(root), "stage", "vmlinuz-6.12.1"]
    for needed in (["--dry-run"], ["--sha256", "0" * 64], ["--expect", "0" * 64], ["--if-needed"]):
        assert main([*stage, *needed]) == ExitCode.SYSTEM
    assert main(["inspect", str(root / "boot/vmlinuz-6.12.1")]) in (ExitCode.OK, ExitCode.SYSTEM)
    assert open_session(root).records() == before
    assert not open_session(root).status().staged


def test_what_is_staged_and_cannot_be_read_again_is_recorded_as_not_known(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(_: Follower) -> None:
        raise MemoryError

    monkeypatch.setattr(Follower, "_follow", broken)
    assert main(["--root", str(root), "stage", "vmlinuz-6.12.1", "--json"]) == ExitCode.OK
    told = capsys.readouterr()
    assert "recorded as not known" in told.err
    answer = json.loads(told.out)
    assert (answer["changed"], answer["sha256"], answer["digest"]) == (True, None, None)
    last = open_session(root).records()[-1]
    assert (last["event"], last["initrd_sha256"]) == ("staged", None)
    assert open_session(root).status().staged


def test_no_digest_is_waited_for_before_the_call(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    follow = Follower._follow

    def noted(self: Follower) -> None:
        follow(self)
        steps.append("digest")

    class Noting(Kernel):
        def load(self, request: LoadRequest) -> None:
            super().load(request)
            steps.append("call")

    monkeypatch.setattr(Follower, "_follow", noted)
    loader = Noting()
    assert stage(open_session(root), loader) == loader.got[-1]
    assert steps == ["call", "digest", "digest"]


def test_one_who_is_killed_after_the_call_leaves_it_open_what_is_staged(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise GeneratorExit  # nothing but the end of the process passes where nothing catches it

    monkeypatch.setattr(Prepared, "afterwards", killed)
    session = open_session(root)
    session.__dict__["loader"] = Kernel()
    with (
        session.plan(PlanRequest(entry="vmlinuz-6.12.1")) as opened,
        session.prepare(opened) as prepared,
        pytest.raises(GeneratorExit),
    ):
        session.stage(prepared)
    known = session.journal.known(session.host.boot_id)
    assert known.interrupted is not None
    assert known.sure is None


def test_no_thread_to_be_had_is_said(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", none)
    assert main(["--root", str(root), "stage", "vmlinuz-6.12.1"]) == ExitCode.SYSTEM
    assert not open_session(root).status().staged


def test_a_kernel_that_is_another_one_by_the_time_it_is_copied_is_refused(root: Path) -> None:
    session = open_session(root)
    other = KERNEL.replace(b"6.12.1", b"6.12.2")
    with session.plan(PlanRequest(entry="vmlinuz-6.12.1")) as opened:
        path = root / "boot/vmlinuz-6.12.1"
        times = path.stat()
        path.write_bytes(other)
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
        with pytest.raises(ImageError, match="changed after it was opened"):
            session.prepare(opened)
