"""What commands print: one JSON document for programs, plain lines for people."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

from warmboot.core.errors import NotPermitted, WrongArgument
from warmboot.core.hints import TYPE_CHECKING
from warmboot.core.images import Fact

if TYPE_CHECKING:
    from warmboot.core.session import Session
    from warmboot.core.session.images import Images

_answers: list[str] = []  # the documents of this run: at most one


def begin() -> None:
    """Begin a run: it has not given its answer yet."""
    _answers.clear()


@contextmanager
def done(session: Session) -> Iterator[None]:
    """Print what was done, to the end: a signal, as systemd sends it, stops that no more."""
    with session.answering():
        yield
        sys.stdout.flush()


def say_before(lines: Iterable[str]) -> None:
    """Print what is said before a deed that was ordered: it is done though nobody reads that."""
    with suppress(BrokenPipeError):
        write_lines(lines)
        sys.stdout.flush()


def silence() -> None:
    """Let what was not written be forgotten: Python would complain once more at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def write_json(answer: Mapping[str, object]) -> None:
    """Print the answer of this run; see warmboot-json(5) and warmboot.tui.present.answers.

    A person gets it with indents, which is slow; a program on one line.
    """
    import json

    indent = 2 if sys.stdout.isatty() else None
    write_document(json.dumps(answer, indent=indent, allow_nan=False) + "\n")


def write_document(text: str) -> None:
    """Print the one JSON document of this run.

    A second one, of an error or a signal that comes while the first is printed, is left out.
    """
    if not _answers:
        _answers.append(text)
        sys.stdout.write(text)


def write_lines(lines: Iterable[str]) -> None:
    """Print lines."""
    for line in lines:
        sys.stdout.write(line + "\n")


def write_facts(facts: Iterable[Fact]) -> None:
    """Print label and value columns."""
    rows = list(facts)
    width = max((len(fact.label) for fact in rows), default=0)
    write_lines(f"{fact.label:<{width}}  {fact.value}".rstrip() for fact in rows)


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows in aligned columns, the last column as long as it is."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    widths[-1:] = [0]
    return [
        "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def target(options: argparse.Namespace, *, answers: bool = False) -> Path:
    """Return where ``-o`` leads; raises WrongArgument where it cannot be written to.

    Nothing is done before that is known. With ``--json``, standard output has room for one answer;
    `answers`: the file itself is that answer.
    """
    from warmboot.core.outfile import check_target

    path = Path(options.output) if str(options.output) else Path("/")
    check_target(path)
    if options.json and streams(path) and not answers:
        raise WrongArgument(
            "The file and the answer in JSON cannot both go to standard output",
            hint="Name a file with -o, or leave --json out.",
        )
    return path


def streams(path: Path) -> bool:
    """Whether `path` stands for what is open, such as standard output."""
    from warmboot.core.outfile import descriptor

    return descriptor(path) is not None


def about(path: Path) -> AbstractContextManager[object]:
    """Let what is printed about a file that goes to standard output not go there too."""
    import contextlib

    if streams(path):
        return contextlib.redirect_stdout(sys.stderr)
    return contextlib.nullcontext()


def banner(asked: Session | Images) -> None:
    """Say on stderr that a machine is simulated, before anything else."""
    if asked.simulated:
        complain("simulated machine: nothing here touches the real kernel\n")


def complain(text: str) -> bool:
    """Write to stderr; False where nobody reads it any more: that is no reason to stop."""
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except OSError:
        return False
    return True


def warn(warning: str | None) -> None:
    """Say on stderr what did not go as it should have."""
    if warning:
        complain(f"warmboot: {warning}\n")


def need_privilege(session: Session) -> None:
    """Raise NotPermitted where this user may neither restart nor unload."""
    if not session.host.privileged:
        raise NotPermitted(
            "This user may not restart or unload kernels (CAP_SYS_BOOT is missing)",
            hint="Run warmboot as root: sudo warmboot.",
        )
