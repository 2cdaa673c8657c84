"""The system journal, where journald runs: one datagram per line, in its native protocol.

Source: systemd, "Native Journal Protocol". Never an error: the journal of warmboot is the record.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

_SOCKET = "/run/systemd/journal/socket"
_NOTICE = "5"


def send(event: str, line: Mapping[str, object]) -> None:
    """Send a line of the journal to journald, without waiting for it."""
    if not os.path.exists(_SOCKET):
        return
    import socket

    fields = {
        "MESSAGE": f"warmboot: {event}",
        "PRIORITY": _NOTICE,
        "SYSLOG_IDENTIFIER": "warmboot",
        "WARMBOOT_EVENT": event,
    }
    for name in ("way", "step", "errno", "strategy", "sha256"):
        if line.get(name) is not None:
            fields[f"WARMBOOT_{name.upper()}"] = str(line[name])
    staged = line.get("staged")
    if isinstance(staged, Mapping):
        fields["WARMBOOT_KERNEL"] = str(staged.get("kernel"))
        fields["WARMBOOT_RELEASE"] = str(staged.get("release"))
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as journald:
            journald.sendto(encode(fields), _SOCKET)
    except OSError:
        return


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
