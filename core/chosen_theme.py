"""The theme that was chosen on the screen, written into the operator's own configuration.

Nothing else in the file changes, no link is followed or replaced, and a file that is not understood
is left as it is. Where sudo(8) or the like made the user root, the file stays that of its user.
"""

from __future__ import annotations

import errno
import os
import pwd
import re
import stat
from pathlib import Path

from warmboot.core.configfile import ConfigFile
from warmboot.core.errors import WarmbootError
from warmboot.core.rooted import rooted
from warmboot.core.statefile import open_state, replace_state
from warmboot.core.text import printable

_LIMIT = 1 << 18
_THEME = re.compile(r"[ \t]*theme[ \t]*=[^\n]*")
_TABLE = re.compile(r"[ \t]*\[")


def write_theme(file: ConfigFile, theme: str) -> None:
    """Have `theme` chosen in a file; raises WarmbootError where that cannot be done safely."""
    shown = printable(str(file.path))
    path = file.path if file.home is None else rooted(file.home) / file.path.relative_to(file.home)
    owner = None if file.owner is None else (file.owner, pwd.getpwuid(file.owner).pw_gid)
    try:
        before, mode = _read(path, file.owner)
        after = with_theme(before, theme)
        if after != before:
            replace_state(path, after.encode(), mode, owner)
    except (OSError, ValueError, KeyError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        if isinstance(error, OSError) and error.errno in (errno.ELOOP, errno.EINVAL, errno.ENOTDIR):
            reason = "it is, or lies behind, a symbolic link or something else than a file"
        raise WarmbootError(
            f"{shown} was not changed: {printable(str(reason), 200)}",
            hint=f'Write theme = "{theme}" there yourself.',
        ) from error


def with_theme(content: str, theme: str) -> str:
    """Return a configuration that chooses a theme, all else as it was; raises ValueError."""
    import tomllib

    before = tomllib.loads(content)
    chosen = f'theme = "{theme}"'
    lines = content.removesuffix("\n").split("\n") if content else []
    end = next((n for n, line in enumerate(lines) if _TABLE.match(line)), len(lines))
    place = next((n for n, line in enumerate(lines[:end]) if _THEME.fullmatch(line)), None)
    if place is None:
        lines.insert(0, chosen)
    else:
        lines[place] = chosen
    after = "\n".join(lines) + "\n"
    if tomllib.loads(after) != {**before, "theme": theme}:
        raise ValueError("its theme is not on a line of its own")
    return after


def _read(path: Path, owner: int | None) -> tuple[str, int]:
    """Return what a file holds and its permissions; "" where there is none."""
    try:
        fd = open_state(path, os.O_RDONLY)
    except FileNotFoundError:
        return "", 0o644
    with open(fd, "rb") as file:
        status = os.fstat(fd)
        if owner is not None and status.st_uid not in (owner, 0):
            raise PermissionError(errno.EPERM, "it belongs neither to the user nor to root")
        content = file.read(_LIMIT + 1)
    if len(content) > _LIMIT:
        raise ValueError(f"it has more than {_LIMIT} bytes")
    return content.decode(), stat.S_IMODE(status.st_mode)
