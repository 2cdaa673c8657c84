"""kexec_load(2): where everything goes in memory, one placer for each architecture.

A placer is ``place`` of a module here; ArchitectureFacts.placed_here names the architectures that
have one.
"""

import importlib

from warmboot.core.architecture import Architecture, of_machine
from warmboot.core.errors import Blocked
from warmboot.core.load.kexec_load.segments import Placer

#: Architecture → the module of its placer.
PLACERS = {
    Architecture.ARM64: "arm64",
    Architecture.RISCV64: "riscv64",
    Architecture.LOONGARCH64: "loongarch64",
}


def placer_for(machine: str) -> Placer:
    """Return the placer for what ``uname -m`` calls `machine`; raises Blocked without one."""
    architecture = of_machine(machine)
    name = PLACERS.get(architecture) if architecture is not None else None
    if name is None:
        raise Blocked(f"warmboot cannot place kernels in memory on {machine}")
    place: Placer = importlib.import_module(f"{__name__}.{name}").place
    return place
