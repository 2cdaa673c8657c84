"""Can the new kernel unpack an initrd, and has it the memory? By its build options and machine.

Sources: usr/Kconfig (RD_*), lib/xz/Kconfig (XZ_DEC_*), init/initramfs.c, init/do_mounts.c
(init_rootfs), mm/shmem.c (shmem_default_max_blocks); for mem= arch/x86/kernel/e820.c
(e820_add_kernel_range) and setup.c (relocate_initrd), arch/arm64/mm/init.c (arm64_memblock_init).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping

from warmboot.core.architecture import Architecture, kernel_version, of_machine
from warmboot.core.boot.cmdline import Word, WordGroup, parse
from warmboot.core.host import Host
from warmboot.core.host.hardware import read_memory
from warmboot.core.images.compression import options_since
from warmboot.core.plan.checks.crashkernel import Malformed, memparse, reserve
from warmboot.core.text import size
from warmboot.core.values import NamedTuple

_TAKES_INITRDS = "BLK_DEV_INITRD"


class Lack(NamedTuple):
    """What a kernel lacks for an initrd; `certain`: its build options say so."""

    certain: bool
    text: str


def lacks(
    needs: Iterable[str], options: Mapping[str, str] | None, release: str | None
) -> Iterator[Lack]:
    """Yield why the kernel cannot unpack what `needs` these build options, or may not.

    `options` are its own, None where they are not known; a distribution may have taken a
    decompressor over into an older kernel, so that a release alone is never certain.
    """
    needs = tuple(dict.fromkeys(needs))
    if options is not None:
        for option in (_TAKES_INITRDS, *needs):
            if options.get(option) != "y":
                what = "takes no initrd" if option == _TAKES_INITRDS else "cannot unpack the initrd"
                yield Lack(True, f"The new kernel {what}: it lacks CONFIG_{option}")
        return
    if not needs:
        return
    from warmboot.core.payload.codecs.xz import FILTERS  # liblzma is loaded for nothing less

    version = kernel_version(release)
    came = {**options_since(), **{row.option: row.since for row in FILTERS.values()}}
    for option in needs:
        since = came.get(option)
        if version is not None and since is not None and version < since:
            yield Lack(
                False,
                f"The new kernel may not unpack the initrd: CONFIG_{option} came with Linux "
                f"{since[0]}.{since[1]}, and it is {release}",
            )


class Room(NamedTuple):
    """The memory that the new kernel has when it unpacks its initrds, in bytes.

    `half` is where its root file system ends before the memory does, where that is a tmpfs, and
    `tmpfs` whether it is one for certain. `kernel` is what the kernel itself takes, where ``mem=``
    limits the memory, else 0: a kernel that is placed outside keeps its place. `apart`: so do its
    initrds.
    """

    memory: int
    half: int | None = None
    tmpfs: bool = False
    kernel: int = 0
    apart: bool = False

    def lacking(self, files: int, content: int | None = None) -> Lack | None:
        """Return why initrds of so many bytes do not fit, None if they do, or may.

        `content` is how many bytes they unpack to, None where that is not known yet.
        """
        unpacked = content or 0
        if unpacked + (0 if self.apart else files) > self.memory:
            what, room = f"Initrds of {size(files)}", f"{size(self.memory)} of memory"
            if content is not None:
                what, room = f"{what} unpack to {size(content)}", f"{room} for both"
            return Lack(True, f"{what}, and the new kernel has {room}: it would panic")
        if self.half is not None and unpacked > self.half:
            return Lack(
                self.tmpfs,
                f"The initrds unpack to {size(unpacked)}, and without root= on the command line "
                f"the kernel's first root file system takes half of the memory, {size(self.half)}",
            )
        return None

    def beside_kernel(self, files: int, content: int = 0) -> Lack | None:
        """Return why they do not fit where the kernel itself lies in the memory, as it may."""
        whole = self.kernel + files + content
        if not self.kernel or whole <= self.memory:
            return None
        more = (" with its initrds" if files else "") + (" unpacked" if content else "")
        return Lack(
            False,
            f"The new kernel{more} takes {size(whole)}, and mem= leaves {size(self.memory)}: "
            "it may not come up",
        )


def read_room(
    host: Host, cmdline: str, options: Mapping[str, str] | None, kernel: int, *, panic: bool
) -> Room | None:
    """Return what there will be at most, None where it is not known.

    It is this machine's MemTotal, and what is kept from it for a crash kernel now, up to ``mem=``
    and without what the new ``crashkernel=`` keeps; of a crash kernel it is what is kept for it.
    MemTotal is without what a kernel takes; `kernel` is that of the new one in bytes.
    """
    words = [word for word in parse(cmdline) if word.group is not WordGroup.INIT]
    limit = None
    if panic:
        if not host.crash_size:
            return None
        memory = host.crash_size
    else:
        total = read_memory(host.prefix)
        if total is None:
            return None
        total += host.crash_size or 0
        kept = reserve([word.value or "" for word in words if word.key == "crashkernel"], total)
        memory = max(total - (kept.size if kept.known else 0), 0)
        limit = min(_limits(words), default=None)
    room = Room(memory)
    if limit is not None and limit < memory:
        apart = of_machine(host.machine) is Architecture.ARM64
        room = Room(limit, kernel=kernel, apart=apart)
    named = any(word.key == "root" and word.value for word in words)
    types = [word.value or "" for word in words if word.key == "rootfstype"]
    tmpfs = not named and all("tmpfs" in value for value in types[-1:])
    if not tmpfs or (options is not None and options.get("TMPFS") != "y"):
        return room
    return room._replace(half=room.memory // 2, tmpfs=options is not None)


def _limits(words: Iterable[Word]) -> Iterator[int]:
    """Yield what ``mem=`` leaves of the memory; a word that is no size (nopentium) does nothing."""
    for word in words:
        if word.key == "mem" and word.value:
            with contextlib.suppress(Malformed):
                limit = memparse(word.value)[0]
                if limit:
                    yield limit
