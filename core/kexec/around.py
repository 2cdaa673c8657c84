"""What else a restart touches: watchdogs, systemd's own use of kexec, the other sessions."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from warmboot.core.host.files import read_int, read_text
from warmboot.core.text import printable

#: systemd from this version on turns ``systemctl reboot`` into a kexec while something is staged.
AUTO_KEXEC_SYSTEMD = 261
#: Set to 1 for systemctl, it reboots through firmware all the same.
SKIP_AUTO_KEXEC = "SYSTEMCTL_SKIP_AUTO_KEXEC"
_WALL_TIMEOUT = 5
_LIBRARY = re.compile(r"libsystemd-shared-(\d+)")


@dataclass(frozen=True, slots=True)
class Watchdog:
    """A watchdog of /sys/class/watchdog; `timeout` in seconds. warmboot never disarms one."""

    name: str
    identity: str
    armed: bool
    timeout: int | None


def read_watchdogs(prefix: Path) -> tuple[Watchdog, ...]:
    """Return the watchdogs of the machine; an armed one goes on counting through the restart."""
    folder = prefix / "sys/class/watchdog"
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return ()
    found = []
    for name in names:
        state = read_text(folder / name / "state", 64)
        if state is not None:
            identity = printable(read_text(folder / name / "identity", 256) or "", 80)
            timeout = read_int(folder / name / "timeout")
            found.append(Watchdog(printable(name), identity, state == "active", timeout))
    return tuple(found)


def systemd_version(prefix: Path) -> int | None:
    """Return the version of systemd that is installed, by the name of its library."""
    for pattern in ("usr/lib/systemd", "usr/lib64/systemd", "usr/lib/*/systemd"):
        for path in sorted(prefix.glob(f"{pattern}/libsystemd-shared-*.so"), reverse=True):
            found = _LIBRARY.match(path.name)
            if found:
                return int(found[1][:6])
    return None


def reboot_is_kexec(prefix: Path, *, systemd: bool, staged: bool | None) -> bool:
    """Whether ``systemctl reboot`` would now start what is staged instead of the firmware."""
    version = systemd_version(prefix) if systemd and staged else None
    return version is not None and version >= AUTO_KEXEC_SYSTEMD


def tell_everybody(text: str, terminals: Iterable[str]) -> None:
    """Tell the other sessions, with wall(1) or on their terminals; never an error."""
    message = printable(text, 400)
    wall = shutil.which("wall")
    if wall is not None:
        try:
            subprocess.run(
                [wall], input=message + "\n", text=True, timeout=_WALL_TIMEOUT, check=True,
                capture_output=True,
            )  # fmt: skip
            return
        except (OSError, subprocess.SubprocessError):
            pass
    for terminal in terminals:
        _write(Path("/dev") / terminal, f"\r\n{message}\r\n".encode())


def _write(path: Path, raw: bytes) -> None:
    if ".." in path.parts:
        return
    try:
        fd = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if os.isatty(fd):
            os.write(fd, raw)
    except OSError:
        return
    finally:
        os.close(fd)
