"""Is this a whole machine, a virtual one, or a container on somebody else's kernel?"""

from __future__ import annotations

from pathlib import Path

from warmboot.core.host.files import number, read_bytes, read_text
from warmboot.core.rooted import link_target

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


#: What a program has that only shares no file systems with process 1: a service of its own, or a
#: container that sees all processes.
MOUNTS_APART = "mount namespace"
#: Files that container programs leave; they do not count alone: machines made from a container's
#: files have them too.
_MARKS = ((".dockerenv", "docker"), ("run/.containerenv", "podman"))
#: Parts of the names of control groups that container programs make.
_GROUPS = {
    "/docker": "docker",
    "/libpod": "podman",
    "/lxc": "lxc",
    "/kubepods": "kubernetes",
    "/cri-containerd": "containerd",
    "/machine.slice/systemd-nspawn": "systemd-nspawn",
}


def read_container(prefix: Path) -> str | None:
    """Return what kind of container this is, None on a machine of its own.

    MOUNTS_APART is less than certain. Sources: systemd-detect-virt(1), the container interface of
    systemd (/run/host/container-manager, /run/systemd/container, $container of process 1),
    namespaces(7), and the marks that container programs leave.
    """
    if (prefix / "proc/vz").exists() and not (prefix / "proc/bc").exists():
        return "openvz"  # /proc/bc is there on the machine below
    release = (read_text(prefix / "proc/sys/kernel/osrelease", 256) or "").lower()
    if "microsoft" in release or "wsl" in release:
        return "wsl"
    said = _said(prefix) or _traced_by_proot(prefix)
    if said is not None:
        return said
    pid = _namespace(prefix, "self", "pid")
    if pid is None:
        return _marked(prefix)
    if pid != _FIRST_PID:
        return _marked(prefix) or _grouped(prefix) or "process namespace"
    own, first = _namespace(prefix, "self", "mnt"), _namespace(prefix, "1", "mnt")
    if own is not None and first is not None and own != first:
        return _marked(prefix) or _grouped(prefix) or MOUNTS_APART
    if _namespace(prefix, "self", "user") not in (None, _FIRST_USER):
        return "user namespace"
    return _grouped(prefix, "1")


def _said(prefix: Path) -> str | None:
    """Return what the container's own program says it is."""
    for place in ("run/host/container-manager", "run/systemd/container"):
        text = read_text(prefix / place, 64)
        if text is not None:
            return text or "container"
    environment = read_bytes(prefix / "proc/1/environ", 1 << 16) or b""
    for item in environment.split(b"\0"):
        if item.startswith(b"container="):
            text = item.removeprefix(b"container=")[:64].decode("utf-8", "backslashreplace")
            return text or "container"
    return None


def _traced_by_proot(prefix: Path) -> str | None:
    for line in (read_text(prefix / "proc/self/status", 1 << 16) or "").splitlines():
        name, _, value = line.partition(":")
        tracer = number(value) if name == "TracerPid" else None
        if tracer and (read_text(prefix / f"proc/{tracer}/comm", 64) or "").startswith("proot"):
            return "proot"
    return None


def _marked(prefix: Path) -> str | None:
    return next((name for mark, name in _MARKS if (prefix / mark).exists()), None)


def _grouped(prefix: Path, *processes: str) -> str | None:
    """Return the kind of container whose control group a process is in."""
    for process in processes or ("self", "1"):
        groups = read_text(prefix / "proc" / process / "cgroup", 1 << 14) or ""
        for part, name in _GROUPS.items():
            if part in groups:
                return name
    return None


def _namespace(prefix: Path, process: str, kind: str) -> str | None:
    return link_target(prefix / "proc" / process / "ns" / kind)


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
