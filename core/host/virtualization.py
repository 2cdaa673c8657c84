"""Is this a whole machine, a virtual one, or a container on somebody else's kernel?"""

from __future__ import annotations

from pathlib import Path

from warmboot.core.host.files import names, number, read_bytes, read_text
from warmboot.core.rooted import link_target

_CPUINFO = 4096
#: The first namespaces of a running kernel; source: include/linux/proc_ns.h.
_FIRST_PID = "pid:[4026531836]"
_FIRST_USER = "user:[4026531837]"
#: Starts of DMI texts → hypervisor. This and what follows: systemd-detect-virt(1) and what it
#: looks at (systemd's src/basic/virt.c).
_VENDORS = {
    "KVM": "KVM",
    "OpenStack": "KVM",
    "KubeVirt": "KVM",
    "Amazon EC2": "Amazon EC2",
    "QEMU": "QEMU",
    "VMware": "VMware",
    "VMW": "VMware",
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
_DMI = ("product_name", "sys_vendor", "board_vendor", "bios_vendor", "product_version")
#: They make machines too, whose DMI says the same: there the processor must say it is virtual.
_ALSO_HARDWARE = ("Oracle Corporation",)
_METAL = ".metal"  # the product names of Amazon's machines that are not virtual
#: Bit 4 of the second extension byte of SMBIOS type 0: this is a virtual machine.
_SMBIOS_BYTE, _SMBIOS_BIT = 0x13, 1 << 4
#: Leaf 0x40000000 of CPUID, as /dev/cpu/0/cpuid gives it: eax, then twelve characters.
_CPUID_LEAF = 0x40000000
_CPUID = {
    b"XenVMMXenVMM": "Xen",
    b"KVMKVMKVM\0\0\0": "KVM",
    b"Linux KVM Hv": "KVM",
    b"TCGTCGTCGTCG": "QEMU",
    b"VMwareVMware": "VMware",
    b"Microsoft Hv": "Hyper-V",
    b"bhyve bhyve ": "bhyve",
    b"QNXQVMBSQG\0\0": "QNX",
    b"ACRNACRNACRN": "ACRN",
    b"SRESRESRESRE": "SRE",
    b"Apple VZ\0\0\0\0": "Apple Virtualization",
}
#: Parts of /proc/device-tree/hypervisor/compatible, and of the tree's own compatible.
_TREE = ((b"linux,kvm", "KVM"), (b"xen", "Xen"), (b"vmware", "VMware"))
_BOARDS = ((b"linux,dummy-virt", "QEMU"), (b"qemu,", "QEMU"))
#: Starts of lines of /proc/cpuinfo and /proc/sysinfo (s390).
_CPUINFO_LINES = {"vendor_id\t: User Mode Linux": "User Mode Linux"}
_SYSINFO = {"z/VM": "z/VM", "KVM/Linux": "KVM"}


#: What a program has that only shares no file systems with process 1: a service of its own, or a
#: container that sees all processes.
MOUNTS_APART = "mount namespace"
#: Files that container programs leave; they do not count alone: machines made from a container's
#: files have them too.
_MARKS = ((".dockerenv", "docker"), ("run/.containerenv", "podman"))
#: Parts of the names of control groups that container programs make.
_GROUPS = {
    "/docker": "docker",
    "/pouch": "pouch",
    "/machine.slice/machine-rkt": "rkt",
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
    """Return what runs this virtual machine, None on hardware (or where nothing tells).

    The first domain of Xen counts as hardware.
    """
    readers = (_by_xen, _by_dmi, _by_cpuid, _by_tree, _by_kernel)
    found = next(filter(None, (reader(prefix) for reader in readers)), None)
    if found is not None:
        return None if found == _HARDWARE else found
    return "a hypervisor" if "hypervisor" in read_cpu_flags(prefix) else None


_HARDWARE = "hardware"


def _by_xen(prefix: Path) -> str | None:
    if "control_d" in (read_text(prefix / "proc/xen/capabilities", 256) or ""):
        return _HARDWARE
    xen = read_text(prefix / "sys/hypervisor/type", 64) == "xen"
    return "Xen" if xen or (prefix / "proc/xen").is_dir() else None


def _by_dmi(prefix: Path) -> str | None:
    folder = prefix / "sys/class/dmi/id"
    texts = {name: read_text(folder / name, 128) or "" for name in _DMI}
    flags = read_cpu_flags(prefix)
    hardware = bool(flags) and "hypervisor" not in flags
    for text in texts.values():
        for vendor, hypervisor in _VENDORS.items():
            if text.startswith(vendor) and not (hardware and vendor in _ALSO_HARDWARE):
                metal = texts["product_name"].endswith(_METAL)
                return _HARDWARE if metal and hypervisor == "Amazon EC2" else hypervisor
    raw = read_bytes(prefix / "sys/firmware/dmi/entries/0-0/raw", _SMBIOS_BYTE + 1) or b""
    virtual = len(raw) > _SMBIOS_BYTE and raw[_SMBIOS_BYTE] & _SMBIOS_BIT
    return "a hypervisor" if virtual else None


def _by_cpuid(prefix: Path) -> str | None:
    if "hypervisor" not in read_cpu_flags(prefix):
        return None
    raw = read_bytes(prefix / "dev/cpu/0/cpuid", 16, _CPUID_LEAF)
    return _CPUID.get(raw[4:]) if raw else None


def _by_tree(prefix: Path) -> str | None:
    tree = prefix / "sys/firmware/devicetree/base"
    hypervisor = read_bytes(tree / "hypervisor/compatible", 512)
    if hypervisor is not None:
        return next((name for part, name in _TREE if part in hypervisor), "a hypervisor")
    board = read_bytes(tree / "compatible", 512) or b""
    for part, name in _BOARDS:
        if part in board:
            return name
    there = set(names(tree))
    if {"ibm,partition-name", "hmc-managed?"} <= there:
        qemu = (tree / "chosen/qemu,graphic-width").exists()
        return "QEMU" if qemu else "PowerVM"
    return "QEMU" if any("fw-cfg" in name for name in there) else None


def _by_kernel(prefix: Path) -> str | None:
    lines = (read_text(prefix / "proc/cpuinfo", _CPUINFO) or "").splitlines()
    for line in lines:
        for start, hypervisor in _CPUINFO_LINES.items():
            if line.startswith(start):
                return hypervisor
    for line in (read_text(prefix / "proc/sysinfo", 1 << 14) or "").splitlines():
        name, _, value = line.partition(":")
        if name == "VM00 Control Program":
            found = (who for what, who in _SYSINFO.items() if value.strip().startswith(what))
            return next(found, "a hypervisor")
    return None


def read_cpu_flags(prefix: Path) -> frozenset[str]:
    """Return the flags of the first processor in /proc/cpuinfo (x86 only).

    The kernel makes this file as it is read; only its beginning is.
    """
    for line in (read_text(prefix / "proc/cpuinfo", _CPUINFO) or "").splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "flags":
            return frozenset(value.split())
    return frozenset()
