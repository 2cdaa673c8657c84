"""Fake machines for tests: a tree of /proc, /sys and /run, files to change in it, and judgement."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from warmboot.core.host import read_host
from warmboot.core.host.surroundings import read_surroundings
from warmboot.core.images import Architecture, BytesView, identify
from warmboot.core.kexec import Choices, CommandLine, Finding, Origin, Plan, make_plan
from warmboot.core.kexec.checks.registry import examine_machine, preflight
from warmboot.core.sandbox.builders.kernel import build_arm64_image
from warmboot.core.sandbox.builders.zboot import build_zboot
from warmboot.core.sandbox.machine import SimulatedMachine, write_machine

EFIVAR = "sys/firmware/efi/efivars/{}-8be4df61-93ca-11d2-aa0d-00e098032b8c"
RELEASE = "6.1.0"
ARM64 = build_arm64_image("6.12.1-arm64", body_size=60_000)
ZBOOT = build_zboot(ARM64, arch="arm64", method="gzip")


def make_machine(root: Path, machine: str = "aarch64") -> Path:
    """Write a simulated machine that runs RELEASE and return its root."""
    write_machine(root, SimulatedMachine(machine, RELEASE, "root=/dev/vda1"))
    return root


def put(root: Path, name: str, content: str | bytes) -> Path:
    """Write one file of a machine, with the folders above it, and return its path."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def configure(root: Path, *options: str) -> None:
    """Make these the only build options of the running kernel."""
    put(root, f"boot/config-{RELEASE}", "".join(f"CONFIG_{option}=y\n" for option in options))


def lock(root: Path, name: str) -> None:
    """Make a file and list it in /proc/locks as locked, as the kernel does."""
    status = put(root, name, "").stat()
    device = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}"
    line = f"1: POSIX  ADVISORY  WRITE 4711 {device}:{status.st_ino} 0 EOF\n"
    put(root, "proc/locks", line)


def with_file(name: str, content: str | bytes) -> Callable[[Path], object]:
    """Return what puts one file into a machine."""
    return lambda root: put(root, name, content)


LOCKDOWN = with_file("sys/kernel/security/lockdown", "none [integrity] confidentiality\n")


def doctor(root: Path) -> dict[str, Finding]:
    """Judge the machine alone."""
    found = examine_machine(read_host(root), read_surroundings(root))
    return {finding.check: finding for finding in found}


def plan(root: Path, kernel: bytes = ARM64, cmdline: str = "root=/dev/a", **more: object) -> Plan:
    """Plan an image there; `more` are fields of Choices."""
    choices = Choices("/boot/k", ("/boot/initrd",), CommandLine(cmdline, Origin.TYPED))
    choices = replace(choices, **more)  # type: ignore[arg-type]
    image = identify(BytesView(kernel))
    return make_plan(choices, image, 1000, read_host(root), "loader", read_surroundings(root))


def planned(root: Path, kernel: bytes = ARM64, cmdline: str = "root=/dev/a") -> dict[str, Finding]:
    """Judge an image's plan there."""
    return {finding.check: finding for finding in plan(root, kernel, cmdline).findings}


def judge(
    root: Path,
    *,
    file_load: bool = True,
    panic: bool = False,
    host: Mapping[str, object] | None = None,
) -> dict[str, Finding]:
    """Judge an Image that is loaded as it is on a machine with these facts."""
    found = preflight(
        identify(BytesView(ARM64)),
        replace(read_host(root), **(host or {})),  # type: ignore[arg-type]
        Architecture.ARM64,
        handed_over_as_is=True,
        route_missing=None,
        cmdline="root=/dev/a",
        initrd_bytes=1000,
        devicetree=None,
        borrowed_cmdline=False,
        file_load=file_load,
        around=read_surroundings(root),
        panic=panic,
    )
    return {finding.check: finding for finding in found}
