"""systemd on this machine: its version, and what ``systemctl reboot`` does while a kernel is
staged."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from warmboot.core.expression import expression
from warmboot.core.host.files import names, read_bytes
from warmboot.core.programs import find_program, run

#: Set to 1 for systemctl, it reboots through firmware all the same. A systemctl that knows this
#: name turns ``systemctl reboot`` into a kexec while something is staged.
SKIP_AUTO_KEXEC = "SYSTEMCTL_SKIP_AUTO_KEXEC"
#: Where systemctl cannot be read: Debian's 257 does it, 252 does not; the first lies between.
_FIRST_AUTO_KEXEC = 253
_LIBRARY = expression(r"libsystemd-shared-(\d{1,6})")
_PROGRAMS = ("usr/bin/systemctl", "bin/systemctl")
_LIMIT = 16 << 20
_TIMEOUT = 5.0  # seconds
_SAID = 1 << 16


def systemd_version(prefix: Path) -> int | None:
    """Return the version of systemd that is installed, by the name of its library."""
    library = prefix / "usr/lib"
    folders = [library, prefix / "usr/lib64"]
    folders += [library / name for name in names(library) if "-linux-" in name]
    for folder in folders:
        for name in reversed(names(folder / "systemd")):
            found = _LIBRARY.match(name)
            if found and name.endswith(".so"):
                return int(found[1])
    return None


def reboot_is_kexec(prefix: Path, *, systemd: bool, staged: bool | None) -> bool:
    """Whether ``systemctl reboot`` would now start what is staged instead of the firmware.

    The program itself says what it can do; where it cannot be read, its version decides, and a
    version of which it is not known counts as one that does.
    """
    if not (systemd and staged):
        return False
    for name in _PROGRAMS:
        content = read_bytes(prefix / name, _LIMIT)
        if content:
            return SKIP_AUTO_KEXEC.encode() in content
    version = systemd_version(prefix)
    return version is not None and version >= _FIRST_AUTO_KEXEC


def systemctl(
    *arguments: str, timeout: float = _TIMEOUT, more: Mapping[str, str] | None = None
) -> tuple[int, str] | None:
    """Run systemctl(1) on the machine itself; return its exit code and what it printed.

    `more` is added to its environment. None where it is not installed, or gave no answer in time.
    """
    program = find_program("systemctl")
    if program is None:
        return None
    command = [program, "--no-pager", "--no-ask-password", *arguments]
    try:
        done = run(command, timeout, more=more)
    except OSError:
        return None
    said = done.out if done.code == 0 else done.out + done.errors
    return done.code, said[:_SAID]


def is_stopping(timeout: float) -> bool:
    """Whether the machine is being shut down; False also where systemd gave no answer in time."""
    answer = systemctl("is-system-running", timeout=timeout)
    return answer is not None and answer[1].strip() == "stopping"


def failed_units() -> tuple[str, ...] | None:
    """Return the units that have failed; None where systemd could not be asked."""
    answer = systemctl("list-units", "--failed", "--plain", "--no-legend")
    if answer is None or answer[0] != 0:
        return None
    return tuple(line.split()[0] for line in answer[1].splitlines() if line.strip())
