"""What warmboot says crashkernel= keeps is what the kernel really kept."""

from __future__ import annotations

import pytest
from support.initrds import archive

from warmboot.core.payload.cpio_writer import directory
from warmboot.core.plan.checks.crashkernel import reserve

from . import tiny

pytestmark = pytest.mark.timeout(600)
MEMORY = 512  # MiB; there is no high memory for ,high, and 0x48000000 is where QEMU puts the initrd
VALUES = (
    *("16M", "0x1000000", "020000000", "16M@0x50000000", "16384K", "16m", "0", "auto", "600M"),
    *("0-256M:8M,256M-:32M", "256M-512M:16M,512M-:24M", "256M-512M:16M", "1G-512M:16M"),
    *("16M,low", "16M,foo", "16Mx", "16M crashkernel=32M", "8M,low crashkernel=16M"),
    *("bad crashkernel=16M", "16M crashkernel=bad", "0-:16M@x", "32M,high crashkernel=16M"),
)


def test_the_kernel_agrees() -> None:
    data = archive(tiny.report_init(), "", sys=directory())
    kept, said = {}, {}
    for value in VALUES:
        kept[value] = tiny.boot(data, f"crashkernel={value}", MEMORY).crash_size
        said[value] = reserve(value.split(" crashkernel="), MEMORY << 20).size
    assert said == kept
