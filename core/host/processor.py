"""The processor and its microcode: which revision runs, and which files update it (x86 only).

Sources: /proc/cpuinfo; Documentation/arch/x86/microcode.rst; the kernel keeps what was loaded
through a kexec, which resets no processor (Intel's manual, volume 3, "Microcode Update").
"""

from __future__ import annotations

from pathlib import Path

from warmboot.core.host.files import read_text
from warmboot.core.host.virtualization import read_hypervisor
from warmboot.core.values import NamedTuple

_CPUINFO = 1 << 16
_AMD_BY_FAMILY = 0x15  # from this family on, files of AMD are named by it


class Processor(NamedTuple):
    """A processor whose microcode a system loads. `revision` is what runs, None if not known.

    `file` is the name below /usr/lib/firmware, `early` that in an initrd's first archive.
    """

    revision: str | None
    file: str
    early: str


def read_processor(prefix: Path) -> Processor | None:
    """Return it; None on other processors and in a virtual machine, whose host loads microcode."""
    first = (read_text(prefix / "proc/cpuinfo", _CPUINFO) or "").split("\n\n", 1)[0]
    pairs = (line.partition(":") for line in first.splitlines())
    fields = {name.strip(): value.strip() for name, _, value in pairs}
    numbers = [fields.get(name, "") for name in ("cpu family", "model", "stepping")]
    if not all(one.isascii() and one.isdigit() and len(one) < 5 for one in numbers):
        return None
    family, model, stepping = map(int, numbers)
    revision = fields.get("microcode")
    vendor = fields.get("vendor_id")
    if vendor == "GenuineIntel":
        file = f"intel-ucode/{family:02x}-{model:02x}-{stepping:02x}"
    elif vendor == "AuthenticAMD":
        by_family = f"_fam{family:02x}h" if family >= _AMD_BY_FAMILY else ""
        file = f"amd-ucode/microcode_amd{by_family}.bin"
    else:
        return None
    if read_hypervisor(prefix) is not None:
        return None
    return Processor(revision, file, f"kernel/x86/microcode/{vendor}.bin")
