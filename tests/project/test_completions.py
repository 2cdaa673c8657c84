"""Completions, in the shells themselves."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from support.tools import needs_tool

from warmboot.core.sandbox.tree import create_sandbox

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "install/completions"

BASH = """\
source {folder}/warmboot
COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
COMP_LINE="${{COMP_WORDS[*]}}"; COMP_POINT=${{#COMP_LINE}}
_shtab_warmboot; printf '%s\\n' "${{COMPREPLY[@]}}"
"""
#: Folder of the completions, then lines; prints the last word of each as it stands after Tab.
ZSH = """\
zmodload zsh/zpty
zpty shell 'TERM=dumb zsh -fi'
zpty -w shell "PS1=; fpath=($1 \\$fpath); autoload -Uz compinit; compinit -u -D; unsetopt beep"
shift
for line; do
    zpty -w -n shell "$line"$'\\t'
    zpty -w -n shell $'\\C-aprint -rl -- BEGIN \\C-e END\\n'
    zpty -r shell said $'*BEGIN\\r\\n*\\r\\nEND\\r\\n*'
    words=(${(f)${said//$'\\r'}})
    print -r -- ${words[${words[(Ie)END]} - 1]}
done
zpty -d shell
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("completions") / "machine"
    create_sandbox(path)
    return path


def bash(words: str) -> list[str]:
    return run([needs_tool("bash"), "-c", BASH.format(folder=FOLDER, words=words)])


def fish(line: str) -> list[str]:
    script = f"source {FOLDER}/warmboot.fish; complete -C '{line}'"
    return [found.split("\t")[0] for found in run([needs_tool("fish"), "-c", script])]


def run(command: list[str]) -> list[str]:
    path = f"{ROOT}/.venv/bin:{os.environ['PATH']}"
    environment = {"PATH": path, "HOME": "/nonexistent", "TERM": "dumb"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.stdout.split("\n")[:-1]


def test_they_are_those_of_the_parser(tmp_path: Path) -> None:
    python = ROOT / ".venv/bin/python"
    subprocess.run([python, ROOT / "install/completions.py", tmp_path], check=True)
    for made in tmp_path.iterdir():
        assert made.read_text() == (FOLDER / made.name).read_text(), "run make manual"
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize("shell", ["bash", "fish"])
def test_commands_options_entries_and_checks_are_completed(shell: str, root: Path) -> None:
    complete = bash if shell == "bash" else fish
    assert "needs-restart" in complete("warmboot needs-r")
    assert "--dry-run" in complete("warmboot stage --dr")
    found = complete(f"warmboot --root {root} stage warmboot-6.1")
    assert set(found) >= {"warmboot-6.12.57-sandbox.conf", "warmboot-6.17.8-sandbox.conf"}
    assert "sessions" not in found
    assert complete("warmboot stage --force sess") == ["sessions"]


def test_zsh_completes_what_a_person_types(root: Path) -> None:
    """In a terminal of its own: what Tab leaves on the line is printed instead of run."""
    lines = {
        "warmboot needs-r": "needs-restart",
        "warmboot stage --dr": "--dry-run",
        f"warmboot --root {root} stage warmboot-6.17": "warmboot-6.17.8-sandbox.conf",
        "warmboot stage --force sess": "sessions",
    }
    said = run([needs_tool("zsh"), "-fc", ZSH, "-", str(FOLDER), *lines])
    assert said == list(lines.values())
