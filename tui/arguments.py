"""The words of the command line: every command and every option; see parser.py."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from warmboot.core.values import NamedTuple
from warmboot.tui.restart_arguments import confirm_options, exec_options


class Command(NamedTuple):
    """What a command runs, as MODULE.FUNCTION; its help, and what adds its options."""

    run: str
    text: str
    add: Callable[[argparse.ArgumentParser], None]


def command_names() -> tuple[str, ...]:
    """Return every command as it is typed, those of bpf in full."""
    names = []
    for name, command in COMMANDS.items():
        names += [name] if command.run else [f"{name} {one}" for one in BPF_COMMANDS]
    return tuple(names)


def _no_options(_: argparse.ArgumentParser) -> None:
    return


def _image(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("image", metavar="IMAGE", help="path of an image, or an entry's name")


def _entry(sub: argparse.ArgumentParser) -> None:
    group = sub.add_mutually_exclusive_group()
    group.add_argument(
        "entry", nargs="?", metavar="ENTRY", help="id, title, release or path from warmboot list"
    )
    _selectors(group.add_argument)


def _selectors(add: Callable[..., object]) -> None:
    """Add the options that stand for the name of an entry."""
    for selector, text in (
        ("default", "the entry that starts by itself"),
        ("next", "the entry that is chosen for the next start"),
        ("newest", "the entry with the newest kernel of the flavour that runs"),
        ("running", "the entry that runs now"),
        ("previous", "the entry that ran before the last restart"),
    ):
        add(f"--{selector}", dest="selector", action="store_const", const=f"@{selector}", help=text)


def _list_options(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--names", action="store_true", help="print the entries' ids only")


def _inspect_options(sub: argparse.ArgumentParser) -> None:
    group = sub.add_mutually_exclusive_group(required=True)
    group.add_argument(
        "image", nargs="?", metavar="IMAGE", help="path of an image, or an entry's name"
    )
    _selectors(group.add_argument)
    sub.add_argument("--quick", action="store_true", help="read the header only, unpack nothing")
    sub.add_argument("--initrd", action="store_true", help="an entry's initrds, not its kernel")


def _extract_options(sub: argparse.ArgumentParser) -> None:
    _image(sub)
    sub.add_argument(
        "-o", "--output", metavar="FILE", required=True, help="where the kernel goes; - is stdout"
    )


def _cmdline_options(sub: argparse.ArgumentParser) -> None:
    _entry(sub)
    _line_options(sub)


def _compare_options(sub: argparse.ArgumentParser) -> None:
    group = sub.add_mutually_exclusive_group(required=True)
    group.add_argument("entry", nargs="?", metavar="ENTRY", help="the kernel to look at")
    _selectors(group.add_argument)
    sub.add_argument("other", nargs="?", metavar="OTHER", help="another, compared with ENTRY")


def _doctor_options(sub: argparse.ArgumentParser) -> None:
    _entry(sub)
    sub.add_argument("--kernel", metavar="FILE", help="a kernel image by its path")


def _history_options(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("-n", "--last", metavar="N", type=_count, help="show the last N steps only")


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 6):
        raise argparse.ArgumentTypeError(f"{text[:20]!r} is no number")
    return int(text)


def _unload_options(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--panic", action="store_true", help="unload the crash kernel instead")


def _status_options(sub: argparse.ArgumentParser) -> None:
    sub.add_argument(
        "--format", choices=("text", "prometheus"), default="text", help="default: text"
    )


def _wait_options(sub: argparse.ArgumentParser) -> None:
    sub.add_argument(
        "--timeout", metavar="DELAY", default="10m", help="how long: 90 (seconds), 10m (default)"
    )
    sub.add_argument(
        "--boot", metavar="ID", help="the boot that is to end, by its boot_id in status --json"
    )
    sub.add_argument("--release", metavar="RELEASE", help="what is meant to run then")
    sub.add_argument(
        "by",
        nargs="*",
        metavar="COMMAND",
        help="behind --: what prints another machine's warmboot status --json",
    )


def _report_options(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("entry", nargs="?", metavar="ENTRY", help="include the plan for this entry")
    sub.add_argument("-o", "--output", metavar="FILE", help="the file to write; - is stdout")


def _sandbox_options(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("directory", type=Path, metavar="DIR")
    sub.add_argument(
        "--kexec-bpf",
        choices=["v6", "v7"],
        help="give its kernel the parser interface (CONFIG_KEXEC_BPF)",
    )


def _build_options(sub: argparse.ArgumentParser) -> None:
    _rehearse_options(sub)
    sub.add_argument(
        "-o", "--output", type=Path, metavar="OBJ", required=True, help="where the object goes"
    )


def _rehearse_options(sub: argparse.ArgumentParser) -> None:
    _image(sub)
    sub.add_argument("--dialect", choices=["v6", "v7"], default="v6", help="default: v6")


def _envelope_options(sub: argparse.ArgumentParser) -> None:
    _image(sub)
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
    sub.add_argument("--replace", action="store_true", help="replace the parser that the image has")
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
    _entry(sub)
    sub.add_argument("--kernel", metavar="FILE", help="a kernel image by its path")
    sub.add_argument(
        "--initrd",
        metavar="FILE",
        action="append",
        help="an initrd by its path; several are joined in order",
    )
    sub.add_argument("--no-initrd", action="store_true", help="use no initrd at all")
    _line_options(sub)
    sub.add_argument("--dtb", metavar="FILE", help="pass this device tree to the kernel")
    addons = sub.add_mutually_exclusive_group()
    addons.add_argument(
        "--addon",
        metavar="FILE",
        action="append",
        help="an add-on for a UKI, instead of those beside it; may be repeated",
    )
    addons.add_argument("--no-addons", action="store_true", help="use no add-on of a UKI")
    sub.add_argument("--profile", metavar="N|ID", help="a UKI's profile; the first by default")
    sub.add_argument(
        "--loader",
        choices=("file", "load", "tools"),
        help="kexec_file_load(2), kexec_load(2) or kexec-tools; by default the best",
    )
    sub.add_argument(
        "--sha256",
        metavar="HEX",
        help="stage only if the kernel has this digest, which --dry-run prints",
    )
    sub.add_argument(
        "--expect",
        metavar="DIGEST",
        help="stage only if the plan has this digest, which --dry-run prints",
    )
    sub.add_argument(
        "--if-needed", action="store_true", help="make no call where just this is staged already"
    )
    sub.add_argument("--quiet", action="store_true", help="print warnings and errors only")
    sub.add_argument("--panic", action="store_true", help="stage the kernel to run after a crash")
    sub.add_argument(
        "--force",
        metavar="CHECK-ID",
        action="append",
        help="go on despite this failed check of warmboot doctor; may be repeated",
    )
    sub.add_argument(
        "--dry-run", action="store_true", help="do everything but the call, and print it"
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


COMMANDS = {
    "list": Command("list.run", "list what is installed", _list_options),
    "inspect": Command("inspect.run", "show what is inside an image", _inspect_options),
    "extract": Command("extract.run", "unpack the kernel out of an image", _extract_options),
    "cmdline": Command(
        "cmdline.run", "show a command line, compared and checked", _cmdline_options
    ),
    "compare": Command(
        "compare.run", "show what a kernel has other than the running one", _compare_options
    ),
    "stage": Command("stage.run", "load a kernel; the running system goes on", _stage_options),
    "doctor": Command(
        "doctor.run", "check this machine and an entry, without trying anything", _doctor_options
    ),
    "status": Command(
        "status.run", "show what is staged and what this machine allows", _status_options
    ),
    "needs-restart": Command(
        "needs_restart.run", "tell whether what runs is what is installed", _no_options
    ),
    "history": Command("history.run", "show what was done, and what came of it", _history_options),
    "exec": Command("exec.run", "restart into the staged kernel", exec_options),
    "confirm": Command(
        "confirm.run", "keep the system that is on trial, or go back", confirm_options
    ),
    "wait": Command("wait.run", "wait until a machine is back from its restart", _wait_options),
    "unload": Command("unload.run", "unload the staged kernel", _unload_options),
    "report": Command("report.run", "write one file of evidence for a bug report", _report_options),
    "bpf": Command("", "parser programs for kernels that unpack images themselves", _no_options),
    "sandbox": Command(
        "sandbox.run", "make a simulated machine to try everything on", _sandbox_options
    ),
}
BPF_COMMANDS = {
    "build": Command("bpf_build.run", "build the parser for an image", _build_options),
    "rehearse": Command(
        "bpf_rehearse.run",
        "run the parser's code on an image and show what the kernel would be told",
        _rehearse_options,
    ),
    "envelope": Command("bpf_envelope.run", "put a parser into an image", _envelope_options),
}
