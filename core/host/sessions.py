"""Who is logged in: what a restart would end."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from warmboot.core.host.files import read_text


@dataclass(frozen=True, slots=True)
class Session:
    """One login: user name, terminal and the remote host, "" where there is none."""

    user: str
    terminal: str
    remote: str


def read_sessions(prefix: Path) -> tuple[Session, ...]:
    """Return the logins that logind knows, else those of utmp (this machine only)."""
    folder = prefix / "run/systemd/sessions"
    try:
        names = sorted(path.name for path in folder.iterdir() if not path.name.endswith(".ref"))
    except OSError:
        names = []
    found = tuple(filter(None, (_logind(folder / name) for name in names)))
    if found or prefix != Path("/"):
        return found
    import psutil

    return tuple(
        Session(user.name, user.terminal or "", user.host or "") for user in psutil.users()
    )


def _logind(path: Path) -> Session | None:
    text = read_text(path, 8192)
    if text is None:
        return None
    fields = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    if not fields.get("CLASS", "user").startswith("user") or fields.get("STATE") == "closing":
        return None
    user = fields.get("USER", fields.get("UID", "?"))
    return Session(user, fields.get("TTY", ""), fields.get("REMOTE_HOST", ""))
