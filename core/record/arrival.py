"""Waiting until a machine is back after a restart, and telling whether it is in what was meant.

What is asked is an answer of ``warmboot status --json``, of this machine or of another one by
whatever command reaches it.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Sequence

from warmboot.core.errors import NotBack, WrongArgument
from warmboot.core.text import printable
from warmboot.core.typed import is_number, json_object
from warmboot.core.values import NamedTuple

#: An answer is some 4 KiB; whatever is longer is none.
_LONGEST = 1 << 20
#: Seconds that the first question may take, and between two of them.
_FIRST = 30.0
_PAUSE = 3.0
_PENDING = ("executing", "handed-over", "set")

Ask = Callable[[float], "Seen | None"]


class Seen(NamedTuple):
    """What a machine says of itself: see the fields of the same names in warmboot-json(5).

    `arrived` is None where no restart by warmboot is on record; `pending`: one is about to happen.
    """

    boot_id: str | None
    release: str
    arrived: bool | None
    text: str
    away: float | None
    pending: bool


def seen_in(answer: bytes) -> Seen | None:
    """Return what an answer of ``status --json`` says, None where it is none."""
    fields = json_object(answer)
    if fields is None or fields.get("command") != "status":
        return None
    host, last, attempt = (fields.get(name) for name in ("host", "last_restart", "attempt"))
    if not isinstance(host, dict) or not isinstance(host.get("release"), str):
        return None
    boot = host.get("boot_id")
    due = isinstance(attempt, dict) and attempt.get("event") in _PENDING
    pending = due or fields.get("countdown") is not None
    arrived, text, away = None, "no restart by warmboot is on record", None
    if isinstance(last, dict):
        arrived = last.get("arrived") is True
        text = str(last.get("text"))
        away = last.get("away") if is_number(last.get("away")) else None
    boot = boot if isinstance(boot, str) else None
    return Seen(boot, host["release"], arrived, text, away, pending)


def wait_until_back(ask: Ask, timeout: float, boot: str | None) -> Seen:
    """Ask until the machine is in another boot than `boot`, and return what it says then.

    Without `boot`, the first answer tells which boot it is; where no restart is pending in it, the
    machine is back already. `ask` gets the seconds that an answer may take, and returns None where
    there was none. A question that took all of them may still be at work on a slow machine, so that
    the next gets twice as long. Raises NotBack after `timeout` seconds.
    """
    end = time.monotonic() + timeout
    patience = _FIRST
    last: Seen | None = None
    while (left := end - time.monotonic()) > 0:
        began = time.monotonic()
        seen = ask(min(patience, left))
        if time.monotonic() - began >= patience:
            patience *= 2
        if seen is not None:
            last = seen
            if boot is None and not seen.pending:
                return seen
            boot = boot or seen.boot_id
            if seen.boot_id != boot:
                return seen
        time.sleep(max(0.0, min(_PAUSE, end - time.monotonic())))
    if last is None:
        raise NotBack(
            f"The machine gave no answer within {timeout:.0f} s",
            hint="Try the command by hand. It must print what warmboot status --json prints.",
        )
    raise NotBack(
        f"The machine was not back within {timeout:.0f} s; last it ran {printable(last.release)}",
        hint="warmboot status on it shows whether the restart began.",
    )


def by_command(command: Sequence[str]) -> Ask:
    """Return what asks by a command of the operator's, such as ``ssh web7 warmboot status --json``.

    It gets no input and a group of its own, which ends with the answer. Raises WrongArgument, when
    it asks, where there is no such command.
    """

    def ask(seconds: float) -> Seen | None:
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                process_group=0,
            )
        except OSError as error:
            name = printable(command[0])
            raise WrongArgument(f"{name} cannot be run: {error.strerror}") from error
        try:
            raw = _read(process, seconds)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            if process.stdout is not None:
                process.stdout.close()
        return seen_in(raw)

    return ask


def _read(process: subprocess.Popen[bytes], seconds: float) -> bytes:
    """Return what a process prints until it ends, is slow or prints too much."""
    raw = b""
    if process.stdout is None:
        return raw
    end = time.monotonic() + seconds
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while len(raw) <= _LONGEST and (left := end - time.monotonic()) > 0:
            if not selector.select(left):
                continue
            piece = os.read(process.stdout.fileno(), 1 << 16)
            if not piece:
                return raw
            raw += piece
    return b""
