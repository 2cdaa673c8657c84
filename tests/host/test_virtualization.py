"""What runs this machine, measured against the names that systemd-detect-virt(1) documents."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from support.files import put
from support.machines import make_machine
from support.tools import needs_tool

from warmboot.core.host import read_host
from warmboot.core.host.virtualization import read_hypervisor

DMI = "sys/class/dmi/id/"
TREE = "sys/firmware/devicetree/base/"
VIRTUAL = "flags\t\t: fpu hypervisor\n"
REAL = "flags\t\t: fpu vmx\n"
CPUID = "dev/cpu/0/cpuid"

#: systemd-detect-virt's name → files that its source looks at, and what warmboot calls it.
MACHINES: dict[str, list[tuple[Mapping[str, str | bytes], str | None]]] = {
    "qemu": [
        ({DMI + "sys_vendor": "QEMU\n"}, "QEMU"),
        ({CPUID: b"\1\0\0\x40TCGTCGTCGTCG", "proc/cpuinfo": VIRTUAL}, "QEMU"),
        ({TREE + "fw-cfg@9020000/reg": ""}, "QEMU"),
        ({TREE + "compatible": b"qemu,pseries\0"}, "QEMU"),
        ({TREE + "compatible": b"linux,dummy-virt\0"}, "QEMU"),
    ],
    "kvm": [
        *(({DMI + "product_name": name}, "KVM") for name in ("KVM", "KubeVirt", "OpenStack Nova")),
        ({CPUID: b"\1\0\0\x40KVMKVMKVM\0\0\0", "proc/cpuinfo": VIRTUAL}, "KVM"),
        ({CPUID: b"\1\0\0\x40Linux KVM Hv", "proc/cpuinfo": VIRTUAL}, "KVM"),
        ({TREE + "hypervisor/compatible": b"linux,kvm\0"}, "KVM"),
        ({"proc/sysinfo": "Manufacturer: IBM\nVM00 Control Program: KVM/Linux\n"}, "KVM"),
    ],
    "amazon": [({DMI + "sys_vendor": "Amazon EC2\n", DMI + "product_name": "t3"}, "Amazon EC2")],
    "zvm": [({"proc/sysinfo": "VM00 Control Program: z/VM    7.2.0\n"}, "z/VM")],
    "vmware": [
        ({DMI + "sys_vendor": "VMware, Inc."}, "VMware"),
        ({DMI + "bios_vendor": "VMW"}, "VMware"),
        ({CPUID: b"\x10\0\0\x40VMwareVMware", "proc/cpuinfo": VIRTUAL}, "VMware"),
        ({TREE + "hypervisor/compatible": b"vmware\0"}, "VMware"),
    ],
    "microsoft": [
        ({DMI + "product_version": "Hyper-V UEFI Release"}, "Hyper-V"),
        ({CPUID: b"\5\0\0\x40Microsoft Hv", "proc/cpuinfo": VIRTUAL}, "Hyper-V"),
    ],
    "oracle": [
        *(({DMI + "board_vendor": name}, "VirtualBox") for name in ("innotek GmbH", "VirtualBox")),
        ({DMI + "sys_vendor": "Oracle Corporation", "proc/cpuinfo": VIRTUAL}, "VirtualBox"),
    ],
    "powervm": [({TREE + "ibm,partition-name": "lpar", TREE + "hmc-managed?": ""}, "PowerVM")],
    "xen": [
        ({"sys/hypervisor/type": "xen\n"}, "Xen"),
        ({"proc/xen/capabilities": "\n"}, "Xen"),
        ({DMI + "sys_vendor": "Xen"}, "Xen"),
        ({CPUID: b"\2\0\0\x40XenVMMXenVMM", "proc/cpuinfo": VIRTUAL}, "Xen"),
        ({TREE + "hypervisor/compatible": b"xen,xen-4.17\0xen,xen\0"}, "Xen"),
    ],
    "bochs": [({DMI + "bios_vendor": "Bochs"}, "Bochs")],
    "uml": [({"proc/cpuinfo": "vendor_id\t: User Mode Linux\n"}, "User Mode Linux")],
    "parallels": [({DMI + "sys_vendor": "Parallels Software"}, "Parallels")],
    "bhyve": [
        ({DMI + "product_name": "BHYVE"}, "bhyve"),
        ({CPUID: b"\1\0\0\x40bhyve bhyve ", "proc/cpuinfo": VIRTUAL}, "bhyve"),
    ],
    "qnx": [({CPUID: b"\1\0\0\x40QNXQVMBSQG\0\0", "proc/cpuinfo": VIRTUAL}, "QNX")],
    "acrn": [({CPUID: b"\1\0\0\x40ACRNACRNACRN", "proc/cpuinfo": VIRTUAL}, "ACRN")],
    "apple": [({DMI + "product_name": "Apple Virtualization Generic"}, "Apple Virtualization")],
    "sre": [({CPUID: b"\1\0\0\x40SRESRESRESRE", "proc/cpuinfo": VIRTUAL}, "SRE")],
    "google": [({DMI + "product_name": "Google Compute Engine"}, "Google Compute Engine")],
    "vm-other": [
        ({"proc/cpuinfo": VIRTUAL}, "a hypervisor"),
        ({CPUID: b"\1\0\0\x40Unknown1Unkn", "proc/cpuinfo": VIRTUAL}, "a hypervisor"),
        ({TREE + "hypervisor/compatible": b"acme,hv\0"}, "a hypervisor"),
        ({"sys/firmware/dmi/entries/0-0/raw": bytes(0x13) + b"\x10"}, "a hypervisor"),
    ],
    "none": [
        ({}, None),
        ({"proc/cpuinfo": REAL, DMI + "sys_vendor": "Dell Inc."}, None),
        ({DMI + "sys_vendor": "Amazon EC2", DMI + "product_name": "c5.metal"}, None),
        ({"proc/xen/capabilities": "control_d\n", "sys/hypervisor/type": "xen\n"}, None),
        ({DMI + "sys_vendor": "Oracle Corporation", "proc/cpuinfo": REAL}, None),
        ({"sys/firmware/dmi/entries/0-0/raw": bytes(0x14)}, None),
        ({CPUID: b"\1\0\0\x40KVMKVMKVM\0\0\0", "proc/cpuinfo": REAL}, None),
        ({TREE + "compatible": b"raspberrypi,4-model-b\0"}, None),
    ],
}  # fmt: skip
#: systemd-detect-virt's name → what is there in such a container.
CONTAINERS: dict[str, list[Mapping[str, str | bytes]]] = {
    "openvz": [{"proc/vz/version": ""}],
    "lxc": [{"run/systemd/container": "lxc\n"}, {"proc/1/environ": b"A=b\0container=lxc\0"}],
    "lxc-libvirt": [{"proc/1/environ": b"container=lxc-libvirt\0"}],
    "systemd-nspawn": [{"run/host/container-manager": "systemd-nspawn\n"}],
    "docker": [{".dockerenv": ""}, {"proc/1/environ": b"container=docker\0"}],
    "podman": [{"run/.containerenv": ""}, {"run/systemd/container": "podman"}],
    "rkt": [{"run/systemd/container": "rkt"}],
    "wsl": [{"proc/sys/kernel/osrelease": "4.4.0-Microsoft\n"},
            {"proc/sys/kernel/osrelease": "5.15.1-microsoft-standard-WSL2\n"}],
    "proot": [{"proc/self/status": "CapEff: ffffffff\nTracerPid:\t7\n", "proc/7/comm": "proot\n"}],
    "pouch": [{"run/systemd/container": "pouch"}],
    "container-other": [{"proc/1/environ": b"container=acme\0"}],
}  # fmt: skip
#: What systemd-detect-virt(1) documents, of systemd 257.
VM_NAMES = {
    *("qemu", "kvm", "amazon", "zvm", "vmware", "microsoft", "oracle", "powervm", "xen", "bochs"),
    *("uml", "parallels", "bhyve", "qnx", "acrn", "apple", "sre", "google"),
}
CONTAINER_NAMES = {
    *("openvz", "lxc", "lxc-libvirt", "systemd-nspawn", "docker", "podman", "rkt", "wsl"),
    *("proot", "pouch"),
}


def written(root: Path, files: Mapping[str, str | bytes]) -> Path:
    make_machine(root)
    for name, content in files.items():
        if name != CPUID:
            put(root, name, content)
            continue
        put(root, name, b"")  # as the device: a leaf stands at its number
        with (root / name).open("rb+") as file:
            os.pwrite(file.fileno(), content if isinstance(content, bytes) else b"", 0x40000000)
    return root


def test_every_documented_name_is_known() -> None:
    assert MACHINES.keys() - {"none", "vm-other"} == VM_NAMES
    assert CONTAINERS.keys() - {"container-other"} == CONTAINER_NAMES
    listed = subprocess.run(
        [needs_tool("systemd-detect-virt"), "--list"], capture_output=True, text=True, check=True
    )
    assert set(listed.stdout.split()) <= MACHINES.keys() | CONTAINERS.keys()


CASES = [(name, files, said) for name, marks in MACHINES.items() for files, said in marks]


@pytest.mark.parametrize(
    ("name", "files", "said"), CASES, ids=[f"{name}-{n}" for n, (name, *_) in enumerate(CASES)]
)
def test_machines(
    tmp_path: Path, name: str, files: Mapping[str, str | bytes], said: str | None
) -> None:
    root = written(tmp_path, files)
    assert read_hypervisor(root) == said, name
    assert read_host(root).container is None


@pytest.mark.parametrize("name", CONTAINERS)
def test_containers(tmp_path: Path, name: str) -> None:
    for number, files in enumerate(CONTAINERS[name]):
        (tmp_path / str(number)).mkdir()
        found = read_host(written(tmp_path / str(number), files)).container
        assert found == ("acme" if name == "container-other" else name)
