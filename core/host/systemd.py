"""systemd on this machine: its version, and what ``systemctl reboot`` does while a kernel is
staged."""

from __future__ import annotations

import re
from pathlib import Path

from warmboot.core.host.files import names

#: systemd from this version on turns ``systemctl reboot`` into a kexec while something is staged.
AUTO_KEXEC_SYSTEMD = 261
#: Set to 1 for systemctl, it reboots through firmware all the same.
SKIP_AUTO_KEXEC = "SYSTEMCTL_SKIP_AUTO_KEXEC"
_LIBRARY = re.compile(r"libsystemd-shared-(\d{1,6})")


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
    """Whether ``systemctl reboot`` would now start what is staged instead of the firmware."""
    version = systemd_version(prefix) if systemd and staged else None
    return version is not None and version >= AUTO_KEXEC_SYSTEMD
