"""Fake machines for tests: a tree of /proc, /sys and /run, files to change in it, and judgement."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from support.files import put
from warmboot.core.boot.cmdline_context import read_cmdline_context
from warmboot.core.boot.root import BootRoot
from warmboot.core.host import Host, read_host
from warmboot.core.host.live_state import read_live_state
from warmboot.core.images import BytesView, identify
from warmboot.core.plan.boot_files import FileNames
from warmboot.core.plan.checks.base import Finding
from warmboot.core.plan.checks.registry import judge_machine
from warmboot.core.plan.command_line import CommandLine
from warmboot.core.plan.context import PlanContext
from warmboot.core.plan.plan import Plan
from warmboot.core.plan.planner import make_plan
from warmboot.core.plan.request import Call, Origin, PlanRequest
from warmboot.core.sandbox.builders.kernel import build_arm64_image
from warmboot.core.sandbox.builders.zboot import build_zboot
from warmboot.core.sandbox.machine import SimulatedMachine, write_machine
from warmboot.core.sandbox.marker import write_marker

EFIVAR = "sys/firmware/efi/efivars/{}-8be4df61-93ca-11d2-aa0d-00e098032b8c"
RELEASE = "6.1.0"
ARM64 = build_arm64_image("6.12.1-arm64", body_size=60_000)
ZBOOT = build_zboot(ARM64, arch="arm64", method="gzip")


def make_machine(root: Path, machine: str = "aarch64") -> Path:
    """Write the files of a machine that runs RELEASE and return its root."""
    write_machine(root, SimulatedMachine(machine, RELEASE, "root=/dev/vda1"))
    return root


def make_sandbox(root: Path, machine: str = "aarch64", **more: str | None) -> Path:
    """Make a simulated machine without images and return its root; `more` are its other facts."""
    facts = {"release": RELEASE, "cmdline": "root=/dev/vda1", **more}
    root.mkdir(exist_ok=True)
    write_marker(root)
    write_machine(root, SimulatedMachine(machine, **facts))  # type: ignore[arg-type]
    return root


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
    found = judge_machine(read_host(root), read_live_state(root))
    return {finding.check: finding for finding in found}


def make_a_plan(
    host: Host,
    kernel: bytes = ARM64,
    cmdline: str = "root=/dev/a",
    *,
    origin: Origin = Origin.TYPED,
    files: Mapping[str, object] | None = None,
    context: Mapping[str, object] | None = None,
    **request: object,
) -> Plan:
    """Plan an image on a host; `files`, `context` and `request` are fields of those values."""
    image = identify(BytesView(kernel))
    names = FileNames("/boot/k", ("/boot/initrd",), 1000)
    seen = PlanContext(host, "loader")
    return make_plan(
        PlanRequest(kernel="/boot/k", **request),  # type: ignore[arg-type]
        None,
        names._replace(**(files or {})),  # type: ignore[arg-type]
        CommandLine(cmdline, origin),
        image,
        seen._replace(**(context or {})),  # type: ignore[arg-type]
    )


def plan(root: Path, kernel: bytes = ARM64, cmdline: str = "root=/dev/a", **more: object) -> Plan:
    """Plan an image there; `more` are fields of the request, or `files` and `context`.

    `signed` stands for the field of `files`.
    """
    context = {"live": read_live_state(root), **more.pop("context", {})}  # type: ignore[dict-item]
    files = {**more.pop("files", {})}  # type: ignore[dict-item]
    if "signed" in more:
        files["signed"] = more.pop("signed")
    more["files"] = files
    return make_a_plan(read_host(root), kernel, cmdline, context=context, **more)  # type: ignore[arg-type]


def planned(root: Path, kernel: bytes = ARM64, cmdline: str = "root=/dev/a") -> dict[str, Finding]:
    """Judge an image's plan there, its command line included."""
    context = {"cmdline": read_cmdline_context(root, BootRoot(root), "aarch64")}
    made = plan(root, kernel, cmdline, context=context)
    return {finding.check: finding for finding in made.findings}


def judge(
    root: Path,
    *,
    file_load: bool = True,
    panic: bool = False,
    host: Mapping[str, object] | None = None,
) -> dict[str, Finding]:
    """Judge an Image that is loaded as it is on a machine with these facts."""
    facts = replace(read_host(root), **(host or {}))  # type: ignore[arg-type]
    call = None if file_load else Call.LOAD
    made = make_a_plan(facts, panic=panic, loader=call, context={"live": read_live_state(root)})
    return {finding.check: finding for finding in made.findings}
