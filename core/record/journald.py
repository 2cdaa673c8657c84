"""The system journal, where journald runs: one datagram per line, in its native protocol.

Source: systemd, "Native Journal Protocol". Never an error: the journal of warmboot is the record.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

_SOCKET = "/run/systemd/journal/socket"
_NOTICE = "5"
#: What of a line, and of what is staged in it, becomes a field; warmboot(8) describes them.
_OF_LINE = ("event", "way", "strategy", "step", "errno")
_OF_STAGED = ("kernel", "release", "sha256")
FIELDS = tuple(f"WARMBOOT_{name.upper()}" for name in (*_OF_LINE, *_OF_STAGED))


def send(event: str, line: Mapping[str, object]) -> None:
    """Send a line of the journal to journald, without waiting for it."""
    if not os.path.exists(_SOCKET):
        return
    import socket

    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as journald:
            journald.sendto(encode(fields_of(event, line)), _SOCKET)
    except OSError:
        return


def fields_of(event: str, line: Mapping[str, object]) -> dict[str, str]:
    """Return the fields of a line of the journal; what it does not tell has none."""
    staged = line.get("staged")
    told = {name: line.get(name) for name in _OF_LINE}
    if isinstance(staged, Mapping):
        told |= {name: staged.get(name) for name in _OF_STAGED}
    told["event"] = event
    fields = {"MESSAGE": f"warmboot: {event}", "PRIORITY": _NOTICE, "SYSLOG_IDENTIFIER": "warmboot"}
    return fields | {
        f"WARMBOOT_{name.upper()}": str(value) for name, value in told.items() if value is not None
    }


def encode(fields: Mapping[str, str]) -> bytes:
    """Return fields as journald takes them: text with a newline goes with its length."""
    parts = []
    for name, value in fields.items():
        raw = value.encode("utf-8", "backslashreplace")
        if b"\n" in raw:
            parts.append(name.encode() + b"\n" + len(raw).to_bytes(8, "little") + raw + b"\n")
        else:
            parts.append(name.encode() + b"=" + raw + b"\n")
    return b"".join(parts)
