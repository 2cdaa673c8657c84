"""Configuration files: where they are, and how they are read although somebody else wrote them.

/etc/warmboot/config.toml, then $XDG_CONFIG_HOME/warmboot/config.toml; where sudo(8), doas(1) or
pkexec(1) made the user root, the file of the one who called it as well. Root reads that one only
where it belongs to that user or to root, and no link leads out of the home folder.
"""

from __future__ import annotations

import os
import pwd
import stat
from collections.abc import Mapping
from pathlib import Path

from warmboot.core.errors import WarmbootError
from warmboot.core.hints import Any
from warmboot.core.rooted import open_below, open_directory, open_regular, regular
from warmboot.core.text import printable
from warmboot.core.values import NamedTuple

_LIMIT = 1 << 18
_SYSTEM = "etc/warmboot/config.toml"
_NAME = "warmboot/config.toml"
#: Variables in which programs that make a user root leave who that was: a number or a name.
_CALLERS = ("SUDO_UID", "PKEXEC_UID", "DOAS_USER")


class ConfigFile(NamedTuple):
    """A file that need not exist. With an `owner` (a user id) it is one of another user's, looked
    for below the folder `home`, which no link leads out of."""

    path: Path
    home: Path | None = None
    owner: int | None = None


def config_files(
    environment: Mapping[str, str], prefix: Path = Path("/"), *, root: bool | None = None
) -> tuple[ConfigFile, ...]:
    """Return where the configuration is read from; later files take precedence.

    `prefix` is where /etc is. `root`: the user is root now, by default as it is.
    """
    files = [ConfigFile(prefix / _SYSTEM)]
    home = environment.get("XDG_CONFIG_HOME") or os.path.join(
        environment.get("HOME", ""), ".config"
    )
    caller = _caller(environment) if (os.geteuid() == 0 if root is None else root) else None
    if os.path.isabs(home):
        own = Path(home, _NAME)
        if caller is None or not own.is_relative_to(caller.pw_dir):
            files.append(ConfigFile(own))
    if caller is not None:
        folder = Path(caller.pw_dir)
        files.append(ConfigFile(folder / ".config" / _NAME, folder, caller.pw_uid))
    return tuple(files)


def own_config(files: tuple[ConfigFile, ...]) -> ConfigFile | None:
    """Return the file that is the operator's own to write: not the system's, None without one."""
    return files[-1] if len(files) > 1 else None


def read_config(file: ConfigFile) -> dict[str, Any]:
    """Return what a file says, {} where it is not there.

    Raises WarmbootError where it cannot be read, is not to be trusted, or is no TOML.
    """
    shown = printable(str(file.path))
    try:
        fd = open_regular(file.path) if file.owner is None else _open_foreign(file, file.owner)
        with open(fd, "rb") as opened:
            content = opened.read(_LIMIT + 1)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "its name cannot be one"
        raise WarmbootError(f"{shown} cannot be read: {reason}") from error
    if len(content) > _LIMIT:
        raise WarmbootError(f"{shown} has more than {_LIMIT} bytes", hint="Shorten it.")
    import tomllib  # 10 ms that only a configuration file is worth

    try:
        return tomllib.loads(content.decode())
    except (ValueError, RecursionError) as error:
        reason = printable(str(error), 200)
        raise WarmbootError(
            f"{shown} is not valid TOML: {reason}", hint="Correct it there."
        ) from error


def _caller(environment: Mapping[str, str]) -> pwd.struct_passwd | None:
    """Return who became root, None where nobody did or it is not known who."""
    for name in _CALLERS:
        who = environment.get(name, "")
        try:
            found = pwd.getpwuid(int(who)) if who.isascii() and who.isdigit() else None
            found = pwd.getpwnam(who) if who and found is None else found
        except (KeyError, ValueError, OverflowError):
            continue
        if found is not None and found.pw_uid != 0 and os.path.isabs(found.pw_dir):
            return found
    return None


def _open_foreign(file: ConfigFile, owner: int) -> int:
    """Open a file of another user's for reading: theirs or root's, and nobody else's to write."""
    home = open_directory(file.home or "")
    try:
        name = str(file.path.relative_to(file.home or ""))
        found = open_below(home, name, os.O_PATH | os.O_CLOEXEC)
    finally:
        os.close(home)
    try:
        status = os.fstat(found)
        if status.st_uid not in (owner, 0) or (status.st_uid == 0 and status.st_nlink > 1):
            raise PermissionError(0, "it belongs neither to the user nor to root")
        if status.st_mode & stat.S_IWOTH:
            raise PermissionError(0, "everybody may write it")
        return regular(found, str(file.path))
    finally:
        os.close(found)
