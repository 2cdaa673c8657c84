"""Is this a whole machine, a virtual one, or a container on somebody else's kernel?"""

from __future__ import annotations

import os
from pathlib import Path

from warmboot.core.host.files import read_bytes, read_text

_CPUINFO = 4096
#: The first namespaces of a running kernel; source: include/linux/proc_ns.h.
_FIRST_PID = "pid:[4026531836]"
_FIRST_USER = "user:[4026531837]"
#: DMI vendor → hypervisor, as systemd-detect-virt(1) knows them.
_VENDORS = {
    "QEMU": "QEMU",
    "KVM": "KVM",
    "Amazon EC2": "Amazon EC2",
    "VMware": "VMware",
    "innotek GmbH": "VirtualBox",
    "VirtualBox": "VirtualBox",
    "Oracle Corporation": "VirtualBox",
    "Xen": "Xen",
    "Bochs": "Bochs",
    "Parallels": "Parallels",
    "BHYVE": "bhyve",
    "Hyper-V": "Hyper-V",
    "Apple Virtualization": "Apple Virtualization",
    "Google Compute Engine": "Google Compute Engine",
}


def read_container(prefix: Path) -> str | None:
    """Return what kind of container this is, None on a machine of its own.

    Sources: the container interface of systemd (/run/systemd/container, $container of process 1),
    namespaces(7), and the marks that Docker and Podman leave. The marks alone do not count in the
    first process namespace: machines made from a container's files have them too.
    """
    text = read_text(prefix / "run/systemd/container", 64)
    if text is None:
        environment = read_bytes(prefix / "proc/1/environ", 1 << 16) or b""
        for item in environment.split(b"\0"):
            if item.startswith(b"container="):
                text = item.removeprefix(b"container=")[:64].decode("utf-8", "backslashreplace")
    if text is not None:
        return text or "container"
    if _namespace(prefix, "pid") != _FIRST_PID:
        for mark, name in ((".dockerenv", "docker"), ("run/.containerenv", "podman")):
            if (prefix / mark).exists():
                return name
    return None if _namespace(prefix, "user") in (None, _FIRST_USER) else "user namespace"


def _namespace(prefix: Path, kind: str) -> str | None:
    try:
        return os.readlink(prefix / "proc/self/ns" / kind)
    except (OSError, ValueError):
        return None


def read_hypervisor(prefix: Path) -> str | None:
    """Return what runs this virtual machine, None on hardware (or where nothing tells)."""
    dmi = prefix / "sys/class/dmi/id"
    for name in ("sys_vendor", "product_name", "bios_vendor"):
        text = read_text(dmi / name, 128) or ""
        for vendor, hypervisor in _VENDORS.items():
            if text.startswith(vendor):
                return hypervisor
    tree = prefix / "sys/firmware/devicetree/base"
    if b"linux,dummy-virt" in (read_bytes(tree / "compatible", 512) or b""):
        return "QEMU"
    if read_text(prefix / "sys/hypervisor/type", 64) == "xen":
        return "Xen"
    return "a hypervisor" if "hypervisor" in read_cpu_flags(prefix) else None


def read_cpu_flags(prefix: Path) -> frozenset[str]:
    """Return the flags of the first processor in /proc/cpuinfo (x86 only).

    The kernel makes this file as it is read; only its beginning is.
    """
    for line in (read_text(prefix / "proc/cpuinfo", _CPUINFO) or "").splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "flags":
            return frozenset(value.split())
    return frozenset()
