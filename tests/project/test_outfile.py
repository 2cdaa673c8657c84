"""Writing a file: what is there stays unless it is a file, what is open is written to."""

from __future__ import annotations

import contextlib
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from support.machines import ARM64, ZBOOT

from warmboot.core.errors import ExitCode, WarmbootError, WrongArgument
from warmboot.core.outfile import OutFile
from warmboot.core.sandbox.tree import create_sandbox
from warmboot.tui.cli import main


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "image"
    path.write_bytes(ZBOOT)
    return path


def commands(root: Path, image: Path) -> list[list[str]]:
    """Return every command that takes -o, without its value."""
    base = ["--root", str(root)]
    return [
        [*base, "extract", str(image), "-o"],
        [*base, "report", "-o"],
        [*base, "bpf", "build", str(image), "--dialect", "v6", "-o"],
        [*base, "bpf", "envelope", str(image), "--dialect", "v7", "-o"],
    ]


def _make(kind: str, path: Path) -> None:
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "device":
        os.mknod(path, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    else:
        path.with_name("elsewhere").write_bytes(b"kept")
        path.symlink_to("elsewhere" if kind == "link" else "nowhere")


@pytest.mark.parametrize("kind", ["pipe", "folder", "device", "link", "dangling link"])
def test_what_is_no_regular_file_is_never_replaced(
    tmp_path: Path, image: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    create_sandbox(tmp_path / "machine")
    place = tmp_path / "there"
    try:
        _make(kind, place)
    except PermissionError:
        pytest.skip("only root makes a device node")
    before = os.lstat(place)
    for command in commands(tmp_path / "machine", image):
        assert main([*command, str(place)]) == ExitCode.USAGE, command
        assert "only a regular file is replaced" in capsys.readouterr().err
    after = os.lstat(place)
    assert (after.st_ino, after.st_mode) == (before.st_ino, before.st_mode)
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []
    if kind == "link":
        assert (tmp_path / "elsewhere").read_bytes() == b"kept"


@pytest.mark.parametrize(
    "name", ["", ".", "..", "/", "a\0b", "x" * 300, "gone/x", "\udcff\n", "x/"]
)
def test_any_name_gives_a_clear_answer(
    tmp_path: Path, image: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_sandbox(tmp_path / "machine")
    monkeypatch.chdir(tmp_path)
    for command in commands(tmp_path / "machine", image):
        assert main([*command, name]) in (ExitCode.OK, ExitCode.USAGE, ExitCode.SYSTEM), command


@pytest.mark.parametrize("length", [1, 250, 255])
def test_a_name_may_be_as_long_as_names_can_be(tmp_path: Path, length: int) -> None:
    with OutFile(tmp_path / ("x" * length)) as out:
        out.write(b"content")
        out.commit()
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"content"]


def test_what_comes_in_the_way_meanwhile_stays(tmp_path: Path) -> None:
    with contextlib.suppress(WrongArgument), OutFile(tmp_path / "x") as out:
        os.mkfifo(tmp_path / "x")
        out.commit()
    assert [stat.S_ISFIFO(path.lstat().st_mode) for path in tmp_path.iterdir()] == [True]


@pytest.mark.parametrize("name", ["-", "/dev/stdout", "/dev/fd/1"])
@pytest.mark.parametrize("mode", ["wb", "ab"])
def test_standard_output_is_written_to_as_it_is(
    tmp_path: Path, image: Path, name: str, mode: str
) -> None:
    create_sandbox(tmp_path / "machine")
    program = [sys.executable, "-m", "warmboot.tui.cli"]
    for number, command in enumerate(commands(tmp_path / "machine", image)):
        path = tmp_path / f"out-{number}"
        path.write_bytes(b"before")
        with path.open(mode) as out:
            done = subprocess.run([*program, *command, name], stdout=out, check=False)
        assert done.returncode == ExitCode.OK
        kept = b"before" if mode == "ab" else b""
        content = path.read_bytes()
        assert content.startswith(kept)
        if "extract" in command:
            assert content == kept + ARM64
        if "bpf" in command:
            assert content[len(kept) :][:4] in (b"\x7fELF", ZBOOT[:4], b"MZ\0\0")
        assert path.lstat().st_nlink == 1
        json = subprocess.run(
            [*program, *command, name, "--json"], capture_output=True, check=False
        )
        # A report is the one JSON document of its run.
        expected = ExitCode.OK if "report" in command else ExitCode.USAGE
        assert json.returncode == expected


def test_a_pipe_gets_everything_and_stays(tmp_path: Path, image: Path) -> None:
    got: list[bytes] = []
    reading, writing = os.pipe()

    def read() -> None:
        with open(reading, "rb") as file:
            got.append(file.read())

    reader = threading.Thread(target=read)
    reader.start()
    command = [sys.executable, "-m", "warmboot.tui.cli", "extract", str(image), "-o", "/dev/stdout"]
    done = subprocess.run(command, stdout=writing, check=False)
    os.close(writing)
    reader.join()
    assert (done.returncode, got) == (ExitCode.OK, [ARM64])


@pytest.mark.parametrize("closed", [(1,), (0, 1, 2), (2,)])
def test_closed_standard_streams_are_missed_and_not_filled_by_files(
    tmp_path: Path, image: Path, closed: tuple[int, ...]
) -> None:
    create_sandbox(tmp_path / "machine")

    def close() -> None:
        for fd in closed:
            os.close(fd)

    program = [sys.executable, "-m", "warmboot.tui.cli", "--root", str(tmp_path / "machine")]
    for words in (["list"], ["list", "--json"], ["status"], ["extract", str(image), "-o", "-"]):
        done = subprocess.run(
            [*program, *words],
            preexec_fn=close,
            stderr=None if 2 in closed else subprocess.PIPE,
            check=False,
        )
        assert done.returncode == (ExitCode.SYSTEM if 1 in closed else ExitCode.OK), words
        assert b"Traceback" not in (done.stderr or b"")


def test_a_full_disk_leaves_no_draft(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(WarmbootError), OutFile(tmp_path / "x") as out:
        out.write(b"1")
    assert list(tmp_path.iterdir()) == []
