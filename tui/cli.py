"""The ``warmboot`` command: arguments in, one function called, one exit code out."""

from __future__ import annotations

import argparse
import errno
import importlib
import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from warmboot.core.errors import ExitCode, Refused, WarmbootError
from warmboot.core.sandbox.marker import is_sandbox
from warmboot.tui.schema import SCHEMA

_EPILOG = """\
Without a command the full-screen program starts.

exit codes:
  0 done  1 fault in warmboot  2 wrong arguments  3 not found  4 image unreadable or damaged
  5 not permitted  6 blocked before anything was tried  7 refused by the kernel
  8 nothing staged  9 the system failed  130 cancelled
"""
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EIO)  # EIO: the terminal has gone


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code; see ExitCode."""
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGHUP, _interrupt)
    try:
        code = _run(options)
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # the reader (head, less) has gone
        _silence()
        return int(ExitCode.OK)
    except OSError as error:
        if error.errno not in _NO_ROOM or error.filename is not None:
            raise
        _silence()
        sys.stderr.write(f"warmboot: The answer could not be written: {error.strerror}\n")
        sys.stderr.write("  What was asked for may have been done: see warmboot status.\n")
        return int(ExitCode.SYSTEM)


def _run(options: argparse.Namespace) -> int:
    try:
        module, _, function = options.run.partition(".")
        command = importlib.import_module(f"warmboot.tui.commands.{module}")
        return int(getattr(command, function)(options))
    except WarmbootError as error:
        _show(error, options)
        return int(error.exit_code)
    except KeyboardInterrupt:
        sys.stderr.write("\nwarmboot: cancelled\n")
        return int(ExitCode.CANCELLED)


def _silence() -> None:
    """Let what was not written be forgotten: Python would complain once more at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _show(error: WarmbootError, options: argparse.Namespace) -> None:
    log = error.log if isinstance(error, Refused) else ()
    if options.json:
        fields: dict[str, object] = {"message": error.message, "hint": error.hint}
        fields |= {"exit_code": int(error.exit_code), "kernel_log": list(log)}
        simulated = is_sandbox(options.root)
        answer = {"schema": SCHEMA, "simulated": simulated, "error": fields}
        sys.stdout.write(json.dumps(answer, indent=2) + "\n")
        return
    sys.stderr.write(f"warmboot: {error.message}\n")
    if error.hint:
        sys.stderr.write(f"  {error.hint}\n")
    if log:
        sys.stderr.write("  The kernel logged meanwhile:\n")
        sys.stderr.writelines(f"    {line}\n" for line in log)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="warmboot",
        description="Restart this machine straight into another kernel, without firmware.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[_shared(Path("/"), False)],
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version and exit")
    parser.set_defaults(run="screen.run")
    commands = parser.add_subparsers(metavar="COMMAND", title="commands")

    def command(name: str, run: str, text: str) -> argparse.ArgumentParser:
        parents = [_shared(argparse.SUPPRESS, argparse.SUPPRESS)]
        sub = commands.add_parser(name, parents=parents, help=text, description=text)
        sub.set_defaults(run=run)
        return sub

    command("list", "bootlist.run", "list what is installed")
    sub = command("inspect", "inspect.run", "show what is inside an image")
    sub.add_argument("image", metavar="IMAGE", help="path of an image, or an entry's name")
    sub.add_argument("--quick", action="store_true", help="read the header only, unpack nothing")
    sub.add_argument("--initrd", action="store_true", help="an entry's initrds, not its kernel")
    sub = command("extract", "extract.run", "unpack the kernel out of an image")
    sub.add_argument("image", metavar="IMAGE", help="path of an image, or an entry's name")
    sub.add_argument(
        "-o", "--output", metavar="FILE", required=True, help="where the kernel goes; - is stdout"
    )
    sub = command("cmdline", "cmdline.run", "show a command line, compared and checked")
    sub.add_argument("entry", nargs="?", metavar="ENTRY", help="name from warmboot list")
    _line_options(sub)
    _stage_options(command("stage", "stage.run", "load a kernel; the running system goes on"))
    sub = command("doctor", "doctor.run", "check this machine, and an entry; try nothing")
    sub.add_argument("entry", nargs="?", metavar="ENTRY", help="name from warmboot list")
    sub.add_argument("--kernel", metavar="FILE", help="a kernel image by its path")
    command("status", "status.run", "show what is staged and what this machine allows")
    sub = command("exec", "restart.execute", "restart into the staged kernel")
    sub.add_argument("--yes", action="store_true", help="do not ask for the host name")
    sub.add_argument("--now", action="store_true", help="sync and jump; stop no services")
    _exec_options(sub)
    sub = command("unload", "restart.unload", "take the staged kernel out again")
    sub.add_argument("--panic", action="store_true", help="take out the crash kernel instead")
    sub = command("report", "report.run", "write one file of evidence for a bug report")
    sub.add_argument("entry", nargs="?", metavar="ENTRY", help="add the plan for this entry")
    sub.add_argument("-o", "--output", metavar="FILE", help="where it goes; - is stdout")
    _bpf_commands(command("bpf", "", "parser programs for kernels that unpack images themselves"))
    sub = command("sandbox", "sandbox.run", "make a simulated machine to try everything on")
    sub.add_argument("directory", type=Path, metavar="DIR")
    sub.add_argument(
        "--kexec-bpf", choices=["v6", "v7"], help="its kernel unpacks images by parser programs"
    )
    return parser


def _exec_options(sub: argparse.ArgumentParser) -> None:
    when = sub.add_mutually_exclusive_group()
    when.add_argument(
        "--in", dest="delay", metavar="DELAY", help="restart later: 90 (seconds), 10m, 2h"
    )
    when.add_argument("--at", metavar="TIME", help="restart at HH:MM, or 'YYYY-MM-DD HH:MM'")
    when.add_argument("--cancel", action="store_true", help="end the countdown of a restart")
    when.add_argument("--due", metavar="ID", help=argparse.SUPPRESS)
    sub.add_argument(
        "--whatever-is-staged",
        action="store_true",
        help="restart also into what warmboot did not stage",
    )


def _shared(root: Path | str, as_json: bool | str) -> argparse.ArgumentParser:
    """Return the options that stand before or behind a command, with their defaults."""
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument(
        "--root",
        type=Path,
        metavar="DIR",
        default=root,
        help="look for images below DIR (a mounted system, or a sandbox) instead of /",
    )
    shared.add_argument("--json", action="store_true", default=as_json, help="answer in JSON")
    return shared


def _bpf_commands(group: argparse.ArgumentParser) -> None:
    commands = group.add_subparsers(metavar="COMMAND", title="commands", required=True)
    parents = [_shared(argparse.SUPPRESS, argparse.SUPPRESS)]
    text = "build the parser for an image"
    sub = commands.add_parser("build", parents=parents, help=text, description=text)
    sub.set_defaults(run="parser.build")
    sub.add_argument("image", metavar="IMAGE", help="path of an image, or an entry's name")
    sub.add_argument("--dialect", choices=["v6", "v7"], default="v6", help="default: v6")
    sub.add_argument(
        "-o", "--output", type=Path, metavar="OBJ", required=True, help="where the object goes"
    )
    text = "run the parser's code on an image and show what the kernel would be told"
    sub = commands.add_parser("rehearse", parents=parents, help=text, description=text)
    sub.set_defaults(run="parser.run_rehearsal")
    sub.add_argument("image", metavar="IMAGE", help="path of an image, or an entry's name")
    sub.add_argument("--dialect", choices=["v6", "v7"], default="v6", help="default: v6")
    text = "put a parser into an image"
    sub = commands.add_parser("envelope", parents=parents, help=text, description=text)
    sub.set_defaults(run="envelope.run")
    sub.add_argument("image", metavar="IMAGE", help="path of an image, or an entry's name")
    sub.add_argument(
        "--parser",
        type=Path,
        metavar="OBJ",
        action="append",
        default=[],
        help="parser object from warmboot bpf build; several for --container",
    )
    sub.add_argument(
        "-o", "--output", type=Path, metavar="FILE", required=True, help="where the result goes"
    )
    sub.add_argument("--replace", action="store_true", help="take out the parser that is there")
    sub.add_argument(
        "--sign", nargs=2, type=Path, metavar=("KEY", "CERT"), help="sign the result with sbsign"
    )
    sub.add_argument("--dialect", choices=["v6", "v7"], default="v6", help="default: v6")
    sub.add_argument("--initrd", type=Path, metavar="FILE", help="v7: initrd for the envelope")
    sub.add_argument("--cmdline", metavar="TEXT", help="v7: command line for the envelope")
    sub.add_argument(
        "--container", type=Path, metavar="FILE", help="v7: where the container of parsers goes"
    )


def _stage_options(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("entry", nargs="?", metavar="ENTRY", help="name from warmboot list")
    sub.add_argument("--kernel", metavar="FILE", help="a kernel image by its path")
    sub.add_argument(
        "--initrd",
        metavar="FILE",
        action="append",
        help="an initrd by its path; several are joined in order",
    )
    sub.add_argument("--no-initrd", action="store_true", help="use no initrd at all")
    _line_options(sub)
    sub.add_argument("--dtb", metavar="FILE", help="hand this device tree over")
    addons = sub.add_mutually_exclusive_group()
    addons.add_argument(
        "--addon",
        metavar="FILE",
        action="append",
        help="an add-on for a UKI, instead of those beside it; may be given again",
    )
    addons.add_argument("--no-addons", action="store_true", help="use no add-on of a UKI")
    sub.add_argument("--profile", metavar="N|ID", help="a UKI's profile; the first by default")
    sub.add_argument(
        "--loader",
        choices=("file", "load", "tools"),
        help="kexec_file_load(2), kexec_load(2) or kexec-tools; by default the best",
    )
    sub.add_argument(
        "--sha256", metavar="HEX", help="stage only if this is the kernel's, as --dry-run showed it"
    )
    sub.add_argument("--panic", action="store_true", help="stage the kernel to run after a crash")
    sub.add_argument(
        "--force",
        metavar="CHECK-ID",
        action="append",
        help="go on against this failed check of warmboot doctor; may be given again",
    )
    sub.add_argument(
        "--dry-run", action="store_true", help="do all but the call, and print the call"
    )


def _line_options(sub: argparse.ArgumentParser) -> None:
    line = sub.add_mutually_exclusive_group()
    line.add_argument("--cmdline", metavar="TEXT", help="the whole command line")
    line.add_argument(
        "--reuse-cmdline", action="store_true", help="the running kernel's command line"
    )
    line.add_argument(
        "--installed-cmdline", action="store_true", help="the one in the root's /etc/kernel/cmdline"
    )
    sub.add_argument("--append", metavar="TEXT", help="words to add to the command line")
    sub.add_argument(
        "--preset", metavar="NAME", action="append", help="apply a preset: rescue, serial, …"
    )


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version  # 50 ms that only this option is worth

        parser.exit(message=f"warmboot {version('warmboot')}\n")


if __name__ == "__main__":
    sys.exit(main())
