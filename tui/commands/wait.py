"""``warmboot wait``: until a machine is back from a restart, and in what was meant."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable

from warmboot.core.errors import ExitCode
from warmboot.core.record.arrival import Seen, by_command, seen_in, wait_until_back
from warmboot.core.restart.schedule import parse_delay
from warmboot.core.session import Session, open_session
from warmboot.core.text import printable
from warmboot.tui.commands import output


def run(options: argparse.Namespace) -> int:
    """Wait, then say what runs; the exit code says whether that was meant."""
    timeout = parse_delay(options.timeout)
    session = open_session(options.root)
    ask = by_command(options.by) if options.by else _asking(session)
    seen = wait_until_back(ask, timeout, options.boot)
    meant = seen.arrived is True if options.release is None else seen.release == options.release
    code = ExitCode.OK if meant else ExitCode.ELSEWHERE
    if options.json:
        from warmboot.tui.present.answers.wait import wait_answer

        output.write_json(wait_answer(seen, meant=meant, simulated=session.simulated))
        return code
    away = "" if seen.away is None else f", after {seen.away:.0f} s"
    text = f"Back in {printable(seen.release)}{away}: {printable(seen.text)}."
    if options.release is not None and not meant:
        text = f"Back in {printable(seen.release)}{away}, not in {printable(options.release)}."
    output.write_lines([text])
    return code


def _asking(session: Session) -> Callable[[float], Seen | None]:
    """Return what asks this machine, as a command would ask another one."""
    from warmboot.tui.present.answers.status import status_answer

    def ask(_seconds: float) -> Seen | None:
        now = session.refreshed()
        answer = status_answer(now, now.status())
        return seen_in(json.dumps(answer).encode())

    return ask
