"""``warmboot exec`` and ``unload``: what becomes of what is staged."""

from __future__ import annotations

import argparse
import sys
import termios
import time
from dataclasses import dataclass

from warmboot.core.errors import Cancelled, ExitCode, NotPermitted, WarmbootError
from warmboot.core.kexec import Executed, Machine, Staged, countdown, later, open_machine
from warmboot.core.kexec.countdown import Countdown
from warmboot.core.text import clock, printable
from warmboot.tui import output
from warmboot.tui.facts import ending_lines
from warmboot.tui.standing import staged_text


@dataclass(frozen=True, slots=True)
class _Order:
    """What was asked for: `at` in seconds since the epoch, None for now."""

    now: bool
    whatever: bool
    at: float | None


def execute(options: argparse.Namespace) -> int:
    """Restart into what is staged, once the operator has typed the host's name (or --yes)."""
    machine = open_machine(options.root)
    _need_privilege(machine)
    if options.cancel:
        return _cancel(machine, as_json=options.json)
    if options.due is not None:
        return _due(machine, options)
    order = _Order(options.now, options.whatever_is_staged, _time(options))
    staged = machine.executable(whatever=order.whatever)
    output.banner(machine)
    if not options.yes:
        _confirm(machine, staged, order, as_json=options.json)
    sys.stdout.flush()
    if order.at is not None:
        return _set(machine, staged, order, order.at, options)
    done = machine.execute(now=order.now, whatever=order.whatever)
    return _restarted(machine, done, as_json=options.json)


def unload(options: argparse.Namespace) -> int:
    """Take the staged kernel out again."""
    machine = open_machine(options.root)
    _need_privilege(machine)
    warning = machine.unload(panic=options.panic)
    if options.json:
        output.write_json("unload", machine, {"staged": machine.status().staged})
    else:
        output.banner(machine)
        still = "No crash kernel is staged now." if options.panic else "Nothing is staged now."
        output.write_lines([f"Unloaded. {still}"])
    _warn(warning)
    return ExitCode.OK


def _restarted(machine: Machine, done: Executed, *, as_json: bool) -> int:
    after = machine.refreshed().host
    name = printable(machine.host.name)
    if as_json:
        fields = {"host": name, "release": after.release, "way": done.way, "jobs": done.jobs}
        output.write_json("exec", machine, {**fields, "countdown": None})
    elif machine.simulated:
        output.write_lines([f"The simulated machine {name} now runs {printable(after.release)}."])
    else:
        output.write_lines([f"systemd is restarting {name} into the staged kernel."])
        output.write_lines(
            f"  {printable(job.unit)}: {printable(job.type)}, {printable(job.state)}"
            for job in done.jobs
        )
    _warn(done.warning)
    return ExitCode.OK


def _set(
    machine: Machine, staged: Staged | None, order: _Order, at: float, options: argparse.Namespace
) -> int:
    """Set a restart for later; what runs then is this command again, with the countdown's name."""
    now, whatever = order.now, order.whatever
    made, warning = set_restart(machine, at, staged, now=now, whatever=whatever)
    if options.json:
        fields = {"host": machine.host.name, "release": machine.host.release}
        way = machine.way(now=order.now)
        output.write_json("exec", machine, {**fields, "way": way, "jobs": [], "countdown": made})
    else:
        output.write_lines([f"Restart set for {clock(at)}; it goes on when this line drops."])
        output.write_lines(["warmboot exec --cancel ends it; warmboot status shows it."])
    _warn(warning)
    return ExitCode.OK


def set_restart(
    machine: Machine,
    at: float,
    staged: Staged | None = None,
    *,
    now: bool = False,
    whatever: bool = False,
) -> tuple[Countdown, str | None]:
    """Have ``warmboot exec`` run at a time (seconds since the epoch), into what is staged now.

    Returns what is set, and a warning where it could not be recorded. Raises WarmbootError.
    """
    staged = staged or machine.executable(whatever=whatever)
    plan = countdown.make(at, staged.sha256 if staged else None, staged.at if staged else None)
    root = str(machine.root.path.absolute())
    command = [sys.executable, "-P", "-m", "warmboot.tui.cli", "--root", root]
    command += ["exec", "--yes", "--due", plan.id]
    command += ["--now"] if now else []
    command += ["--whatever-is-staged"] if whatever else []
    return later.set_restart(machine, plan, command)


def _due(machine: Machine, options: argparse.Namespace) -> int:
    """The time has come."""
    now, whatever = options.now, options.whatever_is_staged
    done = later.restart_due(machine, options.due, now=now, whatever=whatever)
    return _restarted(machine, done, as_json=options.json)


def _cancel(machine: Machine, *, as_json: bool) -> int:
    ended, warning = later.cancel_restart(machine)
    if as_json:
        output.write_json("exec", machine, _cancelled_fields(machine, ended))
    else:
        output.banner(machine)
        output.write_lines([f"Cancelled the restart at {clock(ended.at)}. What is staged stays."])
    _warn(warning)
    return ExitCode.OK


def _cancelled_fields(machine: Machine, ended: Countdown) -> dict[str, object]:
    return {
        "host": machine.host.name,
        "release": machine.host.release,
        "way": None,
        "jobs": [],
        "countdown": None,
        "cancelled": ended,
    }


def _time(options: argparse.Namespace) -> float | None:
    if options.at is not None:
        return countdown.parse_time(options.at, time.time())
    if options.delay is not None:
        return time.time() + countdown.parse_delay(options.delay)
    return None


def _confirm(machine: Machine, staged: Staged | None, order: _Order, *, as_json: bool) -> None:
    if as_json or not sys.stdin.isatty():
        raise WarmbootError(
            "A question can be put to a person at a terminal only",
            hint="warmboot exec --yes restarts without asking.",
        )
    name = printable(machine.host.name)
    when = "" if order.at is None else f" at {clock(order.at)}"
    lines = [f"Restart {name} into {staged_text(True, staged)}{when}."]
    lines += [f"How: {machine.way(now=order.now).text}.", "What ends:"]
    lines += [f"  {line}" for line in ending_lines(machine.host)]
    output.write_lines(lines)
    sys.stdout.write("Type the host's name to go on: ")
    sys.stdout.flush()
    _forget_typed()
    if sys.stdin.readline().strip() != name:
        raise Cancelled


def _forget_typed() -> None:
    """Drop what was typed before the question was on the screen: it cannot be its answer."""
    try:
        termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)
    except (OSError, ValueError, AttributeError, termios.error):
        return


def _need_privilege(machine: Machine) -> None:
    if not machine.host.privileged:
        raise NotPermitted(
            "This user may not restart or unload kernels (CAP_SYS_BOOT is missing)",
            hint="Run warmboot as root: sudo warmboot.",
        )


def _warn(warning: str | None) -> None:
    if warning:
        sys.stderr.write(f"warmboot: {warning}\n")
