"""Staging ended by a signal at any step leaves the old kernel or the new one, and says which."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import signal
from pathlib import Path

import pytest
from support.answers import check
from support.interruption import signalled

from warmboot.core.errors import ExitCode
from warmboot.core.load import lease
from warmboot.core.load.loader import LoadRequest
from warmboot.core.record import journal
from warmboot.core.sandbox import simulator
from warmboot.core.sandbox.builders.bzimage import build_bzimage
from warmboot.core.sandbox.builders.uki import build_uki
from warmboot.core.sandbox.machine import SimulatedMachine, write_machine
from warmboot.core.sandbox.marker import write_marker
from warmboot.core.session import open_session
from warmboot.tui.cli import main

OLD, NEW = "6.1.9-old", "6.12.1-new"
STAGE = "warmboot.core.load.stage"
LOAD = "warmboot.core.sandbox.simulator Simulator.load"
JOURNAL = "warmboot.core.record.journal Journal.staged"
POINTS = {
    "unpack": f"before {STAGE} open_kernel",
    "prepared": "after warmboot.core.session.session Session.prepare",
    "before the call": f"before {LOAD}",
    "after the call": f"after {LOAD}",
    "journal": f"before {JOURNAL}",
    "recorded": f"after {JOURNAL}",
}
TAKES_EFFECT = ("after the call", "journal", "recorded")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "machine"
    root.mkdir()
    write_marker(root)
    write_machine(root, SimulatedMachine("x86_64", "6.1.0", "root=/dev/vda2 ro"))
    (root / "boot/vmlinuz-old").write_bytes(build_bzimage(OLD))
    uki = build_uki(
        arch="x86-64", linux=build_bzimage(NEW), initrd=b"x" * 5000, cmdline="quiet", uname=NEW
    )
    (root / "boot/new.efi").write_bytes(uki)
    assert main(["--root", str(root), "stage", "--kernel", str(root / "boot/vmlinuz-old")]) == 0
    return root


def files(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*")}


def held(root: Path) -> str:
    """What the simulated kernel would start."""
    assert (root / "sys/kernel/kexec_loaded").read_text() == "1\n"
    return str(json.loads((root / ".warmboot-kernel/staged.json").read_text())["release"])


@pytest.mark.parametrize(
    "number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGINT], ids=lambda n: n.name
)
@pytest.mark.parametrize("point", POINTS)
def test_a_signal_at_each_step(root: Path, point: str, number: signal.Signals) -> None:
    there = files(root)
    arguments = ["--root", str(root), "stage", "--kernel", str(root / "boot/new.efi")]
    done = signalled(POINTS[point], number, arguments)
    assert files(root) == there, "something was left behind"

    begun = point not in ("unpack", "prepared")
    status = open_session(root).status()
    if number == signal.SIGKILL:
        assert done.returncode == -signal.SIGKILL
        assert held(root) == (NEW if point in TAKES_EFFECT else OLD)
        sure = not begun or point == "recorded"
        assert status.interrupted == (None if sure else "staging")
    else:
        assert done.returncode == (ExitCode.OK if begun else ExitCode.CANCELLED)
        assert ("Staged" in done.stdout) is begun
        assert held(root) == (NEW if begun else OLD)
        assert status.interrupted is None
    if status.interrupted is None:
        assert status.what is not None
        assert status.what.release == held(root)
    else:
        assert status.what is None
        assert main(["--root", str(root), "exec", "--yes"]) == ExitCode.BLOCKED
    assert main([*arguments]) == ExitCode.OK
    again = open_session(root).status()
    assert (again.interrupted, again.what and again.what.release) == (None, NEW)


def test_a_file_that_changes_during_the_call_changes_nothing(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kernel = root / "boot/vmlinuz-old"
    before = kernel.read_bytes()
    inner = simulator.Simulator.load

    def load(self: simulator.Simulator, request: LoadRequest) -> None:
        inner(self, request)
        kernel.write_bytes(kernel.read_bytes() + b"\0")

    monkeypatch.setattr(simulator.Simulator, "load", load)
    monkeypatch.setattr(lease, "on_own_disk", lambda _: False)  # else the writer would wait
    arguments = ["--root", str(root), "--json", "stage", "--kernel", str(kernel)]
    assert main(arguments) == ExitCode.OK
    printed = capsys.readouterr()
    answer = json.loads(printed.out[printed.out.index("{") :])
    check(answer)
    # What was staged is the copy that was made before, and its digest is known.
    assert answer["staged"]["sha256"] == hashlib.sha256(before).hexdigest()


def test_a_full_disk_leaves_the_old_kernel_and_no_part_of_a_file(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = files(root)

    def full(path: Path, raw: bytes) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    arguments = ["--root", str(root), "stage", "--kernel", str(root / "boot/new.efi")]
    with monkeypatch.context() as patch:
        patch.setattr(journal, "_append", full)
        assert main(arguments) == ExitCode.SYSTEM
    assert files(root) == there
    assert held(root) == OLD
    status = open_session(root).status()
    assert status.what is not None
    assert status.what.release == OLD
