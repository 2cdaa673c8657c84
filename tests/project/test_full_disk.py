"""No space left, at each write of each command: an error that says what next, and nothing lost."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from support.full_disk import Disk
from support.machines import make_sandbox
from support.parser_objects import build_parser

from warmboot.core import programs
from warmboot.core.bpf.parsers import prebuilt_content, prebuilt_recipes
from warmboot.core.bpf.toolchain import Toolchain
from warmboot.core.errors import ExitCode, WarmbootError
from warmboot.core.payload.cpio_writer import build_cpio
from warmboot.core.payload.memfile import MemFile
from warmboot.core.record.report import write_private
from warmboot.core.restart.schedule import read_countdown
from warmboot.core.sandbox.builders.kernel import build_arm64_image
from warmboot.core.sandbox.builders.uki import build_uki
from warmboot.core.sandbox.builders.zboot import build_zboot
from warmboot.core.session import open_session
from warmboot.tui.cli import main

LIMIT = 120.0  # seconds; measured alone: 1
OLD, NEW = "6.1.9-old", "6.12.1-new"
KERNEL = build_arm64_image(NEW, body_size=300_000, bss=65536)
ALL_WRITES = 200  # more than any command makes


def files(root: Path) -> set[str]:
    state = {"run/warmboot", "run/warmboot/lock", "run/warmboot/journal.jsonl"}
    state |= {"var/lib/warmboot", "var/lib/warmboot/journal.jsonl"}
    return {str(path.relative_to(root)) for path in root.rglob("*")} - state


def make(root: Path, kexec_bpf: str | None = None) -> Path:
    """A machine with an old kernel staged, and new ones of all kinds to stage."""
    make_sandbox(root, cmdline="root=/dev/a", kexec_bpf=kexec_bpf)
    zboot = build_zboot(KERNEL, arch="arm64", method="gzip")
    uki = build_uki(arch="arm64", linux=zboot, initrd=b"x" * 5000, cmdline="quiet", uname=NEW)
    plain = build_uki(arch="arm64", linux=KERNEL, initrd=b"x" * 5000, cmdline="quiet", uname=NEW)
    cpio = build_cpio({"init": b"#!/bin/sh\n"})
    for name, content in (
        *(("old", build_arm64_image(OLD, body_size=300_000, bss=65536)), ("zboot.efi", zboot)),
        *(("uki.efi", uki), ("plain.efi", plain), ("Image", KERNEL)),
        *(("one.cpio", cpio), ("two.cpio", cpio)),
    ):
        (root / "boot" / name).write_bytes(content)
    return root


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make(tmp_path / "machine")


def at_each_write(
    root: Path,
    arguments: list[str],
    capsys: pytest.CaptureFixture[str],
    *,
    before: Callable[[], object],
    failed: Callable[[], object],
    done: Callable[[], object],
) -> set[str]:
    """Run a command with the disk full at its first write, its second, …; returns what failed.

    `failed` and `done` check what then became of it.
    """
    hit: set[str] = set()
    for only in (True, False):
        for number in range(1, ALL_WRITES):
            before()
            capsys.readouterr()
            shutil.rmtree(root / "run/warmboot", ignore_errors=True)
            there = files(root)
            with pytest.MonkeyPatch.context() as patch:
                disk = Disk(patch, number, only=only)
                code = main(["--root", str(root), *arguments])
            said = _said(capsys, as_json="--json" in arguments)
            hit |= set(disk.failed)
            if code != ExitCode.OK:
                assert disk.failed
                assert code == ExitCode.SYSTEM
                assert "No space left" in said
                assert "\n  " in said, f"no hint: {said}"
                assert "The system failed" not in said
                assert files(root) <= there
                failed()
            else:
                done()
            if not disk.failed:
                break
        else:
            pytest.fail("it never came to an end")
    return {_short(text, root) for text in hit}


def _said(capsys: pytest.CaptureFixture[str], *, as_json: bool) -> str:
    """What was said of the failure, in the form of a terminal."""
    captured = capsys.readouterr()
    if not as_json:
        return captured.err
    error = json.loads(captured.out).get("error") or {"message": "", "hint": None}
    return "\n  ".join(filter(None, (error["message"], error["hint"])))


def _short(text: str, root: Path) -> str:
    call, _, target = text.partition(" ")
    target = target.removeprefix(str(root) + "/").removeprefix("/memfd:").removesuffix(" (deleted)")
    return f"{call} {target}"


def staged(root: Path) -> str:
    """The release of what the simulated kernel holds."""
    assert (root / "sys/kernel/kexec_loaded").read_text() == "1\n"
    return str(json.loads((root / ".warmboot-kernel/staged.json").read_text())["release"])


def stage_old(root: Path) -> None:
    command = ["--root", str(root), "stage", "--kernel", str(root / "boot/old"), "--cmdline", "x"]
    assert main([*command, "--no-initrd"]) == ExitCode.OK


JOURNAL = {"write var/lib/warmboot/journal.jsonl", "fsync var/lib/warmboot/journal.jsonl"}
STAGE = {
    "unpacked": ("zboot.efi", ["--no-initrd"], {"write warmboot-kernel"}),
    "initrds joined": ("zboot.efi", ["one.cpio", "two.cpio"], {"sendfile warmboot-initrd"}),
    "UKI": ("uki.efi", [], {"write warmboot-kernel", "write warmboot-initrd"}),
    "UKI copied": ("plain.efi", [], {"memfd_create warmboot-kernel"}),
}


def stage_command(root: Path, name: str, more: list[str]) -> list[str]:
    words = ["stage", "--kernel", str(root / "boot" / name), "--cmdline", "quiet"]
    for word in more:
        words += [word] if word.startswith("--") else ["--initrd", str(root / "boot" / word)]
    return words


def check_stage(root: Path, command: list[str], capsys: pytest.CaptureFixture[str]) -> set[str]:
    def failed() -> None:
        assert staged(root) == OLD
        what = open_session(root).status().what
        assert what is not None
        assert what.release == OLD

    def done() -> None:
        assert staged(root) == NEW
        status = open_session(root).status()
        sure = status.what is not None and status.what.release == NEW
        assert sure or status.interrupted == "staging"

    return at_each_write(
        root, command, capsys, before=lambda: stage_old(root), failed=failed, done=done
    )


@pytest.mark.parametrize("way", STAGE)
def test_staging(root: Path, way: str, capsys: pytest.CaptureFixture[str]) -> None:
    name, more, writes = STAGE[way]
    assert writes | JOURNAL <= check_stage(root, stage_command(root, name, more), capsys)


@pytest.mark.parametrize(
    ("dialect", "writes"),
    [("v6", {"write warmboot-enveloped-kernel"}), ("v7", {"write warmboot-envelope"})],
)
def test_staging_by_a_parser(
    tmp_path: Path, dialect: str, writes: set[str], capsys: pytest.CaptureFixture[str]
) -> None:
    root = make(tmp_path / "machine", dialect)
    hit = check_stage(root, stage_command(root, "zboot.efi", ["one.cpio"]), capsys)
    assert writes <= hit, hit


def test_a_parser_that_cannot_be_built_or_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    tools = Toolchain("/bin/false", "1", "/bin/false", "1")
    recipe = prebuilt_recipes()[0]
    with monkeypatch.context() as patch:
        Disk(patch, 1, only=False)
        with pytest.raises(WarmbootError, match="No space left") as failure:
            tools.build(recipe)
    assert failure.value.hint is not None
    assert list(tmp_path.iterdir()) == []

    built = prebuilt_content(recipe)
    monkeypatch.setattr(Toolchain, "_build", lambda *_: built)
    for number in range(1, ALL_WRITES):
        with monkeypatch.context() as patch:
            disk = Disk(patch, number, only=False)
            assert tools.build(recipe) == built
        if not disk.failed:
            break
    kept = [path.name for path in (tmp_path / "cache/warmboot/parsers").iterdir()]
    assert [name.endswith(".o") for name in kept] == [True]


def test_unloading(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def done() -> None:
        assert open_session(root).status().staged is False

    def failed() -> None:
        assert staged(root) == OLD
        assert open_session(root).status().interrupted is None

    def before() -> None:
        stage_old(root)

    assert at_each_write(root, ["unload"], capsys, before=before, failed=failed, done=done)


def test_restarting(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def failed() -> None:
        assert staged(root) == OLD
        assert open_session(root).host.release != OLD
        assert open_session(root).status().attempt is None

    def before() -> None:
        (root / "proc/sys/kernel/osrelease").write_text("6.1.0\n")
        stage_old(root)

    def done() -> None:
        assert open_session(root).host.release == OLD

    command = ["exec", "--yes"]
    assert at_each_write(root, command, capsys, before=before, failed=failed, done=done)


def test_setting_and_cancelling(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stage_old(root)
    ended = ["--root", str(root), "exec", "--cancel"]

    def failed() -> None:
        assert staged(root) == OLD
        assert read_countdown(root) is None
        assert not (root / "run/warmboot/countdown.json").exists()

    def done() -> None:
        """Cancelling works on a full disk."""
        assert read_countdown(root) is not None
        with pytest.MonkeyPatch.context() as patch:
            Disk(patch, 1, only=False)
            assert main(ended) == ExitCode.OK
        assert read_countdown(root) is None

    hit = at_each_write(
        root,
        ["exec", "--yes", "--in", "10m"],
        capsys,
        before=lambda: None,
        failed=failed,
        done=done,
    )
    assert {"open run/warmboot/countdown.json", "write run/warmboot/countdown.json"} <= hit


def test_a_waiter_that_finds_no_space(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stage_old(root)
    python = tmp_path / "python"
    python.write_text(
        f"#!{sys.executable}\n"
        "import errno, os, runpy, sys\n"
        "def full(fd, raw):\n"
        "    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))\n"
        "os.write = full\n"
        "del sys.argv[:3]\n"
        "runpy.run_module('warmboot.core.restart.waiter', run_name='__main__', alter_sys=True)\n"
    )
    python.chmod(0o755)
    monkeypatch.setattr(programs, "sys", type("sys", (), {"executable": str(python)}))
    capsys.readouterr()
    assert main(["--root", str(root), "exec", "--yes", "--in", "10m"]) == ExitCode.SYSTEM
    said = capsys.readouterr().err
    assert "countdown.json could not be written: No space left on device" in said
    assert "No restart is scheduled" in said
    assert [path.name for path in (root / "run/warmboot").iterdir()] == ["lock"]


OUTPUT = ["report", "extract", "envelope", "extract --json"]


@pytest.mark.parametrize("what", OUTPUT)
def test_files_that_are_asked_for(
    root: Path, tmp_path: Path, what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    stage_old(root)
    folder = tmp_path / "out"
    folder.mkdir()
    target, image = folder / "file", str(root / "boot/zboot.efi")
    parser = tmp_path / "parser.o"
    parser.write_bytes(build_parser(kind=1, dialect=6))
    command = {
        "report": ["report", "-o", str(target)],
        "extract": ["extract", image, "-o", str(target)],
        "extract --json": ["extract", image, "-o", str(target), "--json"],
        "envelope": ["bpf", "envelope", image, "--parser", str(parser), "-o", str(target)],
    }[what]

    def failed() -> None:
        """The old file, or where only its folder could not be synced, the whole new one."""
        assert list(folder.iterdir()) == [target]
        assert target.read_bytes() == b"older" or target.stat().st_size > 1000

    def before() -> None:
        target.write_bytes(b"older")

    def done() -> None:
        assert list(folder.iterdir()) == [target]
        assert target.read_bytes() != b"older"

    assert at_each_write(root, command, capsys, before=before, failed=failed, done=done)


def test_a_report_into_a_folder_that_cannot_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        Disk(patch, 1, only=False)
        with pytest.raises(WarmbootError, match="No space left") as failure:
            write_private(tmp_path / "state/report.json", b"{}", folder=True)
    assert failure.value.hint is not None
    assert list(tmp_path.iterdir()) == []


def test_a_memory_file_that_cannot_be_sealed_is_no_traceback(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("fcntl.fcntl", full)
    with MemFile("warmboot-test") as memory, pytest.raises(WarmbootError, match="No space left"):
        memory.seal()


@pytest.mark.parametrize("command", [["list"], ["list", "--json"], ["inspect", "none", "--json"]])
def test_an_answer_that_finds_no_space(root: Path, command: list[str]) -> None:
    words = [sys.executable, "-m", "warmboot.tui.cli", "--root", str(root), *command]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            words, stdout=full, stderr=subprocess.PIPE, text=True, timeout=LIMIT, check=False
        )
    assert done.returncode == ExitCode.SYSTEM
    assert "Traceback" not in done.stderr
    assert "The output could not be written: No space left on device" in done.stderr
    assert "warmboot status" in done.stderr
