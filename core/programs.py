"""Programs of the system: where they are looked for, what they are told, and how they are run.

As root nothing that a user sets decides which program runs, or what it reads: PATH and the like
come along with sudo -E and su.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from warmboot.core.values import NamedTuple

#: Folders that only root writes to, in this order; the last is NixOS'.
FOLDERS = (
    "/usr/sbin",
    "/usr/bin",
    "/sbin",
    "/bin",
    "/usr/local/sbin",
    "/usr/local/bin",
    "/run/current-system/sw/bin",
)
_KEPT = ("LANG", "LANGUAGE", "TERM", "TZ")
#: Runs a module out of a folder that Python does not look into by itself.
_FROM_FOLDER = (
    "import runpy,sys;sys.path.insert(0,sys.argv.pop(1));"
    "runpy.run_module(sys.argv.pop(1),run_name='__main__',alter_sys=True)"
)
_KEPT_AS_USER = ("HOME", "LOGNAME", "TMPDIR", "USER", "XDG_RUNTIME_DIR")


def find_program(name: str) -> str | None:
    """Return the path of a program, None where it is not installed.

    Root's are looked for in FOLDERS only, a user's where PATH leads too.
    """
    import shutil  # slow to import

    folders = list(FOLDERS)
    if os.geteuid() != 0:
        folders = [*filter(os.path.isabs, os.environ.get("PATH", "").split(":")), *folders]
    return shutil.which(name, path=":".join(folders))


def own_program(module: str) -> list[str]:
    """Return the command that starts a module of ours as a program, whatever a user sets.

    The Debian package has them in a folder where Python does not find them by itself; the rescue
    build is no Python, and takes the same words.
    """
    if not getattr(sys, "frozen", False):
        import site

        folder = str(Path(__file__).parents[2])
        if folder not in site.getsitepackages():
            return [sys.executable, "-I", "-c", _FROM_FOLDER, folder, module]
    return [sys.executable, "-I", "-m", module]


def environment() -> dict[str, str]:
    """Return the environment of programs that we run."""
    kept = _KEPT if os.geteuid() == 0 else (*_KEPT, *_KEPT_AS_USER)
    found = {name: os.environ[name] for name in kept if name in os.environ}
    found |= {name: text for name, text in os.environ.items() if name.startswith("LC_")}
    return {**found, "PATH": ":".join(FOLDERS)}


#: What every program keeps that is run now; see all_keep.
_KEPT_OPEN: list[int] = []


@contextmanager
def all_keep(fd: int) -> Iterator[None]:
    """Have every program that `run` starts meanwhile keep the descriptor `fd`.

    Whoever reads the other end of a pipe learns so from its end that they are all gone too.
    """
    _KEPT_OPEN.append(fd)
    try:
        yield
    finally:
        _KEPT_OPEN.remove(fd)


class Finished(NamedTuple):
    """What a program that has ended left: its exit code (below 0: the signal), and its output."""

    code: int
    out: str
    errors: str


def run(
    words: Sequence[str | bytes],
    seconds: float,
    *,
    more: Mapping[str, str] | None = None,
    passed: Sequence[int] = (),
    folder: Path | None = None,
    own_session: bool = False,
) -> Finished:
    """Run a program, which has nothing to read, until it ends.

    `more` is added to its environment; it keeps the descriptors `passed`. In an `own_session`
    neither Ctrl-C nor a dropped line reaches it, and there is no terminal to ask on. Raises OSError
    where it cannot be started; TimeoutError, which is one, where it takes longer than `seconds`,
    after which it is killed.
    """
    import subprocess  # slow to import

    try:
        done = subprocess.run(
            words,
            env={**environment(), **(more or {})},
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="backslashreplace",
            timeout=seconds,
            check=False,
            pass_fds=(*passed, *_KEPT_OPEN),
            start_new_session=own_session,
        )
    except subprocess.TimeoutExpired as error:
        raise TimeoutError(f"it did not end within {seconds:g} s") from error
    return Finished(done.returncode, done.stdout, done.stderr)
