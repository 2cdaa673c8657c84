"""Every source of entries, in the order they are asked, best first."""

from __future__ import annotations

from warmboot.core.boot.sources import (
    bls,
    extlinux,
    grub,
    kernel_install,
    loose,
    modules,
    systemd_boot,
    uki,
)
from warmboot.core.boot.sources.source import Source

SOURCES: tuple[Source, ...] = (
    bls.SOURCE,
    uki.SOURCE,
    systemd_boot.SOURCE,  # its default names what was found before
    grub.SOURCE,
    extlinux.SOURCE,
    kernel_install.SOURCE,
    loose.SOURCE,
    modules.SOURCE,
)
