"""bootctl(1) of Debian's newest systemd, unpacked from its package."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from .fetch import Arch, cached, debian_packages, run

_SUITE = "sid"
_PACKAGES = ("systemd-boot-tools", "libsystemd-shared", "libc6")
_LIMIT = 60.0  # seconds; it takes a few hundredths


def unpacked() -> Path:
    """A folder with the program and the libraries it needs, those of its own suite."""

    def unpack(folder: Path) -> None:
        debs = debian_packages(Arch.AMD64, _PACKAGES, _SUITE)
        for deb in sorted(debs.glob("*.deb")):
            run("dpkg-deb", "-x", deb, folder)

    return cached("bootctl", [_SUITE, *_PACKAGES], unpack)


def listed(esp: Path, xbootldr: Path | None = None) -> list[dict[str, Any]]:
    """The entries that systemd finds, in its order, as ``bootctl list --json`` has them.

    `xbootldr` has to lie on another file system than `esp`: as one file system, it is read once.
    """
    tree = unpacked()
    libraries = tree / "usr/lib/x86_64-linux-gnu"
    environment = {"PATH": os.environ["PATH"], "SYSTEMD_ESP_PATH": str(esp)}
    if xbootldr is not None:
        assert xbootldr.stat().st_dev != esp.stat().st_dev
        environment["SYSTEMD_XBOOTLDR_PATH"] = str(xbootldr)
    done = subprocess.run(
        [
            libraries / "ld-linux-x86-64.so.2",
            *("--library-path", f"{libraries}:{libraries / 'systemd'}"),
            *(tree / "usr/bin/bootctl", "list", "--json=short"),
        ],
        env=environment,
        capture_output=True,
        timeout=_LIMIT,
        check=True,
    )
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found
