"""The SYNOPSIS of warmboot(8), made from the parser of the command line, as mdoc(7)."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from warmboot.tui.arguments import BPF_COMMANDS, COMMANDS, Command

_SHARED = ".Op Fl -root Ar DIR"


def synopsis() -> str:
    """Return every command with its options, in the order of ``warmboot --help``."""
    lines = [".Nm", _SHARED]
    for words, command in _commands():
        lines += [".Nm", _SHARED, ".Op Fl -json", f".Cm {words}"]
        lines += _options(_parser_of(command))
    return "\n".join(lines)


def _commands() -> Iterator[tuple[str, Command]]:
    for name, command in COMMANDS.items():
        if command.run:
            yield name, command
        else:
            yield from ((f"{name} {one}", row) for one, row in BPF_COMMANDS.items())


def _parser_of(command: Command) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(add_help=False)
    command.add(parser)
    return parser


def _options(parser: argparse.ArgumentParser) -> list[str]:
    """Return the options one a line, what excludes one another together, then the arguments."""
    groups = parser._mutually_exclusive_groups  # argparse has no public way to them
    together = {id(action): group for group in groups for action in group._group_actions}
    lines: list[str] = []
    said: set[int] = set()
    last: list[str] = []
    for action in parser._actions:
        group = together.get(id(action))
        members = [action] if group is None else group._group_actions
        shown = [_one(one) for one in members if one.help is not argparse.SUPPRESS]
        if id(members[0]) in said or not shown:
            continue
        said.add(id(members[0]))
        needed = action.required and action.nargs != "*" if group is None else group.required
        text = " | ".join(shown)
        line = f".{text}" if needed else f".Op {text}"
        (lines if any(one.option_strings for one in members) else last).append(line)
    return lines + last


def _one(action: argparse.Action) -> str:
    """Return an option or an argument without its dot, as mdoc macros."""
    if not action.option_strings:
        dots = " ..." if action.nargs == "*" else ""
        return f"Ar {action.metavar or action.dest.upper()}{dots}"
    flag = max(action.option_strings, key=len) if len(action.option_strings) > 1 else None
    short = action.option_strings[0]
    name = f"Fl {(short if flag and not short.startswith('--') else flag or short)[1:]}"
    if action.choices is not None:
        return f"{name} Cm {' | '.join(map(str, action.choices))}"
    if action.nargs == 0:
        return name
    words = action.metavar if isinstance(action.metavar, tuple) else (action.metavar or "ARG",)
    return f"{name} Ar {' '.join(words)}"
