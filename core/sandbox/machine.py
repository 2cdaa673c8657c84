"""The /proc, /sys and /run files of a simulated machine."""

from __future__ import annotations

import uuid
from pathlib import Path

from warmboot.core.architecture import Architecture, of_machine
from warmboot.core.sandbox.builders.btf import build_kernel_btf
from warmboot.core.sandbox.builders.devicetree import build_tree
from warmboot.core.values import dataclass

_CONFIG = """\
CONFIG_KEXEC=y
CONFIG_KEXEC_FILE=y
CONFIG_BLK_DEV_INITRD=y
CONFIG_KEXEC_SIG=y
CONFIG_KEXEC_IMAGE_VERIFY_SIG=y
CONFIG_IMA_ARCH_POLICY=y
CONFIG_IMA_SECURE_AND_OR_TRUSTED_BOOT=y
CONFIG_KEXEC_BZIMAGE_VERIFY_SIG=y
CONFIG_HOTPLUG_CPU=y
# CONFIG_KEXEC_SIG_FORCE is not set
CONFIG_BLK_DEV_INITRD=y
CONFIG_RD_GZIP=y
CONFIG_RD_ZSTD=y
"""
_KEXEC_BPF = """
CONFIG_BPF_SYSCALL=y
CONFIG_DEBUG_INFO_BTF=y
CONFIG_FUNCTION_TRACER=y
CONFIG_KEXEC_BPF=y"""
_SESSIONS = (
    ("3", "USER=root\nCLASS=user\nSTATE=active\nTTY=pts/0\nREMOTE=1\nREMOTE_HOST=192.0.2.17\n"),
    ("7", "USER=ansible\nCLASS=user\nSTATE=active\nTTY=pts/1\nREMOTE=1\nREMOTE_HOST=192.0.2.40\n"),
)

#: /proc/iomem of machines with memory like those of QEMU's, 3.8 GiB of it.
MEMORY = {
    Architecture.ARM64: """\
09000000-09000fff : pl011@9000000
40000000-12fffffff : System RAM
  40210000-417dffff : Kernel code
  417e0000-41a5ffff : reserved
  41a60000-41f3ffff : Kernel data
  48000000-4a9fcfff : reserved""",
    Architecture.RISCV64: """\
10000000-100000ff : serial
80000000-16fffffff : System RAM
  80000000-8007ffff : Reserved
  80200000-80201fff : Reserved
  80202000-8259fa8f : Kernel image
    80202000-80fd39f9 : Kernel code
    81400000-81ffffff : Kernel rodata
    82200000-824f45ff : Kernel data
    824f5000-8259fa8f : Kernel bss
  8259fa90-825fffff : Reserved
  88200000-8eaf9fff : Reserved""",
    Architecture.LOONGARCH64: """\
00000000-0fffffff : System RAM
  00000000-001fffff : Reserved
  00200000-012fffff : Kernel code
  01300000-01b139ff : Kernel data
  01b13a00-01bfee6f : Kernel bss
  01bfee70-01bfffff : Reserved
  01c00000-05cc3fff : Reserved
  08400000-0ed9ffff : Reserved
1fe001e0-1fe002df : serial
80000000-16fffffff : System RAM
  80000000-87ffffff : Reserved
  ec000000-edffffff : Reserved
  efbd8000-efedbfff : Reserved""",
}


@dataclass(frozen=True)
class SimulatedMachine:
    """What kind of machine to simulate; `machine` is what ``uname -m`` prints on it.

    `kexec_bpf` is the dialect of the parser interface that its kernel has, "v6" or "v7".
    """

    machine: str
    release: str
    cmdline: str
    name: str = "sandbox"
    memory_kib: int = 3_900_000
    kexec_bpf: str | None = None


def write_machine(root: Path, machine: SimulatedMachine) -> None:
    """Write the files that the facts of a machine are read from."""
    kernel = root / "proc/sys/kernel"
    files = {
        kernel / "hostname": machine.name,
        kernel / "osrelease": machine.release,
        kernel / "arch": machine.machine,
        kernel / "kexec_load_disabled": "0",
        kernel / "kexec_load_limit_reboot": "-1",
        kernel / "kexec_load_limit_panic": "-1",
        kernel / "random/boot_id": str(uuid.uuid4()),
        root / "proc/cmdline": f"BOOT_IMAGE=/vmlinuz-{machine.release} {machine.cmdline}",
        root / "proc/uptime": "1036983.12 2011734.40",
        root / "proc/meminfo": f"MemTotal: 4000000 kB\nMemAvailable: {machine.memory_kib} kB",
        root / "proc/self/status": "Name:\twarmboot\nCapEff:\t000001ffffffffff",
        root / "proc/self/sessionid": _SESSIONS[0][0],
        root / "sys/kernel/kexec_loaded": "0",
        root / "sys/kernel/kexec_crash_loaded": "0",
        root / "sys/kernel/kexec_crash_size": "0",
        root / "sys/devices/system/cpu/possible": "0-3",
        root / "proc/self/mountinfo": "29 1 254:2 / / rw - ext4 /dev/vda2 rw",
        root / "proc/swaps": "Filename Type Size Used Priority",
        root / "sys/power/resume": "0:0",
        root / "sys/kernel/security/lockdown": "[none] integrity confidentiality",
        root / f"boot/config-{machine.release}": _CONFIG.rstrip("\n"),
        root / "etc/os-release": 'NAME="Warmboot sandbox"\nPRETTY_NAME="Warmboot sandbox"',
    }
    if machine.kexec_bpf is not None:
        files[root / f"boot/config-{machine.release}"] += _KEXEC_BPF
        btf = root / "sys/kernel/btf/vmlinux"
        btf.parent.mkdir(parents=True, exist_ok=True)
        btf.write_bytes(build_kernel_btf(machine.kexec_bpf))
    architecture = of_machine(machine.machine)
    if architecture in MEMORY:
        files[root / "proc/iomem"] = MEMORY[architecture]
    if architecture is not None and architecture.facts.tree_goes_along:
        tree = root / "sys/firmware/fdt"
        tree.parent.mkdir(parents=True, exist_ok=True)
        tree.write_bytes(build_tree({"compatible": b"sandbox\0", "chosen": {"bootargs": b"\0"}}))
    for name, text in _SESSIONS:
        files[root / "run/systemd/sessions" / name] = text.rstrip("\n")
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
