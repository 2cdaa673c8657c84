"""Virtual machines and containers that run on this machine and would end with it."""

from __future__ import annotations

from pathlib import Path

from warmboot.core.host.files import names, read_fields, read_text
from warmboot.core.values import dataclass

_PROCESSES = 100_000
#: Name of a process (15 characters, see comm in proc(5)) → what it runs.
_MONITORS = {
    "qemu-system-": "virtual machine",
    "qemu-kvm": "virtual machine",
    "firecracker": "virtual machine",
    "cloud-hyperviso": "virtual machine",
    "crosvm": "virtual machine",
    "lkvm": "virtual machine",
    "VBoxHeadless": "virtual machine",
    "containerd-shim": "container",
    "conmon": "container",
    "systemd-nspawn": "container",
    "lxc-start": "container",
}
_NAMES = tuple(_MONITORS)


@dataclass(frozen=True)
class Guest:
    """`kind` is virtual machine or container, `name` what it is known by here."""

    kind: str
    name: str


def read_guests(prefix: Path) -> tuple[Guest, ...]:
    """Return the machines that systemd-machined knows, and those that run without it."""
    folder = prefix / "run/systemd/machines"
    found, known, services = [], set(), set()
    for name in names(folder):
        fields = None if ":" in name else read_fields(folder / name)
        if fields is None:
            continue
        kind = "container" if fields.get("CLASS") == "container" else "virtual machine"
        found.append(Guest(kind, fields.get("NAME", name)))
        known.add(fields.get("LEADER", ""))
        services.add(fields.get("SERVICE", ""))
    proc = prefix / "proc"
    for pid in _processes(proc):
        command = read_text(f"{proc}/{pid}/comm", 64) or ""
        if not command.startswith(_NAMES):
            continue
        if command == "systemd-nspawn" and services & {"systemd-nspawn", "nspawn"}:
            continue
        kinds = (kind for start, kind in _MONITORS.items() if command.startswith(start))
        if pid not in known and (monitor := next(kinds, None)):
            found.append(Guest(monitor, f"{command} ({pid})"))
    return tuple(found)


def _processes(proc: Path) -> list[str]:
    return [name for name in names(proc, _PROCESSES) if name.isascii() and name.isdigit()]
