"""The full-screen program over a guest's serial console, as a person would use it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from .fetch import Arch
from .guest import Guest, converse, machine
from .initramfs import GUEST_FILES, guest_initramfs, second_initrd
from .proof import Nonces, SecondKernel, second_kernel
from .screen import Screen

pytestmark = pytest.mark.timeout(900)  # seconds, downloads and a second try included

RELEASE = "6.12.95-kexectest2"  # of the image in the repository
HOST = "e2e-guest"  # as guest/init names it
OPTIONS = "console=ttyAMA0 panic=-1 quiet"
TITLE = "A kernel to restart into"
# Seconds; measured alone: 15 to the first screen, 2 for a key, 4 to stage, 5 to the second kernel;
# on a busy machine eight times that.
START, KEY, STAGE, RESTART = 200.0, 60.0, 100.0, 100.0


def test_list_plan_stage_and_restart_by_keys(
    image_file: Callable[[str], Path], nonces: Nonces, tmp_path: Path
) -> None:
    kernel, initrd = f"/vmlinuz-{RELEASE}", f"/initrd.img-{RELEASE}"
    entry = f"title {TITLE}\nlinux {kernel}\ninitrd {initrd}\noptions {OPTIONS}\n"
    files = {
        "/boot/loader/entries/second.conf": entry.encode(),
        f"/boot{kernel}": image_file("arm64-6.12-gzip.vmlinuz.efi").read_bytes(),
        f"/boot{initrd}": second_initrd(Arch.ARM64, nonces.initrd),
    }
    initramfs = tmp_path / "initramfs.cpio"
    guest_initramfs(initramfs, Arch.ARM64, files, GUEST_FILES / "full-screen")

    def talk(guest: Guest) -> SecondKernel:
        screen = Screen(guest)
        screen.wait_for(TITLE, START)
        screen.press("enter")
        screen.wait_for("Esc Back", KEY)
        screen.press("e")
        screen.wait_for_field("Command line", KEY)
        screen.press("end")
        screen.wait_for_cursor_behind(OPTIONS, KEY)
        screen.write(f" e2e={nonces.cmdline}")
        screen.wait_for(f"+ e2e={nonces.cmdline}", KEY)
        screen.press("f2")
        screen.wait_for(f"{RELEASE} is staged", STAGE)
        screen.press("enter")
        screen.wait_while(f"{RELEASE} is staged", KEY)
        screen.wait_for(f"STAGED {RELEASE}", KEY)
        screen.press("x")
        screen.wait_for(f"Type {HOST}", KEY)
        screen.fill(f"Type {HOST}", HOST, KEY)
        screen.press("enter")
        return second_kernel(guest, nonces, RESTART)

    command = machine(Arch.ARM64, image_file("arm64-6.12.Image"), initramfs)
    assert converse(command, talk) == SecondKernel(RELEASE, f"{OPTIONS} e2e={nonces.cmdline}")
