"""The rescue build, run where there is nothing but a kernel, busybox and the C library."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from support.archives import unpack
from support.emulator import emulate

from warmboot.core.sandbox.tree import create_sandbox

from .fetch import REPOSITORY, Arch
from .initramfs import busybox
from .rescue import build, rescue_build
from .test_install import copy_sources

TIMEOUT = 300.0
pytestmark = pytest.mark.timeout(1200)
APPLETS = (
    *("cat", "chmod", "cp", "grep", "gzip", "id", "ls", "mkdir", "readlink", "rm", "sh"),
    *("sleep", "tail", "tar"),
)
PROGRAM = "/usr/lib/warmboot-rescue/warmboot"
#: The running machine's C library, by the loader's own list: all that the build may need.
C_LIBRARY = re.compile(r"/(ld-linux[^/]*|lib(c|m|dl|rt|util|pthread))\.so[.0-9]*$")


@pytest.fixture(scope="module")
def made() -> dict[str, Path]:
    """Return what `make rescue` made."""
    return rescue_build()


class Bare:
    """A system of busybox and the C library; its root is read-only, and its /tmp runs nothing."""

    def __init__(self, root: Path, made: dict[str, Path]) -> None:
        self.root = root
        for name in ("bin", "tmp", "proc", "dev", "usr/lib", "sysroot", "run"):
            (root / name).mkdir(parents=True)
        shutil.copy(busybox(Arch.AMD64), root / "bin/busybox")
        unpack(made[".tar.xz"], root / "usr/lib")
        shutil.copy(made[""], root / "warmboot-single")
        for path in self._libraries():
            (root / path[1:]).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, root / path[1:])
        create_sandbox(root / "sysroot")
        for applet in APPLETS:
            (root / "bin" / applet).symlink_to("busybox")
        self.kernel = next((root / "sysroot/boot").glob("vmlinuz-*")).relative_to(root)

    def _libraries(self) -> set[str]:
        files = [self.root / PROGRAM[1:], *(self.root / "usr/lib").rglob("*.so*")]
        said = subprocess.run(["ldd", *files], capture_output=True, text=True, check=False).stdout
        return {path for path in re.findall(r"(/\S+) \(0x", said) if C_LIBRARY.search(path)}

    def command(self, *words: str, mount: str = "tmp -o noexec") -> list[str]:
        """Return what runs a program in it, with no variable but TERM; `mount` is in memory."""
        steps = [
            "set -e",
            f"mount --bind {self.root} {self.root}",
            f"mount -o remount,bind,ro {self.root}",
            f"mount -t proc proc {self.root}/proc",
            f"mount -t tmpfs none {self.root}/{mount}",
            f"mount -t tmpfs none {self.root}/dev",
            *(f"mknod -m 666 {self.root}/dev/{name}" for name in ("null c 1 3", "tty c 5 0")),
            f'exec chroot {self.root} /bin/busybox env -i TERM=linux "$@"',
        ]
        return ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c",
                "\n".join(steps), "-", *words]  # fmt: skip

    def run(self, *words: str, mount: str = "tmp -o noexec", code: int | None = 0) -> str:
        """Run a program in it and return what it said; standard error, where it is to fail."""
        done = subprocess.run(
            self.command(*words, mount=mount),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )
        assert code in (None, done.returncode), done.stdout[-2000:] + done.stderr[-2000:]
        return done.stderr if code else done.stdout


@pytest.fixture(scope="module")
def bare(made: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Bare:
    """Return a bare system with both builds in it."""
    return Bare(tmp_path_factory.mktemp("bare") / "root", made)


def program(bare: Bare, words: Sequence[str]) -> str:
    return bare.run(PROGRAM, *words)


def test_the_folder_runs_with_nothing_but_the_c_library(bare: Bare) -> None:
    assert program(bare, ["--version"]).startswith("warmboot ")
    listed = json.loads(program(bare, ["--root", "/sysroot", "list", "--json"]))
    assert len(listed["entries"]) > 5
    assert "vmlinuz" in program(bare, ["--root", "/sysroot", "inspect", f"/{bare.kernel}"])
    checks = json.loads(bare.run(PROGRAM, "--root", "/sysroot", "doctor", "--json", code=None))
    assert len(checks["findings"]) > 20


def test_the_screen_shows_its_first_frame(bare: Bare) -> None:
    with emulate(Path("/sysroot"), program=bare.command(PROGRAM)) as screen:
        screen.see("6.17.8-sandbox")
        screen.press("?")  # another screen, and the sheet that it needs
        screen.see("see what loading")
        screen.press("escape")
        screen.wait(lambda: "see what loading" not in screen.text, "the list again")
        screen.press("q")
        assert screen.wait_for_end() == 0


def test_the_single_file_unpacks_itself_where_programs_may_run(bare: Bare) -> None:
    refused = bare.run("/warmboot-single", "--version", code=9)
    assert "where programs may run" in refused
    listed = ["--root", "/sysroot", "list", "--names"]
    left = 'code=0; "$@" || code=$?; ls /run; exit $code'
    said = bare.run("/bin/sh", "-c", left, "-", "/warmboot-single", *listed, mount="run")
    assert said == program(bare, listed)  # and nothing is left in /run


def test_what_the_single_file_starts_outlives_it(bare: Bare) -> None:
    """A restart for later is waited for by a process of its own, whose folder is its own, too."""
    later = (
        "set -e; cp -r /sysroot /run/machine; w='/warmboot-single --root /run/machine'\n"
        "$w stage --default; $w exec --yes --in 2s\n"
        "cd /run/machine\n"
        "while ! grep -q executed var/lib/warmboot/journal.jsonl; do sleep 1; done\n"
        "cat proc/sys/kernel/osrelease"
    )
    said = bare.run("/bin/sh", "-c", later, mount="run")
    assert said.endswith("6.17.8-sandbox\n")


def test_all_that_is_inside_is_listed(made: dict[str, Path], bare: Bare) -> None:
    bill = json.loads(made[".cdx.json"].read_text())
    named = {part["name"]: part for part in bill["components"]}
    assert {"python", "textual", "zstandard", "openssl", "pyinstaller"} <= named.keys()
    home = bare.root / "usr/lib/warmboot-rescue"
    text = (home / "CONTENTS").read_text()
    for name, part in named.items():
        assert f"{name} " in text
        assert part.get("licenses"), name
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    fault = JsonStrictValidator(SchemaVersion.V1_6).validate_str(made[".cdx.json"].read_text())
    assert fault is None
    # Nothing tells where it was built.
    for path in filter(Path.is_file, home.rglob("*")):
        assert str(REPOSITORY).encode() not in path.read_bytes(), path


@pytest.mark.slow_guest
def test_two_builds_are_the_same_bytes(made: dict[str, Path], tmp_path: Path) -> None:
    """In another folder, another time zone and language, by another home."""
    source = tmp_path / "elsewhere/warmboot"
    copy_sources(source)
    subprocess.run(["cp", "-a", REPOSITORY / ".venv", source / ".venv"], check=True)
    other = {"TZ": "Asia/Tokyo", "LANG": "de_DE.UTF-8", "HOME": "/nonexistent"}
    again = build(source, tmp_path / "made", **other)
    for end, path in made.items():
        assert again[end].read_bytes() == path.read_bytes(), path.name
