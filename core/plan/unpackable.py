"""Can the new kernel unpack an initrd, and has it the memory? By its build options and machine.

Sources: usr/Kconfig (RD_*), lib/xz/Kconfig (XZ_DEC_*), init/initramfs.c, init/do_mounts.c
(init_rootfs), mm/shmem.c (shmem_default_max_blocks).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping

from warmboot.core.architecture import kernel_version
from warmboot.core.boot.cmdline import Word, WordGroup, parse
from warmboot.core.host import Host
from warmboot.core.host.hardware import read_memory
from warmboot.core.images.compression import options_since
from warmboot.core.payload.codecs.xz import FILTERS
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
    `tmpfs` whether it is one for certain.
    """

    memory: int
    half: int | None = None
    tmpfs: bool = False

    def lacking(self, files: int, content: int) -> Lack | None:
        """Return why initrds of so many bytes with so much content do not fit, None if they do."""
        if files + content > self.memory:
            return Lack(
                True,
                f"Initrds of {size(files)} unpack to {size(content)}, and the new kernel has "
                f"{size(self.memory)} of memory for both: it would panic",
            )
        if self.half is not None and content > self.half:
            return Lack(
                self.tmpfs,
                f"The initrds unpack to {size(content)}, and without root= on the command line "
                f"the kernel's first root file system takes half of the memory, {size(self.half)}",
            )
        return None


def read_room(
    host: Host, cmdline: str, options: Mapping[str, str] | None, *, panic: bool
) -> Room | None:
    """Return what there will be at most, None where it is not known.

    It is this machine's MemTotal, and what is kept from it for a crash kernel now, up to ``mem=``
    and without what the new ``crashkernel=`` keeps; of a crash kernel it is what is kept for it.
    What the kernel itself takes comes on top.
    """
    words = [word for word in parse(cmdline) if word.group is not WordGroup.INIT]
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
        memory = min([total - (kept.size if kept.known else 0), *_limits(words)])
    memory = max(memory, 0)
    named = any(word.key == "root" and word.value for word in words)
    types = [word.value or "" for word in words if word.key == "rootfstype"]
    tmpfs = not named and all("tmpfs" in value for value in types[-1:])
    if not tmpfs or (options is not None and options.get("TMPFS") != "y"):
        return Room(memory)
    return Room(memory, memory // 2, options is not None)


def _limits(words: Iterable[Word]) -> Iterator[int]:
    """Yield what ``mem=`` leaves of the memory; a word that is no size (nopentium) does nothing."""
    for word in words:
        if word.key == "mem" and word.value:
            with contextlib.suppress(Malformed):
                limit = memparse(word.value)[0]
                if limit:
                    yield limit
