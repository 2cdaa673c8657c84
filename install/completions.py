"""Completions for bash, zsh and fish, made from the parser of the command line by shtab.

``python install/completions.py FOLDER`` writes them. Entries are completed by asking
``warmboot list --names``, of the root that was typed before; checks by their names.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import shtab

from warmboot.core.plan.checks.registry import all_checks
from warmboot.tui.parser import make_parser

#: The name of each shell's file, as its package of completions wants it.
FILES = {"bash": "warmboot", "zsh": "_warmboot", "fish": "warmboot.fish"}

_ENTRIES = {
    "bash": "_warmboot_entries",
    "zsh": "_warmboot_entries",
    "fish": "(__warmboot_entries)",
}
_PREAMBLE = {
    "bash": """\
# $1=the word to complete
_warmboot_entries() {
  local root=/ i
  for ((i = 1; i < COMP_CWORD; i++)); do
    [[ ${COMP_WORDS[i]} == --root ]] && root=${COMP_WORDS[i + 1]}
  done
  local IFS=$'\\n'
  compgen -W "$(warmboot --root "$root" list --names 2>/dev/null)" -- "$1"
  compgen -f -- "$1"
}
""",
    "zsh": """\
_warmboot_entries() {
  local root=/
  # All of the line: $words begins at the command.
  local -a names typed=(${(Q)${(z)LBUFFER}})
  local at=${typed[(I)--root]}
  ((at)) && root=${typed[at + 1]}
  names=("${(@f)$(warmboot --root "$root" list --names 2>/dev/null)}")
  _alternative 'entries:entry:compadd -a names' 'files:file:_files'
}
""",
    "fish": """\
function __warmboot_entries
    set -l root /
    set -l typed (commandline -opc)
    set -l at (contains -i -- --root $typed)
    and set root $typed[(math $at + 1)]
    warmboot --root $root list --names 2>/dev/null
    __fish_complete_path (commandline -ct)
end
""",
}


def completions(shell: str) -> str:
    """Return the file of completions for `shell`."""
    parser = make_parser([])
    checks = [check.id for check in all_checks()]
    for action in _actions(parser):
        if action.dest in ("entry", "image"):
            _complete(action, _ENTRIES)
        elif action.dest == "force":
            action.choices = checks
        elif action.dest in ("root", "directory"):
            _complete(action, shtab.DIRECTORY)
        elif action.metavar in ("FILE", "OBJ"):
            _complete(action, shtab.FILE)
    return str(shtab.complete(parser, shell, preamble=_PREAMBLE))


def write(folder: Path) -> None:
    """Write the files."""
    folder.mkdir(parents=True, exist_ok=True)
    for shell, name in FILES.items():
        (folder / name).write_text(completions(shell))


def _complete(action: argparse.Action, how: dict[str, str]) -> None:
    action.complete = how  # type: ignore[attr-defined]  # shtab's own


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for sub in action.choices.values():
                yield from _actions(sub)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
