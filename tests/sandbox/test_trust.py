"""A planted sandbox gains nothing: whose it is, what is written there, what it reads."""

from __future__ import annotations

import json
import os
import resource
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from warmboot.core.errors import Blocked, ExitCode, WarmbootError
from warmboot.core.sandbox.builders.bzimage import build_bzimage
from warmboot.core.sandbox.machine import SimulatedMachine, write_machine
from warmboot.core.sandbox.marker import MARKER, is_sandbox, write_marker
from warmboot.core.session import open_session
from warmboot.tui.cli import main

SOMEBODY = 12345
SECRET = "a line of a file outside"
root_only = pytest.mark.skipif(os.getuid() != 0, reason="only root makes another user's files")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "above/machine"
    root.mkdir(parents=True)
    write_marker(root)
    write_machine(root, SimulatedMachine("x86_64", "6.1.0", "root=/dev/vda2 ro"))
    (root / "boot/vmlinuz-6.12.1").write_bytes(build_bzimage("6.12.1"))
    return root


def test_one_s_own_is_one(root: Path, tmp_path: Path) -> None:
    assert is_sandbox(root)
    assert not is_sandbox(tmp_path)
    assert not is_sandbox(Path("/"))
    assert not is_sandbox(tmp_path / "gone")


def _chown(*parts: str) -> Callable[[Path], None]:
    return lambda root: os.chown(root.joinpath(*parts), SOMEBODY, SOMEBODY)


def _chmod(mode: int, *parts: str) -> Callable[[Path], None]:
    return lambda root: root.joinpath(*parts).chmod(mode)


def _group(root: Path) -> None:
    os.chown(root, -1, SOMEBODY)
    root.chmod(0o775)


@root_only
@pytest.mark.parametrize(
    "change",
    [
        _chown(), _chown(MARKER), _chown(".."), _chmod(0o777), _chmod(0o1777),
        _chmod(0o666, MARKER), _chmod(0o777, ".."), _group,
    ],
)  # fmt: skip
def test_where_somebody_else_may_have_made_it_warmboot_stops(
    root: Path, change: Callable[[Path], None]
) -> None:
    change(root)
    with pytest.raises(Blocked):
        is_sandbox(root)
    for command in (["list"], ["stage", "vmlinuz-6.12.1"], ["status"]):
        assert main(["--root", str(root), *command]) == ExitCode.BLOCKED
        assert main(["--root", str(root), "--json", *command]) == ExitCode.BLOCKED
    assert main(["sandbox", str(root)]) == ExitCode.BLOCKED
    assert not (root / "run/warmboot").exists()


@root_only
def test_a_place_that_others_may_exchange_is_no_place_for_a_new_one(root: Path) -> None:
    root.parent.chmod(0o777)
    assert main(["sandbox", str(root.parent / "new")]) == ExitCode.BLOCKED
    root.parent.chmod(0o1777)  # as /tmp is
    assert main(["sandbox", str(root.parent / "new")]) == ExitCode.OK


def _sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 40)


@pytest.mark.parametrize(
    "make",
    [
        os.mkfifo, Path.mkdir, Path.touch, _sparse,
        lambda path: path.write_text("[" * 4000),
        lambda path: path.write_text("{" * 100_000),
        lambda path: path.write_text('{"warmboot-sandbox": 99}'),
        lambda path: path.write_text("[]"),
        lambda path: path.write_bytes(b"\xff\x00"),
        lambda path: path.symlink_to("/dev/zero"),
        lambda path: path.symlink_to("nowhere"),
        lambda path: path.symlink_to(MARKER),
    ],
)  # fmt: skip
def test_where_the_marker_does_not_tell_warmboot_stops(
    root: Path, make: Callable[[Path], object]
) -> None:
    (root / MARKER).unlink()
    make(root / MARKER)
    assert main(["--root", str(root), "list"]) == ExitCode.BLOCKED


def test_without_a_descriptor_to_look_with_warmboot_stops(root: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    held: list[int] = []
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, limits[1]))
        while True:
            held.append(os.open("/", os.O_RDONLY))
    except OSError:
        with pytest.raises(Blocked):
            is_sandbox(root)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        for fd in held:
            os.close(fd)


@pytest.fixture
def outside(tmp_path: Path) -> Iterator[Path]:
    """Give a folder of files outside the root, which must not change."""
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "file").write_text(SECRET)
    yield folder
    assert [path.name for path in folder.iterdir()] == ["file"]
    assert (folder / "file").read_text() == SECRET


#: What is written in the course of staging, a countdown, a restart and an unload.
WRITTEN = (
    "sys/kernel/kexec_loaded", "sys/kernel/.kexec_loaded.new", ".warmboot-kernel/staged.json",
    ".warmboot-kernel/.staged.json.new", "proc/cmdline", "proc/.cmdline.new", "run/warmboot/lock",
    "run/warmboot/countdown.json", "var/lib/warmboot/journal.jsonl",
    "var/lib/warmboot/journal.jsonl.1", "run/warmboot/journal.jsonl",
    "proc/sys/kernel/.osrelease.new", "proc/sys/kernel/kexec_load_limit_reboot",
)  # fmt: skip


def run_everything(root: Path) -> list[int]:
    """Do all that writes; what is planted may make it fail, never an exception."""
    steps = (["stage", "vmlinuz-6.12.1"], ["exec", "--yes", "--in", "10m"], ["exec", "--cancel"],
             ["status"], ["doctor"], ["cmdline"], ["list"],
             ["exec", "--yes", "--whatever-is-staged"], ["unload"])  # fmt: skip
    return [main(["--root", str(root), *step]) for step in steps]


@pytest.mark.parametrize("name", WRITTEN)
@pytest.mark.parametrize("kind", ["link", "hard link", "folder link", "new name"])
def test_nothing_is_written_through_a_planted_link(
    root: Path, outside: Path, name: str, kind: str
) -> None:
    place = root / name
    if kind == "folder link":
        if place.parent.is_dir():
            shutil.rmtree(place.parent)
        place.parent.parent.mkdir(parents=True, exist_ok=True)
        place.parent.symlink_to(outside)
    else:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.unlink(missing_ok=True)
        if kind == "hard link":
            os.link(outside / "file", place)
        else:
            place.symlink_to(outside / ("file" if kind == "link" else "new"))
    run_everything(root)


@pytest.mark.parametrize(
    "name",
    ["proc/cmdline", "dev/kmsg", "proc/sys/kernel/osrelease", "boot/config-6.1.0", "proc/swaps",
     "etc/os-release", "run/systemd/sessions/3", "var/lib/warmboot/journal.jsonl"],
)  # fmt: skip
def test_nothing_outside_is_shown(
    root: Path, outside: Path, name: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).unlink(missing_ok=True)
    (root / name).symlink_to(outside / "file")
    run_everything(root)
    target = tmp_path / "report.json"
    assert main(["--root", str(root), "report", "-o", str(target)]) == ExitCode.OK
    printed = capsys.readouterr()
    assert SECRET not in printed.out + printed.err + target.read_text()


VALUES = (b"", b"null", b"[]", b"{}", b"3", b'"x"', b"[" * 5000, b"{" * 70_000, b"\xff", b"\0" * 50,
          b'{"pid": 1e999, "started": 1, "command": 3, "since": -1e400, "id": [], "at": "x"}',
          b'{"id": "x", "at": 1e308, "since": NaN, "uid": {}, "pid": -1, "started": true}',
          b'{"event": [], "at": {}, "boot_id": 3, "seq": "x", "staged": 7}',
          b'{"event": "staged", "at": 1e999, "boot_id": null, "staged": {"initrds": 3}}',
          b'{"release": [], "cmdline": 3}', b'{"release": "x"}')  # fmt: skip


@pytest.mark.parametrize(
    "name",
    ["run/warmboot/lock", "run/warmboot/countdown.json", "var/lib/warmboot/journal.jsonl",
     "run/warmboot/journal.jsonl", ".warmboot-kernel/staged.json", "proc/uptime", "proc/meminfo",
     "proc/sys/kernel/kexec_load_limit_reboot"],
)  # fmt: skip
def test_a_broken_state_file_is_never_an_exception(root: Path, name: str) -> None:
    for value in VALUES:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(value)
        for code in run_everything(root):
            assert code in set(ExitCode) - {ExitCode.BUG}


def test_what_was_set_aside_is_said(root: Path) -> None:
    journal = root / "var/lib/warmboot/journal.jsonl"
    journal.parent.mkdir(parents=True)
    journal.write_bytes(b'{"event": []}\n')
    (root / "run/warmboot").mkdir(parents=True)
    (root / "run/warmboot/countdown.json").write_text('{"id": 3}')
    problems = open_session(root).status().problems
    assert len(problems) == 2
    assert "1 line of the journal cannot be read" in problems


def test_a_damaged_staged_kernel_is_not_started(root: Path) -> None:
    assert main(["--root", str(root), "stage", "vmlinuz-6.12.1"]) == ExitCode.OK
    (root / ".warmboot-kernel/staged.json").write_text('{"release": 3}')
    with pytest.raises(WarmbootError, match="damaged"):
        open_session(root).loader.execute()


@root_only
def test_as_root_a_user_s_modules_and_programs_are_not_run(root: Path, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    planted = tmp_path / "planted"
    planted.mkdir()
    for name in ("json", "asn1crypto", "textual"):
        (planted / f"{name}.py").write_text(f"open({str(ran)!r}, 'a').write({name!r})")
    for name in ("systemctl", "kexec", "wall", "systemd-run", "clang", "bpftool", "sbsign"):
        (planted / name).write_text(f"#!/bin/sh\necho {name} >> {ran}\n")
        (planted / name).chmod(0o755)
    script = Path(sys.executable).with_name("warmboot")
    environment = {
        **os.environ,
        "PYTHONPATH": str(planted),
        "PATH": f"{planted}:{os.environ['PATH']}",
    }
    image = root / "boot/vmlinuz-6.12.1"
    for words in (["list", "--json"], ["doctor"], ["bpf", "build", str(image), "-o", os.devnull]):
        for program in ([str(script)], [sys.executable, "-c", _ENTRY]):
            command = [*program, "--root", str(root), *words]
            subprocess.run(command, env=environment, check=False, capture_output=True, cwd=planted)
    assert not ran.exists()


_ENTRY = "import sys; sys.path.pop(0); from warmboot.tui.entry import run; sys.exit(run())"


def test_the_marker_is_what_a_sandbox_is_made_with(root: Path) -> None:
    assert json.loads((root / MARKER).read_text())["warmboot-sandbox"] == 1
    assert stat.S_ISREG((root / MARKER).stat().st_mode)
