"""Fake machines for tests: a whole tree of /proc, /sys and /run, and files to change in it."""

from __future__ import annotations

from pathlib import Path

from warmboot.core.sandbox.machine import SimulatedMachine, write_machine

EFIVAR = "sys/firmware/efi/efivars/{}-8be4df61-93ca-11d2-aa0d-00e098032b8c"
RELEASE = "6.1.0"


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
    device = f"{status.st_dev >> 8 & 0xFFF:02x}:{status.st_dev & 0xFF:02x}"
    line = f"1: POSIX  ADVISORY  WRITE 4711 {device}:{status.st_ino} 0 EOF\n"
    put(root, "proc/locks", line)
