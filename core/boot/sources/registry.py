"""Every source of entries, in the order they are asked, best first."""

from __future__ import annotations

from warmboot.core.boot.sources import (
    bls,
    extlinux,
    flatcar,
    grub,
    kernel_install,
    limine,
    loose,
    modules,
    raspberry_pi,
    refind,
    systemd_boot,
    uboot,
    uki,
    unread,
    xen,
)
from warmboot.core.boot.sources.source import Source

SOURCES: tuple[Source, ...] = (
    bls.SOURCE,
    uki.SOURCE,
    systemd_boot.SOURCE,  # its default names what was found before
    grub.SOURCE,
    extlinux.SOURCE,
    limine.SOURCE,
    refind.SOURCE,
    raspberry_pi.SOURCE,
    uboot.SOURCE,
    xen.SOURCE,
    unread.SOURCE,  # named where the same loader has no menu that was read
    flatcar.SOURCE,
    kernel_install.SOURCE,
    loose.SOURCE,
    modules.SOURCE,
)
