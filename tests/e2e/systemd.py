"""A guest whose process 1 is Debian's systemd, with one service that runs the scenario."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from .cpio import Archive
from .fetch import Arch, cached, debian_packages, run
from .initramfs import GUEST_FILES, guest_initramfs

PACKAGES = (
    *("systemd", "libsystemd0", "libsystemd-shared", "mount", "libacl1", "libapparmor1"),
    *("libaudit1", "libattr1", "libblkid1", "libcap2", "libcap-ng0", "libcryptsetup12"),
    *("libdevmapper1.02.1", "libfdisk1", "libgcrypt20", "libgpg-error0", "libip4tc2", "libkmod2"),
    *("liblz4-1", "libmount1", "libpam0g", "libseccomp2", "libselinux1", "libpcre2-8-0"),
    *("libzstd1", "libjson-c5", "libudev1", "libargon2-1", "libcrypt1", "bsdutils"),
)
SERVICE = """\
[Unit]
Description=The scenario
DefaultDependencies=yes
[Service]
ExecStart=/scenario
ExecStop=/stopped
Environment=PATH=/usr/local/bin:/usr/bin:/bin LANG=C.UTF-8
StandardOutput=tty
StandardError=tty
TTYPath=/dev/ttyS0
"""
TARGET = """\
[Unit]
Description=The guest
Requires=basic.target scenario.service
After=basic.target
AllowIsolate=yes
"""


def systemd_initramfs(
    target: Path, files: Mapping[str, bytes], scenario: str, stopped: str
) -> None:
    """Write the initramfs of an x86-64 guest with systemd; `files` at their absolute paths.

    `scenario` is the file in guest/ that its service runs, `stopped` what systemd runs to stop it.
    """
    guest_initramfs(target, Arch.AMD64, files, GUEST_FILES / scenario)
    archive = Archive()
    archive.file("/stopped", GUEST_FILES / stopped, 0o755)
    archive.tree(_systemd_tree())
    archive.file("/etc/machine-id", b"")
    archive.file("/etc/systemd/system/scenario.service", SERVICE.encode())
    archive.file("/etc/systemd/system/default.target", TARGET.encode())
    for unit in ("systemd-resolved.service", "systemd-timesyncd.service"):
        archive.link(f"/etc/systemd/system/{unit}", "/dev/null")
    archive.file("/etc/passwd", b"root:x:0:0:root:/root:/bin/sh\n")
    archive.file("/etc/group", b"root:x:0:\ntty:x:5:\n")
    archive.link("/init", "/lib/systemd/systemd")
    with target.open("ab") as out:
        out.write(archive.to_bytes())


def _systemd_tree() -> Path:
    downloads = debian_packages(Arch.AMD64, PACKAGES)

    def unpack(folder: Path) -> None:
        for package in sorted(downloads.glob("*.deb")):
            run("dpkg-deb", "--extract", package, folder)

    return cached("trees", [downloads.name, "systemd"], unpack)
