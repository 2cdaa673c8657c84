"""Who is logged in: what a restart would end."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from warmboot.core.host.files import names, read_fields, read_text

_NO_SESSION = "4294967295"  # the audit session of what nobody logged in for


@dataclass(frozen=True, slots=True)
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
