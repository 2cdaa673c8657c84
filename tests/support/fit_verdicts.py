"""What is said of a kernel that has these modules and programs in its initrd."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from support.answers import worst_findings
from support.command import Call
from support.files import put
from support.hardware_trees import MODULES
from support.kernel_modules import KernelModule
from warmboot.core.sandbox.builders.bzimage import build_bzimage
from warmboot.core.sandbox.builders.initrd import build_initrd

NEW = "6.12.0-new"
_MORE = (
    KernelModule("kernel/drivers/nvme/host/nvme-fabrics.ko", needs=("nvme_core",)),
    KernelModule("kernel/drivers/nvme/host/nvme-tcp.ko", needs=("nvme_core", "nvme_fabrics")),
    KernelModule("kernel/drivers/scsi/iscsi_tcp.ko", needs=("scsi_mod",)),
    KernelModule("kernel/drivers/block/nbd.ko"),
    KernelModule("kernel/drivers/md/bcache/bcache.ko"),
    KernelModule("updates/dkms/zfs.ko", ("fs-zfs",)),
    *(
        KernelModule(f"kernel/drivers/md/dm-{name}.ko", needs=("dm_mod",))
        for name in ("multipath", "verity", "integrity", "thin-pool", "cache", "raid", "mirror")
    ),
    KernelModule("kernel/drivers/md/dm-snapshot.ko", needs=("dm_mod",)),
)
#: Every module of a kernel that lacks nothing, those of odd roots too.
ALL = {**MODULES, **{module.name: module for module in _MORE}}


def judge(
    root: Path,
    call: Call,
    inside: set[str],
    programs: set[str],
    words: str,
    known: Mapping[str, KernelModule] = ALL,
    without: tuple[str, ...] = (),
) -> Any:
    """Return the worst finding of each check for a kernel with these modules and programs.

    `known` are all modules there are; those in `without` are not in the initrd.
    """
    folder = root / "usr/lib/modules" / NEW
    names = {*inside, "ext4", "jbd2", "libcrc32c"} - {"", *without}
    files = {f"usr/lib/modules/{NEW}/{known[name].path}": b"x" for name in names}
    files |= {f"usr/sbin/{name}": b"x" for name in programs} | {"init": b"x"}
    for name in ("modules.dep", "modules.alias", "modules.builtin"):
        if (folder / name).exists():
            files[f"usr/lib/modules/{NEW}/{name}"] = (folder / name).read_bytes()
    put(root, "boot/vmlinuz", build_bzimage(NEW))
    put(root, "boot/initrd", build_initrd(files, method="gzip"))
    entry = f"title New\nversion {NEW}\nlinux /boot/vmlinuz\ninitrd /boot/initrd\n"
    put(root, "boot/loader/entries/new.conf", f"{entry}options root=/dev/vda1 {words}\n")
    _, answer = call("doctor", "new.conf")
    return worst_findings(answer)
