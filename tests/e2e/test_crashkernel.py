"""What warmboot says crashkernel= keeps is what the kernel really kept."""

from __future__ import annotations

import pytest
from support.initrds import archive

from warmboot.core.payload.cpio_writer import directory
from warmboot.core.plan.checks.crashkernel import reserve

from . import tiny
from .fetch import Arch
from .initramfs import debian_kernel

pytestmark = pytest.mark.timeout(600)
MEMORY = 512  # MiB; 0x48000000 is where QEMU puts the initrd
VALUES = (
    *("16M", "0x1000000", "020000000", "16M@0x50000000", "16384K", "16m", "0", "auto", "600M"),
    *("0-256M:8M,256M-:32M", "256M-512M:16M,512M-:24M", "256M-512M:16M", "1G-512M:16M"),
    *("16M,low", "16M,foo", "16Mx", "16M crashkernel=32M", "8M,low crashkernel=16M"),
    *("bad crashkernel=16M", "16M crashkernel=bad", "0-:16M@x", "32M,high crashkernel=16M"),
)


#: With memory above 4 GiB, where what is to be high goes. That takes a kernel which knows of memory
#: that devices cannot reach (CONFIG_ZONE_DMA32): Debian's. It is slower, so these are few.
HIGH_MEMORY = 4608  # MiB; it begins at 1 GiB
HIGH = (
    *("64M,high crashkernel=16M,low", "64M,high crashkernel=0,low", "0x4000000,high"),
    *("64M,high crashkernel=96M,high crashkernel=16M,low", "24M crashkernel=64M,high"),
    *("bad,high", "64M,high crashkernel=bad,low"),
)
CMA = ("16M,cma", "32M crashkernel=16M,cma", "16M,cma crashkernel=32M")
RELEASE = "6.12"  # of the tiny kernel; ,cma came later


def differences(values: tuple[str, ...], memory: int, release: str, kernel: bytes | None) -> object:
    """Return what was kept in the guest, and what is said of it, where the two differ."""
    data = archive(tiny.report_init(), "", sys=directory())
    found = {}
    for value in values:
        seen = tiny.boot(data, f"crashkernel={value}", memory, kernel)
        said = reserve(value.split(" crashkernel="), memory << 20, release)
        # Where no size is given, the kernel chooses what it keeps below.
        low = seen.crash_low if said.low is not None else None
        if (seen.crash_size, low) != (said.size, said.low or None):
            found[value] = (seen, said)
    return found


def test_the_kernel_agrees() -> None:
    assert differences(VALUES, MEMORY, RELEASE, None) == {}


def test_the_kernel_agrees_on_high_memory() -> None:
    debian = debian_kernel(Arch.ARM64)
    assert differences(HIGH, HIGH_MEMORY, debian.release, debian.image) == {}


def test_a_kernel_before_cma_keeps_nothing_for_it() -> None:
    assert differences(CMA, MEMORY, RELEASE, None) == {}
