"""The parser of the command line, made of the tables in arguments.py."""

from __future__ import annotations

import argparse
import functools
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from warmboot.core.errors import ExitCode, WrongArgument
from warmboot.core.hints import NoReturn
from warmboot.core.version import VERSION
from warmboot.tui.arguments import BPF_COMMANDS, COMMANDS, Command

#: What each exit code means, in the words of the help and of warmboot(8).
EXIT_CODES = {
    ExitCode.OK: "done",
    ExitCode.BUG: "fault in warmboot",
    ExitCode.USAGE: "wrong arguments",
    ExitCode.NOT_FOUND: "not found",
    ExitCode.BAD_IMAGE: "image unreadable or damaged",
    ExitCode.NOT_PERMITTED: "not permitted",
    ExitCode.BLOCKED: "blocked before anything was tried",
    ExitCode.REFUSED: "refused by the kernel",
    ExitCode.NOTHING_STAGED: "nothing staged",
    ExitCode.SYSTEM: "the system failed",
    ExitCode.UNCONFIRMED: "not confirmed",
    ExitCode.RESTART_NEEDED: "a restart is needed (needs-restart)",
    ExitCode.NOT_BACK: "not back in time (wait)",
    ExitCode.ELSEWHERE: "back, but not in what was meant (wait)",
    ExitCode.CANCELLED: "cancelled",
}


def _formatter(prog: str) -> argparse.HelpFormatter:
    """Return what puts help into lines. argparse makes one for every option that is added."""
    return argparse.RawDescriptionHelpFormatter(prog, width=_width())


@functools.cache
def _width() -> int:
    """Return the columns for help, as argparse has them of shutil, which takes 2 ms to load."""
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns) > 0:
        return int(columns) - 2
    try:
        return (os.get_terminal_size(sys.__stdout__.fileno()).columns if sys.__stdout__ else 80) - 2
    except (OSError, ValueError):
        return 78


#: argparse would look for its words in the operator's language, and warmboot speaks English.
argparse._ = str  # type: ignore[attr-defined]


class _Answering(argparse.ArgumentParser):
    """Raises WrongArgument for the caller to answer, where others print and exit."""

    def error(self, message: str) -> NoReturn:
        raise WrongArgument(message, hint=f"{self.prog} --help shows what there is.")


def make_parser(arguments: Sequence[str]) -> argparse.ArgumentParser:
    """Return the parser. Where a command is among the arguments, only its options are made.

    Where an answer in JSON is wanted, wrong arguments raise WrongArgument.
    """
    kind = _Answering if wants_json(arguments) else argparse.ArgumentParser
    parser = kind(
        prog="warmboot",
        description="Restart this machine straight into another kernel, without firmware.",
        epilog=_epilog(),
        formatter_class=_formatter,
    )
    _add_shared(parser, Path("/"), False)
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version and exit")
    parser.add_argument(
        "--slow", action="store_true", help="full-screen program: draw little, as over a slow line"
    )
    parser.set_defaults(run="screen.run")
    _add_commands(parser, COMMANDS, arguments)
    return parser


def _epilog() -> str:
    lines = [f"  {int(code):>3}  {meaning}" for code, meaning in EXIT_CODES.items()]
    return "\n".join(
        ["Without a command the full-screen program starts.", "", "exit codes:", *lines]
    )


def wants_json(arguments: Sequence[str]) -> bool:
    """Whether --json is among the arguments, in full or as short as argparse takes it."""
    options = arguments[: arguments.index("--")] if "--" in arguments else arguments
    return any(len(word) > 2 and "--json".startswith(word) for word in options)


def root_among(arguments: Sequence[str]) -> Path:
    """Return the boot root that arguments name, / where they name none, be they right or not."""
    parser = _Answering(add_help=False)
    parser.add_argument("--root", type=Path, default=Path("/"))
    try:
        return Path(parser.parse_known_args(arguments)[0].root)
    except WrongArgument:
        return Path("/")


def _add_commands(
    parser: argparse.ArgumentParser,
    commands: dict[str, Command],
    arguments: Sequence[str],
    *,
    required: bool = False,
) -> None:
    group = parser.add_subparsers(
        metavar="COMMAND", title="commands", required=required, prog=parser.prog
    )
    named = [name for name in commands if name in arguments]
    for name in named or commands:
        run, text, add = commands[name]
        sub = group.add_parser(name, help=text, description=text, formatter_class=_formatter)
        _add_shared(sub, argparse.SUPPRESS, argparse.SUPPRESS)
        sub.set_defaults(run=run)
        if run:
            add(sub)
        else:
            _add_commands(sub, BPF_COMMANDS, arguments, required=True)


def _add_shared(parser: argparse.ArgumentParser, root: Path | str, as_json: bool | str) -> None:
    """Add the options that stand before or behind a command, with their defaults."""
    parser.add_argument(
        "--root",
        type=Path,
        metavar="DIR",
        default=root,
        help="look for images below DIR (a mounted system, or a sandbox) instead of /",
    )
    parser.add_argument("--json", action="store_true", default=as_json, help="answer in JSON")
    parser.add_argument(
        "--debug",
        action="store_true",
        default=as_json,  # False, or left alone behind a command
        help="log to stderr what is read, decided and called",
    )


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        sys.stdout.write(f"warmboot {VERSION}\n")
        parser.exit()
