"""The commands of warmboot-bpf(7), taken out of the page and run as they are written."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from support.tools import ROOT

PAGE = ROOT / "man/warmboot-bpf.7"


def sections() -> list[str]:
    """The names of the page's sections."""
    return re.findall(r"^\.Sh (.*)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)


def commands_of(section: str) -> list[str]:
    """The commands in a section's displays, one for each, as a shell takes them."""
    text = PAGE.read_text(encoding="utf-8")
    body = text.partition(f".Sh {section}\n")[2].partition("\n.Sh ")[0]
    displays = re.findall(r"^\.Bd -literal.*\n((?:.*\n)*?)^\.Ed", body, re.MULTILINE)
    lines = "".join(displays).replace(r"\e", "\\").replace("\\\n", " ").splitlines()
    return [" ".join(line.split()) for line in lines]


def run_commands(commands: Sequence[str], folder: Path) -> list[str]:
    """Run lines of the page in a folder; return what each says. Each must succeed."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    said = []
    for command in commands:
        done = subprocess.run(
            ["sh", "-c", command],
            cwd=folder,
            env={**os.environ, "PATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        said.append(done.stdout + done.stderr)
    return said
