"""What commands take from their start to their end: processor time, and instructions.

Processor time is that of the process and the kernel for it, medians of turns; instructions are
those of the process by itself (valgrind), which a busy machine does not change.
"""

from __future__ import annotations

import os
import re
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from row import Row

import warmboot.core
from warmboot.core.sandbox.builders.kernel import build_arm64_image
from warmboot.core.sandbox.builders.zboot import build_zboot
from warmboot.core.sandbox.tree import create_sandbox

ROUNDS = 15
BARE = (sys.executable, "-I", "-c", "pass")
COMMAND = (sys.executable, "-I", "-c", "from warmboot.tui.entry import run; run()")
_COUNTED = ("valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null")


def start(folder: Path, zboot: Path | None) -> Iterator[Row]:
    """Yield what commands take over the bare interpreter; `zboot` is a real kernel if there is."""
    root = folder / "machine"
    create_sandbox(root)
    if zboot is None:
        zboot = folder / "zboot"
        kernel = build_arm64_image("6.12.0-bench", body_size=3 << 20)
        zboot.write_bytes(build_zboot(kernel, arch="arm64", method="gzip"))
    commands = {
        "--version": (("--version",), 2.5),
        "status": (("--root", str(root), "status"), 5.0),
        "list (9 entries)": (("--root", str(root), "list"), 5.0),
        f"inspect (zboot, {zboot.stat().st_size / 1e6:.1f} MB)": (("inspect", str(zboot)), 5.0),
    }
    spent = times([BARE, *((*COMMAND, *words) for words, _ in commands.values())])
    counted = [instructions(BARE), *(instructions((*COMMAND, *w)) for w, _ in commands.values())]
    against = "`python3 -I -c pass`"
    for (name, (_, bound)), mine, count in zip(
        commands.items(), spent[1:], counted[1:], strict=True
    ):
        yield Row(f"processor time of {name}", against, mine / spent[0], bound)
        told = count / counted[0] if count and counted[0] else None
        yield Row(f"… instructions of {name}", against, told, bound, text="no valgrind")
    yield from _without_compiled(folder, commands["list (9 entries)"][0], spent[3])


def _without_compiled(folder: Path, words: Sequence[str], usual: float) -> Iterator[Row]:
    """Yield what a list takes where warmboot has no compiled files, and none can be kept."""
    place = folder / "bare/warmboot"
    compiled = shutil.ignore_patterns("__pycache__")
    shutil.copytree(Path(warmboot.core.__path__[0]).parent, place, ignore=compiled)
    before = f"import sys; sys.path.insert(0, {str(place.parent)!r}); "
    (spent,) = times([(COMMAND[0], "-I", "-B", "-c", before + COMMAND[3], *words)], 5)
    yield Row("… of list, read-only and without compiled files", "with them", spent / usual, 2.0)


def times(commands: Sequence[Sequence[str]], rounds: int = ROUNDS) -> list[float]:
    """Return the processor seconds of each command, taken in turns; medians."""
    found: list[list[float]] = [[] for _ in commands]
    for _ in range(rounds):
        for command, spent in zip(commands, found, strict=True):
            spent.append(_time(command))
    return [statistics.median(spent) for spent in found]


def _time(command: Sequence[str]) -> float:
    with open(os.devnull, "wb") as nowhere:
        process = subprocess.Popen(command, stdout=nowhere, stderr=nowhere)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_utime + usage.ru_stime


def instructions(command: Sequence[str]) -> int | None:
    """Return how many instructions a command executes, None without valgrind(1)."""
    if shutil.which(_COUNTED[0]) is None:
        return None
    done = subprocess.run([*_COUNTED, *command], capture_output=True, text=True, check=False)
    found = re.search(r"I\s+refs:\s+([0-9,]+)", done.stderr)
    return int(found[1].replace(",", "")) if found else None
