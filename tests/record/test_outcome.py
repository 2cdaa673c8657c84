"""Whether what came up is what was staged, by what a kernel says of itself."""

from __future__ import annotations

import pytest

from warmboot.core.plan.staged import Staged
from warmboot.core.record.outcome import compare

LINE = "root=/dev/vda2 kexec initrd=0x1,0x2 quiet"
CAME = "release and command line are those that were staged"
OTHER = "the command line is not the one that was staged"


@pytest.mark.parametrize(
    ("running", "text"),
    [
        (LINE, CAME),
        (f" {LINE} \n", CAME),
        (f"kexec initrd=0x7c00000,0x203e40 {LINE}", CAME),
        (f"kexec_file initrd=0x7c00000,0x203e40 {LINE}", CAME),
        (f"kexec {LINE}", CAME),
        (f"kexec  initrd=0x7c00000,0x203e40  {LINE}", CAME),
        (f"kexecs {LINE}", OTHER),
        (f"kexec {LINE} initrd=3487547392,2113480", CAME),  # kexec-tools
        (f"{LINE} initrd=3487547392,2113480", OTHER),
        (f"kexec initrd=0x1,0x2 {LINE} initrd=3487547392,2113480", OTHER),
        (f"kexec {LINE} initrd=0x7c00000,203", OTHER),
        (f"kexec initrd=/boot/initrd {LINE}", OTHER),
        (f"kexec kexec {LINE}", OTHER),
        (LINE.removesuffix(" quiet"), OTHER),
        ("kexec ", OTHER),
    ],
)
def test_what_a_kexec_on_loongarch_puts_in_front_is_no_other_line(running: str, text: str) -> None:
    staged = Staged("e", "k", (), "7.2.13", LINE, "unpack", "kexec_load(2)", None, 1.0, "b")
    assert compare(staged, "7.2.13", running) == (text == CAME, text)
