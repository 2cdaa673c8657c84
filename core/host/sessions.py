"""Who is logged in: what a restart would end."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from warmboot.core.host.files import names, read_fields, read_text
from warmboot.core.values import dataclass

_NO_SESSION = "4294967295"  # the audit session of what nobody logged in for
_SERVERS = ("sshd", "sshd-session", "dropbear")  # sshd-session: OpenSSH 9.8 and later
_GENERATIONS = 64
_ELSEWHERE = "elsewhere"


@dataclass(frozen=True)
class Session:
    """One login: user name, terminal and the remote host, "" where there is none.

    `own` marks the login that this program was started from.
    """

    user: str
    terminal: str
    remote: str
    own: bool = False


def read_sessions(prefix: Path) -> tuple[Session, ...]:
    """Return the logins that logind knows, else those of utmp (this machine only)."""
    folder = prefix / "run/systemd/sessions"
    mine = _own(prefix)
    logins = [_logind(folder, name, mine) for name in names(folder) if not name.endswith(".ref")]
    found = tuple(filter(None, logins))
    if found or prefix != Path("/") or not Path("/var/run/utmp").exists():
        return found
    import psutil  # slow to import, and only utmp needs it

    return tuple(
        Session(user.name, user.terminal or "", user.host or "", user.terminal in mine)
        for user in psutil.users()
        if user.terminal
    )


def remote_login(prefix: Path, sessions: Sequence[Session]) -> str | None:
    """Return where this program's own login comes from over the network, None for a local one.

    That is an address, or ``elsewhere`` where none is known. A terminal multiplexer outlives the
    login that it was started in: logind still knows it, as one that is closing.
    """
    mine = _own(prefix)
    addresses = [session.remote for session in sessions if session.own]
    for name in sorted(mine):
        fields = read_fields(prefix / "run/systemd/sessions" / name) or {}
        if fields.get("REMOTE") == "1":
            addresses.append(fields.get("REMOTE_HOST") or _ELSEWHERE)
    if prefix == Path("/"):
        addresses += os.environ.get("SSH_CONNECTION", "").split()[:1]
        addresses += [_ELSEWHERE] if _below_a_server(prefix / "proc") else []
    return next(filter(None, addresses), None)


def _below_a_server(proc: Path) -> bool:
    """Whether a program that lets people in over the network is among this one's ancestors."""
    process = "self"
    for _ in range(_GENERATIONS):
        lines = (read_text(proc / process / "status", 4096) or "").splitlines()
        fields = dict(line.split(":", 1) for line in lines if ":" in line)
        if fields.get("Name", "").strip() in _SERVERS:
            return True
        process = fields.get("PPid", "0").strip()
        if process == "0" or not process.isdigit():
            return False
    return False


def _logind(folder: Path, name: str, mine: frozenset[str]) -> Session | None:
    fields = read_fields(folder / name)
    if fields is None:
        return None
    if not fields.get("CLASS", "user").startswith("user") or fields.get("STATE") == "closing":
        return None
    user = fields.get("USER", fields.get("UID", "?"))
    terminal = fields.get("TTY", "")
    own = name in mine or (bool(terminal) and terminal in mine)
    return Session(user, terminal, fields.get("REMOTE_HOST", ""), own)


def _own(prefix: Path) -> frozenset[str]:
    """Return the names by which this program's own login may be known: session, terminal.

    The kernel's audit session survives sudo(8) and su(1); the environment and the terminal count
    on the machine itself only.
    """
    known = {read_text(prefix / "proc/self/sessionid", 32) or ""}
    if prefix == Path("/"):
        known |= terminals(os.environ)
        for fd in (0, 1, 2):
            try:
                known.add(os.ttyname(fd).removeprefix("/dev/"))
            except OSError:
                continue
    return frozenset(known - {"", _NO_SESSION})


def terminals(environment: Mapping[str, str]) -> set[str]:
    """Return session and terminals that the environment names (sshd, sudo, pam_systemd)."""
    found = {environment.get("XDG_SESSION_ID", "")}
    for name in ("SSH_TTY", "SUDO_TTY"):
        found.add(environment.get(name, "").removeprefix("/dev/"))
    return found
